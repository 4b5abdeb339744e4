"""``issue_identity_token()``, without HTTP."""

from __future__ import annotations

import time
import traceback
from datetime import datetime, timedelta, timezone
from uuid import UUID

import jwt
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import InterfaceError, OperationalError, connection
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import (
    AppIDRequired,
    AppUnknown,
    AuthenticationFailed,
    NonceInvalid,
    NonceMissing,
    NoSigningKey,
    SigningFailed,
    Unavailable,
    UserIDMismatch,
    UserInactive,
)
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, ask, configure, decode, read
from tests.models import Member

OTHER_APP_ID = UUID("aaaaaaaa-0000-4000-8000-000000000009")
RANDOM_IDS = "django_layer_identity.mapping.user_ids:random_uuid"


def issue(user, nonce=NONCE, **options):
    return issue_identity_token(user, nonce, **options)


def is_ours(value):
    return type(value).__module__.startswith("django_layer_identity")


def times(user, key):
    """Return the seconds before and after a token is issued, its ``iat`` and ``exp``."""
    before = int(time.time())
    claims = decode(issue(user).token, key)
    return before, int(time.time()), claims["iat"], claims["exp"]


def test_a_token_has_layers_header(key, alice):
    assert jwt.get_unverified_header(issue(alice).token) == {
        "typ": "JWT",
        "alg": "RS256",
        "cty": "layer-eit;v=1",
        "kid": f"layer:///keys/{KEY_ID}",
    }


def test_a_token_has_layers_claims(key, alice):
    issued = issue(alice)

    claims = decode(issued.token, key)
    assert claims == {
        "iss": f"layer:///providers/{PROVIDER_ID}",
        "prn": "alice",
        "iat": claims["iat"],
        "exp": claims["exp"],
        "nce": NONCE,
        "display_name": "Alice Liddell",
        "first_name": "Alice",
        "last_name": "Liddell",
    }
    assert (type(claims["iat"]), type(claims["exp"])) == (int, int)


def test_the_result_matches_the_token(app, key, alice):
    issued = issue(alice)

    claims = decode(issued.token, key)
    assert (issued.user_id, issued.app, issued.key_id) == (
        "alice",
        app,
        f"layer:///keys/{KEY_ID}",
    )
    assert issued.issued_at == datetime.fromtimestamp(claims["iat"], timezone.utc)
    assert issued.expires_at == datetime.fromtimestamp(claims["exp"], timezone.utc)


def test_the_repr_of_the_result_does_not_show_the_token(key, alice):
    issued = issue(alice)

    assert issued.token not in repr(issued)


def test_the_repr_of_the_result_does_not_show_the_user_id(key, alice):
    assert "alice" not in repr(issue(alice))


def test_after_a_lost_race_the_token_is_for_the_user_id_of_the_result(
    settings, key, alice, rf
):
    faster = []

    def overtake(context):  # called after an ID is chosen and before it is recorded
        if context.request is not None:
            faster.append(issue(alice, "the nonce of another request"))

    configure(settings, USER_ID=RANDOM_IDS, CLAIMS={"display_name": overtake})

    issued = issue(alice, request=rf.post("/"))

    assert issued.user_id == faster[0].user_id
    assert decode(issued.token, key)["prn"] == issued.user_id


def test_names_are_sent_as_ascii_and_decoded_unchanged(key, alice):
    alice.first_name, alice.last_name = "Zoë 東京", "😀"

    issued = issue(alice)

    payload = jwt.utils.base64url_decode(issued.token.split(".")[1])
    assert payload.isascii()
    assert decode(issued.token, key)["display_name"] == "Zoë 東京 😀"


def test_a_token_lives_five_minutes_and_iat_is_five_seconds_back(key, alice):
    before, after, issued_at, expires_at = times(alice, key)

    assert before - 5 <= issued_at <= after - 5
    assert expires_at - issued_at == 305


