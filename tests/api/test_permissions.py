"""``NotImpersonated``; ``tests/frontdoors`` tests it with the packages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from django_layer_identity.api.permissions import NotImpersonated
from django_layer_identity.mapping.users import impersonator_of
from tests.endpoint import ALICE, NONCE, URL, configure, read, refusal

ROOT_KEY = "10a4"


def request_with(**more):
    request = RequestFactory().post(URL)
    for name, value in more.items():
        setattr(request, name, value)
    return request


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"session": {"hijack_history": [ROOT_KEY]}}, id="hijack"),
        pytest.param({"session": {"hijack_history": [ROOT_KEY, "2"]}}, id="twice"),
        pytest.param(
            {"session": {"loginas_from_user": f"{ROOT_KEY}:1abcde:c2lnbmF0dXJl"}},
            id="loginas",
        ),
        pytest.param(
            {"session": {}, "impersonator": SimpleNamespace(pk=ROOT_KEY)},
            id="impersonate",
        ),
    ],
)
def test_an_impersonator_is_found(more):
    assert impersonator_of(request_with(**more)) == ROOT_KEY


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="no session"),
        pytest.param({"session": {}}, id="own session"),
        pytest.param({"session": {"hijack_history": []}}, id="released"),
        pytest.param({"session": {}, "impersonator": None}, id="middleware"),
    ],
)
def test_a_user_who_is_not_impersonated_has_no_impersonator(more):
    assert impersonator_of(request_with(**more)) is None


def test_loginas_may_use_another_session_key(settings):
    settings.LOGINAS_FROM_USER_SESSION_FLAG = "original_user"
    request = request_with(session={"original_user": f"{ROOT_KEY}:1abcde:c2lnb"})

    assert impersonator_of(request) == ROOT_KEY


@pytest.fixture
def session(settings, client, key, alice):
    """Alice's session, which the client uses."""
    configure(
        settings,
        AUTHENTICATION_CLASSES=["rest_framework.authentication.SessionAuthentication"],
        PERMISSION_CLASSES=[NotImpersonated],
    )
    client.login(**ALICE)
    return client.session


def test_an_impersonated_user_gets_no_token(session, client):
    session["hijack_history"] = [ROOT_KEY]
    session.save()

    assert read(client.post(URL, {"nonce": NONCE})) == refusal(
        403,
        "permission_denied",
        "This user is not allowed to get an identity token. Do not try again.",
    )


def test_a_user_who_is_not_impersonated_gets_a_token(session, client):
    assert read(client.post(URL, {"nonce": NONCE}))[0] == 200
