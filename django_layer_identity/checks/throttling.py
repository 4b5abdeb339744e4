"""How often, and where from."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.conf import DEFAULT_THROTTLE_RATES, conf, parse_rate
from django_layer_identity.exceptions import ConfigurationError


def rates_complaint() -> str | None:
    """Say what is wrong with ``THROTTLE_RATES``."""
    try:
        rates = conf.THROTTLE_RATES
        for scope, rate in rates.items():
            if scope not in DEFAULT_THROTTLE_RATES:
                return f"{scope!r} is no scope."
            if rate is not None:
                parse_rate(rate)
    except ConfigurationError as exc:
        return str(exc)
    return None


def _rates() -> list[CheckMessage]:
    complaint = rates_complaint()
    if complaint is None:
        return []
    return [
        Error(
            f"LAYER_IDENTITY['THROTTLE_RATES'] cannot be used: {complaint}",
            hint='For example: {"user": "60/min", "failures": None}.',
            id="layer_identity.E043",
        )
    ]


def _num_proxies() -> Any:
    return getattr(settings, "REST_FRAMEWORK", {}).get("NUM_PROXIES")


def _proxies() -> list[CheckMessage]:
    number = _num_proxies()
    if number is None or (type(number) is int and number >= 0):
        return []
    return [
        Error(
            "REST_FRAMEWORK['NUM_PROXIES'] must be None or an integer of at least 0, "
            f"not {number!r}.",
            hint="Set it to the number of proxies that add to X-Forwarded-For.",
            id="layer_identity.E044",
        )
    ]


def _unstated_proxies() -> list[CheckMessage]:
    if rates_complaint() or conf.THROTTLE_RATES["failures"] is None:
        return []
    if _num_proxies() is not None:
        return []
    return [
        Warning(
            "Wrong passwords are counted by REMOTE_ADDR: behind a proxy, all clients "
            "have one, or none where it connects by a Unix socket.",
            hint=(
                "Set REST_FRAMEWORK['NUM_PROXIES'] to the number of proxies that add to "
                "X-Forwarded-For; 0 states that there is none."
            ),
            id="layer_identity.W041",
        )
    ]


RULES = (_rates, _proxies)
DEPLOYMENT_RULES = (_unstated_proxies,)
