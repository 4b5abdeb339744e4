"""``aissue_identity_token()``, in asynchronous views."""

from __future__ import annotations

import threading

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import JsonResponse
from django.urls import path

from django_layer_identity.api.errors import status_of
from django_layer_identity.exceptions import Refusal
from django_layer_identity.issuing import aissue_identity_token, issue_identity_token
from django_layer_identity.models import LayerUser
from tests.endpoint import NONCE, configure, decode

threads = []


def thread_of_mapping(context):
    threads.append(threading.get_ident())
    return context.user.get_username()


async def sign_up(request):
    """Create a user, who exists only in the test's transaction, and issue a token."""
    user = await User.objects.acreate(username=request.POST["username"])
    nonce = request.POST.get("nonce")
    try:
        issued = await aissue_identity_token(user, nonce, request=request)
    except Refusal as refusal:
        return JsonResponse({"code": refusal.code}, status=status_of(refusal))
    recorded = await LayerUser.objects.acount()
    return JsonResponse({"token": issued.token, "recorded": recorded})


urlpatterns = [path("sign-up", sign_up)]


@pytest.fixture
def ask(settings, async_client):
    settings.ROOT_URLCONF = __name__

    def ask(**body):
        return async_to_sync(async_client.post)("/sign-up", body)

    return ask


def test_an_async_view_issues_a_token_in_its_own_transaction(key, ask):
    answer = ask(username="bob", nonce=NONCE).json()

    claims = decode(answer["token"], key)
    assert (claims["prn"], claims["nce"]) == ("bob", NONCE)
    assert answer["recorded"] == 1


def test_the_work_is_done_in_the_thread_of_the_orm(key, ask, settings):
    configure(settings, USER_ID=thread_of_mapping)

    ask(username="bob", nonce=NONCE)

    assert threads == [threading.get_ident()]


def test_an_async_view_gets_a_refusal(key, ask):
    response = ask(username="bob")

    assert (response.status_code, response.json()) == (400, {"code": "nonce_missing"})


def test_all_arguments_are_passed_on(key, alice, rf):
    request = rf.post("/")
    options = {"app": key.app, "expected_user_id": "alice", "request": request}

    issued = async_to_sync(aissue_identity_token)(alice, NONCE, **options)

    assert issued.app == issue_identity_token(alice, NONCE, **options).app
    with pytest.raises(Refusal) as caught:
        async_to_sync(aissue_identity_token)(alice, NONCE, expected_user_id="bob")
    assert (caught.value.code, status_of(caught.value)) == ("user_id_mismatch", 403)
