"""The helpers for other projects' tests, and the fixtures of the pytest plug-in."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.conf.urls.i18n import i18n_patterns
from django.core import mail
from django.http import HttpResponse
from django.test import LiveServerTestCase, TestCase, override_settings
from django.urls import path

from django_layer_identity import testing
from django_layer_identity.exceptions import KeyStateError
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.keys.rsa import TEST_KEY_FINGERPRINT
from django_layer_identity.models import LayerApp, SigningKey
from tests.endpoint import JSON, NONCE, URL
from tests.key_pairs import VECTORS
from tests.pages import page

OTHER_NONCE = NONCE[::-1]


def issue(user, nonce=NONCE, **options):
    return issue_identity_token(user, nonce, **options).token


def failure_of(response_or_token, **expected):
    with pytest.raises(AssertionError) as caught:
        testing.assert_identity_token(response_or_token, **expected)
    return str(caught.value)


def documented_failures():
    """Return the examples on the page."""
    blocks = re.findall(
        r"^\.\. code-block:: text\n\n((?:   .*\n)+)",
        page("testing").read_text(),
        re.MULTILINE,
    )
    return [
        textwrap.dedent(block).removeprefix("AssertionError: ").rstrip()
        for block in blocks
    ]


# The key


def test_the_package_has_the_key_of_the_vectors():
    package = VECTORS.parent.parent / "django_layer_identity"
    ours = package / "keys/public_test_key.pem"

    assert ours.read_text() == (VECTORS / "private_key.pem").read_text()


def test_the_key_is_active_and_signs(layer_key, alice):
    assert layer_key.fingerprint == TEST_KEY_FINGERPRINT
    assert layer_key.state == SigningKey.State.ACTIVE
    assert layer_key.app.frozen_at is None  # the object is older than the row
    assert LayerApp.objects.get().frozen_at is not None

    testing.assert_identity_token(issue(alice))


def test_the_key_is_created_once(layer_key):
    assert testing.create_layer_key() == layer_key
    assert testing.create_layer_key(layer_key.app) == layer_key


def test_the_key_can_be_the_key_of_several_apps(layer_key, app, alice):
    testing.create_layer_key(app)

    token = issue(alice, app=app)

    assert testing.assert_identity_token(token, user=alice, app=app).user_id == "alice"


def test_creating_the_key_again_parses_no_file(layer_key, app, monkeypatch):
    monkeypatch.delattr("django_layer_identity.testing.read_private_key")

    assert testing.create_layer_key(app).state == "active"


def test_the_key_passes_through_its_lifecycle(layer_key):
    layer_key.retire()
    layer_key.revoke("The test is over.")

    assert layer_key.state == "revoked"


# Settings


def test_a_key_that_is_not_active_any_more_is_not_returned(layer_key):
    layer_key.retire()

    with pytest.raises(KeyStateError) as caught:
        testing.create_layer_key()

    assert str(caught.value) == (
        "The Layer app Tests already has this key, but it is not active."
    )


def test_an_app_with_another_active_key_is_refused(layer_app, private_key, key):
    with pytest.raises(KeyStateError) as caught:
        testing.create_layer_key(key.app)

    assert str(caught.value) == (
        "The Layer app Messenger already has another active key."
    )


def test_outside_of_tests_nothing_is_stored(key, monkeypatch):
    monkeypatch.delattr(mail, "outbox")

    for create in (testing.create_layer_app, lambda: testing.create_layer_key(key.app)):
        with pytest.raises(RuntimeError) as caught:
            create()
        assert str(caught.value) == (
            "django_layer_identity.testing works only in tests that Django or "
            "pytest-django runs."
        )
    assert SigningKey.objects.get() == key


def test_rate_limits_are_off(layer_key, alice, client, settings):
    client.force_login(alice)
    assert settings.LAYER_IDENTITY["THROTTLE_RATES"] == {"user": None, "failures": None}

    settings.LAYER_IDENTITY = testing.layer_settings(THROTTLE_RATES={"user": "1/day"})
    statuses = [
        client.post(URL, {"nonce": testing.new_nonce()}, JSON).status_code for _ in "ab"
    ]
    assert statuses == [200, 429]


def test_the_projects_encryption_keys_are_used(settings):
    present = settings.LAYER_IDENTITY["KEY_ENCRYPTION_KEYS"]

    assert testing.layer_settings()["KEY_ENCRYPTION_KEYS"] == present


def test_without_encryption_keys_one_is_made_up(settings):
    del settings.LAYER_IDENTITY

    assert testing.layer_settings()["KEY_ENCRYPTION_KEYS"] == [testing.ENCRYPTION_KEY]


# Tokens


@pytest.fixture
def token(layer_key, alice):
    return issue(alice)


def test_a_token_of_any_form_is_accepted(
    layer_key, alice, client, assert_identity_token
):
    client.force_login(alice)
    response = client.post(URL, {"nonce": NONCE}, JSON)
    issued = issue_identity_token(alice, NONCE)

    for each in (response, issued, issued.token):
        identity = assert_identity_token(each, user=alice, nonce=NONCE)
        assert (identity.user_id, identity.nonce) == ("alice", NONCE)


def test_a_token_of_another_user_is_refused(token, django_user_model):
    bob = django_user_model.objects.create_user("bob")
    issue(bob, OTHER_NONCE)

    assert failure_of(token, user=bob) == (
        "Layer would accept this identity token, but:\n"
        "* It is for the Layer user ID 'alice', not 'bob'."
    )


def test_a_user_without_a_layer_user_id_is_named(token, django_user_model):
    bob = django_user_model.objects.create_user("bob")

    assert failure_of(token, user=bob) == (
        "Layer would accept this identity token, but:\n"
        "* bob has no Layer user ID; the token is for 'alice'."
    )


def test_every_claim_that_differs_is_named(token):
    assert failure_of(token, user="bob", first_name="Bob", last_name=None) == (
        "Layer would accept this identity token, but:\n"
        "* It is for the Layer user ID 'alice', not 'bob'.\n"
        "* first_name is 'Alice', not 'Bob'.\n"
        "* last_name is 'Liddell', not None."
    )


def test_an_absent_claim_is_none(token):
    testing.assert_identity_token(token, user="alice", avatar_url=None)


def test_a_token_with_another_nonce_explains_itself(token):
    assert failure_of(token, nonce=OTHER_NONCE) == documented_failures()[0]


def test_a_token_of_another_app_explains_itself(token, app, private_key):
    other = SigningKey.from_private_key(app, private_key, key_id=UUID(int=7))
    other.save()

    assert "(eit_provider_not_bound_to_app)" in failure_of(token, app=app)


def test_a_token_of_an_unknown_key_explains_itself(token):
    SigningKey.objects.all().get().revoke("leaked")

    assert "(eit_key_disabled)" in failure_of(token)


def test_text_that_is_not_a_token_explains_itself(db):
    assert "must have three parts separated by dots, not 1." in failure_of("token")


def test_a_refusal_explains_itself(layer_key, alice, client):
    layer_key.retire()
    client.force_login(alice)

    response = client.post(URL, {"nonce": NONCE}, JSON)

    assert failure_of(response) == documented_failures()[1]


@pytest.mark.parametrize("json", [dict, list, lambda: {"code": "made_up"}])
def test_a_response_of_another_view_is_named(json):
    response = SimpleNamespace(status_code=404, json=json)

    assert failure_of(response) == (
        "The response has no identity token. Its status is 404:\n"
        "* It is not a response of the endpoint. Compare the URL with your urls.py."
    )


def test_a_response_that_is_not_json_is_named(client):
    assert failure_of(client.get("/nowhere")).splitlines()[0] == (
        "The response has no identity token. Its status is 404:"
    )


def test_a_success_without_a_token_is_named():
    response = SimpleNamespace(status_code=200, json=dict)

    assert "Its status is 200:" in failure_of(response)


# The sandbox


def test_the_sandbox_accepts_its_own_nonce(layer_sandbox, layer_nonce, alice):
    token = issue(alice, layer_nonce)

    assert layer_sandbox.url.endswith("/sandbox/")  # as in this project's urls.py
    assert layer_sandbox.open_session(token)


def test_the_sandbox_says_why_it_refuses(layer_sandbox, alice):
    token = issue(alice, testing.new_nonce())

    with pytest.raises(AssertionError) as caught:
        layer_sandbox.open_session(token, LayerApp.objects.get())

    assert str(caught.value) == (
        "The sandbox refused the request:\n* Nonce not found or expired. (422)"
    )


def test_a_project_without_a_sandbox_gets_one(settings, client, key, alice, request):
    settings.ROOT_URLCONF = "tests.host_project.urls"

    sandbox = request.getfixturevalue("layer_sandbox")

    assert sandbox.url.endswith("/layer-sandbox/")
    assert sandbox.create_nonce()
    assert client.post("/chat", {"nonce": NONCE}).status_code == 403


urlpatterns = i18n_patterns(path("here/", lambda request: HttpResponse("here")))
handler404 = "tests.testing.test_testing.not_found"


def not_found(request, exception):
    return HttpResponse("the project's own page", status=404)


def test_the_projects_prefixes_and_error_pages_are_kept(settings, client, request):
    settings.ROOT_URLCONF = __name__

    request.getfixturevalue("layer_sandbox")

    assert client.get("/en-us/here/").content == b"here"
    assert client.get("/elsewhere/").content == b"the project's own page"


def test_without_the_sandbox_a_nonce_is_made_up(layer_nonce):
    assert len(layer_nonce) == 88
    assert layer_nonce != testing.new_nonce()


# Test cases


class TokenTests(testing.LayerTestMixin, TestCase):
    def test_a_token_is_checked(self):
        settings = django_settings.LAYER_IDENTITY
        alice = self._create_alice()
        self.client.force_login(alice)

        response = self.client.post(URL, {"nonce": self.layer_nonce})

        self.assertIdentityToken(response, user=alice, nonce=self.layer_nonce)
        with pytest.raises(AssertionError):
            self.assertIdentityToken(response, user="bob")
        assert settings["THROTTLE_RATES"]["user"] is None

    def _create_alice(self):
        from django.contrib.auth.models import User

        return User.objects.create_user("alice")


class SandboxTests(testing.LayerTestMixin, LiveServerTestCase):
    def test_the_sandbox_accepts_its_own_nonce(self):
        alice = TokenTests._create_alice(self)
        sandbox = self.layer_sandbox

        token = issue(alice, self.layer_nonce)

        assert sandbox.open_session(token)
        with (
            override_settings(LAYER_IDENTITY={}),
            pytest.raises(AssertionError) as caught,
        ):
            sandbox.create_nonce()
        assert str(caught.value) == (
            "The sandbox did not answer:\n* The status is 404. Change LAYER_IDENTITY "
            "only with layer_settings(SANDBOX=True, ...)."
        )


def test_the_settings_are_restored_after_the_test_cases():
    assert "THROTTLE_RATES" not in django_settings.LAYER_IDENTITY


def test_the_plugin_imports_neither_django_nor_the_package():
    code = (
        "import sys, django_layer_identity.pytest_plugin as own\n"
        "found = {name for name in sys.modules if name.startswith('django')}\n"
        "print(sorted(found - {'django_layer_identity', own.__name__}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
