"""The client's address, as far as the client cannot choose it."""

from __future__ import annotations

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from django_layer_identity.api.throttling import client_address


def address(remote="192.0.2.1", forwarded=None):
    extra = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(
        Request(APIRequestFactory().post("/", REMOTE_ADDR=remote, **extra))
    )


def behind(settings, proxies):
    settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}


@pytest.mark.parametrize("proxies", [None, 0])
def test_a_forwarded_header_is_ignored_without_a_proxy(settings, proxies):
    behind(settings, proxies)

    assert address(forwarded="203.0.113.7") == "192.0.2.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "10.0.0.1, 203.0.113.7", "203.0.113.7"),
        (2, "10.0.0.1, 203.0.113.7,198.51.100.2", "203.0.113.7"),
        (3, "203.0.113.7", "203.0.113.7"),
        (1, None, "192.0.2.1"),
        (1, "", "192.0.2.1"),
    ],
)
def test_only_the_configured_number_of_proxies_is_trusted(
    settings, proxies, forwarded, expected
):
    behind(settings, proxies)

    assert address(forwarded=forwarded) == expected


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]:4711", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_ipv6_address_is_reduced_to_its_network(remote, expected):
    assert address(remote=remote) == expected