def test_lifetime_and_clock_skew_are_settings(settings, key, alice):
    configure(
        settings, TOKEN_LIFETIME=timedelta(hours=2), CLOCK_SKEW=timedelta(minutes=1)
    )

    before, after, issued_at, expires_at = times(alice, key)

    assert before - 60 <= issued_at <= after - 60
    assert expires_at - issued_at == 7260


def test_an_app_may_have_its_own_lifetime(app, key, alice):
    app.token_lifetime = timedelta(hours=24)
    app.save()

    _, _, issued_at, expires_at = times(alice, key)

    assert expires_at - issued_at == 86_405


@pytest.mark.parametrize(
    "changes",
    [
        {"TOKEN_LIFETIME": timedelta(hours=24, seconds=1)},
        {"TOKEN_LIFETIME": timedelta(seconds=29)},
        {"TOKEN_LIFETIME": timedelta(0), "CLOCK_SKEW": timedelta(0)},
        {"TOKEN_LIFETIME": 300},
        {"CLOCK_SKEW": 5},
    ],
)
def test_an_invalid_lifetime_signs_nothing(settings, key, alice, changes):
    configure(settings, **changes)

    with pytest.raises(SigningFailed):
        issue(alice)


@pytest.mark.parametrize(
    "form", [str, lambda app_id: f"layer:///apps/production/{app_id}"]
)
def test_the_app_may_be_named_by_its_id(app, key, alice, form):
    assert issue(alice, app=form(APP_ID)).app == app


def test_the_app_may_be_an_instance(app, key, alice):
    assert issue(alice, app=app).app == app


def test_the_given_app_is_read_again(app, key, alice):
    LayerApp.objects.update(enabled=False)

    with pytest.raises(AppUnknown):
        issue(alice, app=app)


def test_with_several_apps_the_app_is_required(app, key, alice):
    LayerApp.objects.create(name="B", app_id=OTHER_APP_ID, provider_id=PROVIDER_ID)

    with pytest.raises(AppIDRequired):
        issue(alice)
    with pytest.raises(NoSigningKey):
        issue(alice, app=str(OTHER_APP_ID))


@pytest.mark.parametrize(
    ("nonce", "refusal"),
    [
        (None, NonceMissing),
        ("", NonceMissing),
        (17, NonceInvalid),
        (b"x", NonceInvalid),
    ],
)
def test_a_nonce_must_be_text(key, alice, nonce, refusal):
    with pytest.raises(refusal):
        issue(alice, nonce)


@pytest.mark.parametrize("expected", [None, "", "alice"])
def test_the_expected_user_id_is_compared(key, alice, expected):
    assert issue(alice, expected_user_id=expected).user_id == "alice"


def test_the_expected_user_id_is_never_trusted(key, alice):
    with pytest.raises(UserIDMismatch) as refused:
        issue(alice, expected_user_id="bob")

    assert refused.value.user_id == "alice"


@pytest.mark.parametrize(
    "user",
    [
        pytest.param(None, id="none"),
        pytest.param(AnonymousUser(), id="anonymous"),
        pytest.param(User(username="alice"), id="not-saved"),
        pytest.param(User(pk=17, username="alice"), id="not-saved-with-a-primary-key"),
    ],
)
def test_objects_that_are_not_saved_users_are_refused(key, user):
    with pytest.raises(AuthenticationFailed):
        issue(user)


def test_a_deleted_user_is_refused(key, alice):
    alice.delete()

    with pytest.raises(AuthenticationFailed):
        issue(alice)


def test_an_inactive_user_is_refused(key, alice):
    alice.is_active = False

    with pytest.raises(UserInactive):
        issue(alice)


@pytest.fixture
def replicated_alice(alice):
    """Alice, read from a replica that lags behind."""
    alice._state.db = "replica"
    return alice


def test_a_user_deactivated_since_the_replica_was_read_is_refused(
    key, replicated_alice
):
    User.objects.update(is_active=False)

    with pytest.raises(UserInactive):
        issue(replicated_alice)
    assert read(ask(replicated_alice, nonce=NONCE))[1]["code"] == "user_inactive"


