"""The page of the example project, in Chromium."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

ALICE = "Alice Zoë 東京 😀"
SESSION_COOKIE = re.compile("layer_demo_session")  # its name ends with the port
LAYER = {"Accept": "application/vnd.layer+json; version=2.0"}


def test_alice_signs_out_and_bob_authenticates_on_the_same_page(phone):
    phone.authenticate("Alice")
    phone.leave()
    phone.sees_status("alice has signed out. Sign in the next user.")
    phone.authenticate("Bob")

    phone.sees("connect", "Bob Martin")


def test_only_the_button_of_the_next_step_is_enabled(phone):
    phone.is_offered("Alice", "Bob")
    phone.press("Alice")
    phone.is_offered("Ask for a nonce")
    phone.press("Ask for a nonce")
    phone.is_offered("Get the token")
    phone.press("Get the token")
    phone.is_offered("Send the token")
    phone.press("Send the token")
    phone.is_offered("Deauthenticate")


def test_sign_in_waits_for_the_answer_to_the_deauthentication(phone):
    held = []
    phone.page.route("**/sandbox/sessions/*", lambda route: held.append(route))
    phone.authenticate("Alice")

    with phone.page.expect_request("**/sandbox/sessions/*"):
        phone.press("Deauthenticate")
    phone.is_offered()
    assert not any(request.url.endswith("/sign-out") for request in phone.requests)

    held[0].continue_()
    phone.is_offered("Alice", "Bob")
    assert phone.requests[-1].url.endswith("/sign-out")


def test_all_requests_stay_on_this_machine_and_the_console_is_empty(phone):
    phone.authenticate("Alice")
    phone.leave()

    assert {urlsplit(request.url).hostname for request in phone.requests} == {
        "127.0.0.1"
    }
    assert phone.console == []


def test_layer_never_gets_the_cookies_of_the_site(phone):
    phone.authenticate("Alice")

    sent = {
        urlsplit(request.url).path: "cookie" in request.all_headers()
        for request in phone.requests
        if request.method == "POST"
    }
    assert sent == {
        "/sign-in": True,
        "/sandbox/nonces": False,
        "/layer/authenticate": True,
        "/sandbox/sessions": False,
    }


def test_the_display_name_arrives_unchanged(phone):
    phone.authenticate("Alice")

    identity = phone.step("connect").locator(".identity .name")
    assert identity.inner_text() == ALICE


def test_each_step_shows_its_requests_and_responses(phone):
    phone.authenticate("Alice")

    lines = phone.page.locator("summary:has(.line)").all_inner_texts()
    assert [line.split() for line in lines] == [
        ["POST", "/sign-in", "200"],
        ["POST", "/sandbox/nonces", "201"],
        ["POST", "/layer/authenticate", "200"],
        ["POST", "/sandbox/sessions", "201"],
        ["GET", "/sandbox/identities/alice", "200"],
    ]
    exchange = phone.step("authenticate").locator("details").first
    assert '"user_id": "alice"' in exchange.text_content()
    assert '"identity_token": "ey' in exchange.text_content()


def test_the_token_is_explained(phone):
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    meaning = phone.step("authenticate").locator("details").nth(1)
    names = meaning.locator("dt code").all_inner_texts()
    claims = dict(zip(names, meaning.locator("dd").all_inner_texts(), strict=True))
    assert claims["cty"] == "layer-eit;v=1"
    assert claims["prn"] == "alice"
    assert claims["display_name"] == ALICE
    assert claims["nce"] == phone.step("nonce").locator(".result code").inner_text()
    assert re.fullmatch(r"\d{10}\n.+\d{4}, \d+:\d\d:\d\d .+", claims["exp"])


def test_a_reload_keeps_the_session(phone):
    phone.authenticate("Alice")

    phone.page.reload()

    phone.sees_status("Authenticated as alice")
    phone.sees("connect", ALICE)
    phone.is_offered("Deauthenticate")


def test_a_reload_before_the_session_continues_with_a_new_nonce(phone):
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    phone.page.reload()

    phone.sees_status("Signed in as alice.")
    phone.is_offered("Ask for a nonce")


def test_a_session_that_ended_at_layer_is_started_again(phone):
    phone.authenticate("Alice")
    delete = next(r for r in phone.requests if "/identities/" in r.url).all_headers()
    token = re.search('"(.+)"', delete["authorization"])[1]
    phone.page.request.delete(f"/sandbox/sessions/{token}", headers=LAYER)

    phone.page.reload()

    phone.sees_error("connect", "401 · 4 · authentication_required")
    phone.is_offered("Ask for a nonce")


def test_a_session_of_another_user_must_be_deauthenticated_first(phone):
    phone.authenticate("Alice")
    phone.page.context.clear_cookies(name=SESSION_COOKIE)

    phone.page.reload()

    phone.sees_status("Layer still has a session of alice on this device.")
    phone.leave()


def test_a_refusal_is_shown_and_the_user_can_sign_out(phone):
    phone.press("Alice", "Ask for a nonce")
    phone.is_offered("Get the token")
    phone.page.context.clear_cookies(name=SESSION_COOKIE)

    with phone.page.expect_response("**/layer/authenticate") as refused:
        phone.press("Get the token")

    detail = refused.value.json()["detail"]
    phone.sees_error("authenticate", detail, "403 · not_authenticated")
    phone.press("Sign out")
    phone.is_offered("Alice", "Bob")


def test_after_a_lost_answer_from_layer_a_new_nonce_works(phone):
    def lose_the_answer(route):
        route.fetch()
        route.abort()

    phone.page.route("**/sandbox/sessions", lose_the_answer, times=1)
    phone.press("Alice", "Ask for a nonce", "Get the token", "Send the token")
    phone.sees_error("connect", "The server did not answer. Is it still running?")

    phone.press("Send the token")
    phone.sees_error("connect", "Nonce not found or expired.", "invalid_property")

    phone.press("Start again with a new nonce")
    phone.press("Ask for a nonce", "Get the token", "Send the token")
    phone.sees_status("Authenticated as alice")


@pytest.mark.parametrize("username", ["admin", "ALICE", "unknown", ""])
def test_only_alice_and_bob_can_sign_in_by_button(phone, username):
    answer = phone.page.request.post(
        "/sign-in",
        form={"username": username},
        headers={"X-CSRFToken": phone.csrf_token()},
    )

    assert (answer.status, answer.json()) == (
        403,
        {
            "code": "not_a_demo_user",
            "detail": "The sign-in buttons are only for alice and bob.",
        },
    )


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_other_sites_cannot_sign_users_in_or_out(phone, path):
    answer = phone.page.request.post(path, form={"username": "alice"})

    assert answer.status == 403


def test_the_admin_accepts_the_password_of_the_first_run(phone, demo):
    passwords = json.loads((demo.data / "secrets.json").read_text())["passwords"]
    phone.page.get_by_role("link", name="Open the admin").click()

    phone.page.get_by_label("Username").fill("admin")
    phone.page.get_by_label("Password").fill(passwords["admin"])
    phone.press("Log in")

    phone.page.get_by_role("link", name="Layer apps").first.click()
    phone.page.get_by_role("link", name="Demo", exact=True).wait_for()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_the_width(phone, width):
    phone.page.set_viewport_size({"width": width, "height": 844})
    phone.authenticate("Alice")
    phone.page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")

    assert phone.page.evaluate("document.documentElement.scrollWidth") == width
