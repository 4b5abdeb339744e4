from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from django_layer_identity.conf import parse_rate
from tests.checks import deployed, found


@pytest.mark.parametrize(
    ("rates", "problem"),
    [
        (None, "THROTTLE_RATES must be a dict."),
        (["60/min"], "THROTTLE_RATES must be a dict."),
        ({"users": "60/min"}, "Unknown scope 'users'."),
        ({"user": "60"}, "Invalid rate: '60'."),
        ({"user": "60/fortnight"}, "Invalid rate: '60/fortnight'."),
        ({"user": "60/minutes"}, "Invalid rate: '60/minutes'."),
        ({"user": "0/min"}, "Invalid rate: '0/min'."),
        ({"failures": "-1/min"}, "Invalid rate: '-1/min'."),
        ({"failures": "60/min "}, "Invalid rate: '60/min '."),
        ({"failures": 60}, "Invalid rate: 60."),
    ],
)
def test_invalid_rates_are_reported(settings, rates, problem):
    assert found(settings, THROTTLE_RATES=rates) == [
        Error(
            f"LAYER_IDENTITY['THROTTLE_RATES'] is invalid: {problem}",
            hint='For example: {"user": "60/min", "failures": "20/min"}. None removes a '
            "limit.",
            id="layer_identity.E043",
        )
    ]


@pytest.mark.parametrize(
    "period", ["s", "sec", "second", "m", "min", "minute", "h", "hour", "d", "day"]
)
def test_every_period_is_accepted(settings, period):
    assert not found(settings, THROTTLE_RATES={"user": f"1/{period}"})


def test_deploy_does_not_repeat_an_invalid_rate(settings):
    assert deployed(settings, NONCE_GUARD="cache", THROTTLE_RATES={"user": 1}) == []


def test_deploy_asks_for_the_number_of_proxies(settings):
    rates = {"user": None}
    shared = {"BACKEND": "django.core.cache.backends.redis.RedisCache"}
    settings.CACHES = {"default": {**shared, "LOCATION": "redis://127.0.0.1:1"}}

    assert deployed(settings, THROTTLE_RATES=rates) == [
        Warning(
            "Failed logins are counted by REMOTE_ADDR. Behind a proxy, all clients share "
            "one address, or have no address if the proxy uses a Unix socket.",
            hint=(
                "Set REST_FRAMEWORK['NUM_PROXIES'] to the number of proxies that add to "
                "X-Forwarded-For. Set it to 0 if there is no proxy."
            ),
            id="layer_identity.W041",
        )
    ]

    for proxies in (0, 1):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
        assert deployed(settings, THROTTLE_RATES=rates) == []


@pytest.mark.parametrize("proxies", ["1", -1, 1.0, True, [1]])
def test_the_number_of_proxies_is_an_integer_of_at_least_zero(settings, proxies):
    settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}

    assert found(settings) == [
        Error(
            "REST_FRAMEWORK['NUM_PROXIES'] must be None or an integer of at least 0, "
            f"not {proxies!r}.",
            hint="Set it to the number of proxies that add to X-Forwarded-For. Set it to "
            "0 if there is no proxy.",
            id="layer_identity.E044",
        )
    ]


@pytest.mark.parametrize("proxies", [None, 0, 2])
def test_valid_numbers_of_proxies_are_accepted(settings, proxies):
    settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}

    assert found(settings) == []


@pytest.mark.parametrize(
    ("rate", "parsed"),
    [
        ("60/second", (60, 1)),
        ("60/minute", (60, 60)),
        ("60/hour", (60, 3600)),
        ("60/day", (60, 86_400)),
    ],
)
def test_a_period_may_be_written_out(rate, parsed):
    assert parse_rate(rate) == parsed