def test_a_user_deleted_since_the_replica_was_read_is_refused(key, replicated_alice):
    User.objects.all().delete()

    with pytest.raises(AuthenticationFailed):
        issue(replicated_alice)


def test_a_user_activated_since_the_replica_was_read_gets_a_token(
    key, replicated_alice
):
    replicated_alice.is_active = False

    assert issue(replicated_alice).user_id == "alice"


def test_a_replicated_user_needs_one_more_query(key, alice, django_assert_num_queries):
    ask(alice, nonce=NONCE)

    with django_assert_num_queries(1):
        ask(alice, nonce=NONCE)
    alice._state.db = "replica"
    with django_assert_num_queries(2):
        ask(alice, nonce=NONCE)


def test_a_replicated_user_that_cannot_be_read_again_is_unavailable(
    key, replicated_alice
):
    def fail(*args):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail), pytest.raises(Unavailable):
        issue(replicated_alice)


def test_a_user_of_another_model_is_refused(key, alice):
    member = Member.objects.create(email="zoe@example.com")

    with pytest.raises(AuthenticationFailed):
        issue(member)
    assert str(member) == "zoe@example.com"


def test_callables_get_user_app_and_request(settings, app, key, alice):
    contexts = []

    def identify(context):
        contexts.append(context)
        return "a"

    configure(settings, USER_ID=identify, USER_ID_CHANGE="follow")
    request = RequestFactory().post("/")

    issue(alice, request=request)
    issue(alice)

    assert [(context.user, context.app, context.request) for context in contexts] == [
        (alice, app, request),
        (alice, app, None),
    ]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_outage_is_a_refusal_with_its_cause(key, alice, error):
    def fail(*args):
        raise error("gone")

    with connection.execute_wrapper(fail), pytest.raises(Unavailable) as refused:
        issue(alice)

    assert isinstance(refused.value.__cause__, error)


def test_a_database_that_fails_while_the_ledger_is_read_is_a_refusal(key, alice):
    def fail(execute, sql, *args):
        if 'FROM "layer_identity_layeruser"' in sql:
            raise OperationalError("gone")
        return execute(sql, *args)

    with connection.execute_wrapper(fail), pytest.raises(Unavailable) as refused:
        issue(alice)

    assert str(refused.value.__cause__) == "gone"


@pytest.mark.parametrize(
    ("owner", "name"), [(SigningKey, "load_signer"), (PrivateKey, "sign")]
)
def test_an_error_report_of_a_failure_does_not_show_the_nonce(
    key, alice, monkeypatch, rf, owner, name
):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(owner, name, fail)

    with pytest.raises(SigningFailed) as caught:
        issue_identity_token(alice, "a-nonce-to-be-kept")

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()
    ours = [frame for frame in frames if "/tests/" not in frame["filename"]]
    shown = [value for frame in ours for _, value in frame["vars"]]
    assert len(shown) > 20
    assert not [value for value in shown if "a-nonce-to-be-kept" in value]


def test_no_object_in_a_traceback_shows_the_nonce_or_the_user_id(
    settings, key, alice, monkeypatch
):
    def fail(self, message):
        raise RuntimeError

    configure(settings, USER_ID=lambda context: "an-id-to-be-kept")
    issue(alice)
    monkeypatch.setattr(PrivateKey, "sign", fail)

    with pytest.raises(SigningFailed) as caught:
        issue(alice, "a-nonce-to-be-kept", expected_user_id="an-id-to-be-kept")

    frames = [frame for frame, _ in traceback.walk_tb(caught.tb)]
    values = [value for frame in frames for value in frame.f_locals.values()]
    ours = [value for value in values if is_ours(value)]
    assert len(ours) > 5
    assert [value for value in ours if "-to-be-kept" in repr(value)] == []
