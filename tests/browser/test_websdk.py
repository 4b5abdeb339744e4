"""Layer's own web SDK from npm signs in with the package's tokens."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

SIGN_IN = ["connected", "challenge", "authenticated", "ready"]
ALICE = "Alice Zoë 東京 😀"
LAYER = {"Accept": "application/vnd.layer+json; version=2.0"}


@pytest.fixture
def sdk(phone, bundle):
    """The demo's page with the SDK, before the sign-in."""
    phone.page.route("**/bundle.js", lambda route: route.fulfill(path=bundle))
    phone.page.add_script_tag(url="/bundle.js")
    app_id = "JSON.parse(document.getElementById('config').textContent).appId"
    phone.page.evaluate(f"window.app = new App({app_id})")
    return phone


def sign_in(phone, person):
    phone.press(person)
    phone.sees_status(f"Signed in as {person.lower()}.")


def connect(phone, user_id):
    return phone.page.evaluate("userId => app.connect(userId)", user_id)


def logout(phone):
    events = phone.page.evaluate("app.logout()")["events"]
    phone.press("Sign out")
    phone.is_offered("Alice", "Bob")
    return events


def test_alice_and_then_bob_authenticate_on_the_same_page(sdk):
    sign_in(sdk, "Alice")
    alice = connect(sdk, "alice")
    left = logout(sdk)
    sign_in(sdk, "Bob")
    bob = connect(sdk, "bob")

    assert (alice["events"], alice["user"]["userId"]) == (SIGN_IN, "alice")
    assert left == ["deauthenticated"]
    assert (bob["events"], bob["user"]["userId"]) == (SIGN_IN, "bob")


def test_the_display_name_arrives_unchanged_in_token_and_identity(sdk):
    sign_in(sdk, "Alice")

    alice = connect(sdk, "alice")

    assert sdk.page.evaluate("app.nameInToken") == ALICE
    assert alice["user"] == {
        "userId": "alice",
        "displayName": ALICE,
        "firstName": "Alice Zoë",
        "isFullIdentity": True,
    }


def test_a_nonce_with_all_base64_symbols_arrives_unchanged(sdk):
    sign_in(sdk, "Alice")

    alice = connect(sdk, "alice")

    assert len(alice["nonce"]) == 88
    assert {"+", "/", "="} < set(alice["nonce"])
    assert alice["events"] == SIGN_IN


def test_the_user_id_of_another_user_is_refused(sdk):
    sign_in(sdk, "Bob")

    refused = connect(sdk, "alice")

    assert refused["events"] == ["connected", "challenge"]
    assert refused["refusal"]["code"] == "user_id_mismatch"
    assert refused["refusal"]["status"] == 403
    assert refused["refusal"]["user_id"] == "bob"


def test_logging_out_ends_the_session_at_layer_and_on_the_device(sdk):
    stored = "localStorage['layer-session-data-' + app.client.appId]"
    sign_in(sdk, "Alice")
    connect(sdk, "alice")
    token = sdk.page.evaluate("app.client.sessionToken")
    assert token in sdk.page.evaluate(stored)

    logout(sdk)

    headers = {**LAYER, "Authorization": f'Layer session-token="{token}"'}
    answer = sdk.page.request.get("/sandbox/identities/alice", headers=headers)
    assert answer.status == 401
    assert sdk.page.evaluate(stored) is None
