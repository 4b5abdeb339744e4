"""The client's address: recorded where the project puts the middleware in."""

from __future__ import annotations

import asyncio

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from django_layer_identity.audit.addresses import (
    RecordAddressMiddleware,
    current_address,
)
from tests.audit.entries import recorded
from tests.endpoint import URL

MIDDLEWARE = "django_layer_identity.audit.addresses.RecordAddressMiddleware"


class FirstForwarded(RecordAddressMiddleware):
    """Believes the one proxy that it is behind."""

    def get_address(self, request):
        return request.headers["X-Real-IP"]


def addresses(client, **meta):
    client.post(URL, **meta)
    return [entry.get("address") for entry in recorded()]


def test_no_address_is_recorded_unasked(db, client):
    assert addresses(client) == [None]


@pytest.mark.parametrize(
    ("told", "recorded"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unix:", None),
        ("192.0.2.7:4711", None),
        ("' OR 1=1 --", None),
    ],
)
def test_the_middleware_has_addresses_recorded(settings, db, client, told, recorded):
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]

    assert addresses(client, REMOTE_ADDR=told) == [recorded]


def test_headers_are_not_believed(settings, db, client):
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}

    assert addresses(client, headers=forged) == ["127.0.0.1"]


def test_a_subclass_believes_what_its_proxy_says(settings, db, client):
    forwarded = "tests.audit.test_addresses.FirstForwarded"
    settings.MIDDLEWARE = [forwarded, *settings.MIDDLEWARE]

    assert addresses(client, headers={"X-Real-IP": "192.0.2.8"}) == ["192.0.2.8"]


def test_an_address_is_that_of_the_request_in_hand_alone(settings, db, client):
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]

    client.post(URL)

    assert current_address() == ""


def test_an_asynchronous_project_has_it_too():
    async def view(request):
        return HttpResponse(current_address())

    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.9")
    response = asyncio.run(RecordAddressMiddleware(view)(request))

    assert response.content == b"192.0.2.9"
    assert current_address() == ""
