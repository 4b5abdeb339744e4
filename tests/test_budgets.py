"""
Budgets: the database statements of each path, and the private keys that it loads.

A statement is named by its verb. A budget changes only for a reason.
"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token

from django_layer_identity import ledger
from django_layer_identity.issuing import issue_identity_token, warm_keys
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, URL, ask, configure, read
from tests.internals import reset_process_state

pytestmark = pytest.mark.django_db(transaction=True)  # BEGIN and COMMIT are counted

TOKEN = "rest_framework.authentication.TokenAuthentication"
ROW = "SELECT"  # the app, its active key and the user's ledger entry
NEW_ENTRY = "SELECT BEGIN INSERT COMMIT"  # who has the ID; then it is given to the user
LAST_USE = "UPDATE"  # of the key, once in ten minutes
SESSION = "SELECT SELECT"  # the session and the user


@pytest.fixture
def cost(parsed):
    """Return the statements of a call, and the number of private keys that it loaded."""

    def cost(call, *args, **kwargs):
        parsed.clear()
        with CaptureQueriesContext(connection) as captured:
            call(*args, **kwargs)
        verbs = [query["sql"].split()[0] for query in captured.captured_queries]
        return " ".join(verbs), len(parsed)

    return cost


@pytest.fixture
def known(key, alice):
    """A user with a ledger entry. The process has loaded the key and recorded its use."""
    issue_identity_token(alice, NONCE)
    return alice


@pytest.fixture
def bob(db, django_user_model):
    return django_user_model.objects.create(username="bob")


@pytest.fixture
def other(key, other_private_key):
    """Another app with an active key."""
    app = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    key = SigningKey.from_private_key(app, other_private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    return app


def issued(client, **headers):
    response = client.post(URL, {"nonce": NONCE}, "application/json", headers=headers)
    assert read(response)[0] == 200


def accepted(user, **parameters):
    assert read(ask(user, **parameters))[0] == 200


def refused(code, user, **parameters):
    assert read(ask(user, **parameters))[1]["code"] == code


# The steady state


def test_a_token_costs_one_query(known, cost):
    assert cost(issue_identity_token, known, NONCE) == (ROW, 0)


def test_the_endpoint_costs_one_query_besides_the_authentication(known, cost):
    assert cost(accepted, known, nonce=NONCE) == (ROW, 0)


def test_the_endpoint_with_a_session(known, cost):
    client = Client()
    client.force_login(known)

    assert cost(issued, client) == (f"{SESSION} {ROW}", 0)


def test_the_endpoint_with_a_token(known, settings, cost):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN])
    token = Token.objects.create(user=known)

    spent = cost(issued, Client(), authorization=f"Token {token.key}")

    assert spent == (f"SELECT {ROW}", 0)


def test_the_database_as_replay_guard(known, settings, cost):
    configure(settings, NONCE_GUARD="database")

    spent = cost(issue_identity_token, known, "b")

    assert spent == (f"{ROW} BEGIN INSERT COMMIT", 0)


# The first requests


def test_the_first_token_of_a_user(known, bob, cost):
    assert cost(issue_identity_token, bob, "b") == (f"{ROW} {NEW_ENTRY}", 0)


def test_the_first_token_of_a_process_after_another_has_used_the_key(known, cost):
    reset_process_state()

    assert cost(issue_identity_token, known, NONCE) == (ROW, 1)


def test_the_first_token_of_a_process_with_warm_keys(known, cost):
    reset_process_state()

    assert cost(warm_keys) == ("SELECT", 1)
    assert cost(issue_identity_token, known, NONCE) == (ROW, 0)


def test_the_first_token_with_a_key_that_was_not_used_for_long(known, cost):
    SigningKey.objects.update(last_used_at=None)
    reset_process_state()

    assert cost(issue_identity_token, known, NONCE) == (f"{ROW} {LAST_USE}", 1)


def test_warm_keys_costs_one_query_for_all_apps(key, other, cost):
    reset_process_state()

    assert cost(warm_keys) == ("SELECT", 2)


# Refusals


@pytest.mark.parametrize(
    ("code", "parameters", "statements"),
    [
        ("nonce_missing", {}, ""),
        ("nonce_invalid", {"nonce": "a\nb"}, ""),
        ("app_unknown", {"nonce": NONCE, "app_id": "nonsense"}, ""),
        ("app_unknown", {"nonce": NONCE, "app_id": str(KEY_ID)}, ROW),
        ("user_id_mismatch", {"nonce": NONCE, "user_id": "bob"}, ROW),
    ],
)
def test_a_request_that_the_client_must_correct(
    known, cost, code, parameters, statements
):
    assert cost(refused, code, known, **parameters) == (statements, 0)


def test_a_request_without_credentials(known, cost):
    def ask_without():
        response = Client().post(URL, {"nonce": NONCE}, "application/json")
        assert read(response)[1]["code"] == "not_authenticated"

    assert cost(ask_without) == ("", 0)


def test_a_request_with_a_wrong_token(known, settings, cost):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN])

    def ask_with_wrong_token():
        response = Client().post(
            URL, {}, "application/json", headers={"authorization": "Token wrong"}
        )
        assert read(response)[1]["code"] == "authentication_failed"

    assert cost(ask_with_wrong_token) == ("SELECT", 0)


def test_too_many_requests(known, settings, cost):
    configure(settings, THROTTLE_RATES={"user": "1/min"})
    ask(known, nonce=NONCE)

    assert cost(refused, "throttled", known, nonce=NONCE) == ("", 0)


def test_several_apps_without_an_app_id(known, other, cost):
    assert cost(refused, "app_id_required", known, nonce=NONCE) == (ROW, 0)


def test_an_app_without_an_active_key(known, key, cost):
    key.retire()

    assert cost(refused, "no_signing_key", known, nonce=NONCE) == (ROW, 0)


def test_a_nonce_of_another_user(known, bob, cost):
    issue_identity_token(bob, "b")

    spent = cost(refused, "nonce_already_used", bob, nonce=NONCE)

    assert spent == (ROW, 0)


def test_a_user_id_of_another_user(known, bob, cost):
    ledger.rename(LayerApp.objects.get(), known, "bob")

    assert cost(refused, "user_id_taken", bob, nonce="b") == (f"{ROW} SELECT", 0)


# The rotation of a key


@pytest.fixture
def ready(known, draft):
    """A key that can be activated after the active one."""
    draft.set_key_id(OTHER_KEY_ID)
    return draft


def test_an_activation_loads_the_key_once_for_its_self_test(ready, cost):
    former = "SELECT"
    lock = "UPDATE SELECT SELECT"  # the app, and the key is read again
    changes = "SELECT UPDATE UPDATE UPDATE"  # the former key, this one and the app

    assert cost(ready.activate) == (f"{former} BEGIN {lock} {changes} COMMIT", 1)


def test_the_first_token_after_a_rotation(known, ready, cost):
    ready.activate()

    assert cost(issue_identity_token, known, NONCE) == (f"{ROW} {LAST_USE}", 1)
    assert cost(issue_identity_token, known, NONCE) == (ROW, 0)


def test_the_first_token_after_a_rollback_loads_no_key(known, key, ready, cost):
    ready.activate()
    issue_identity_token(known, NONCE)
    key.activate()

    assert cost(issue_identity_token, known, NONCE) == (ROW, 0)


def test_a_retirement_and_a_revocation_load_no_key(key, ready, cost):
    lock = "UPDATE SELECT SELECT"

    assert cost(key.retire) == (f"BEGIN {lock} UPDATE COMMIT", 0)
    assert cost(key.revoke, "leaked") == (f"BEGIN {lock} UPDATE COMMIT", 0)
