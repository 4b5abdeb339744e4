"""The only reader of ``settings.LAYER_IDENTITY``: typed, lazy, uncached."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings

from django_layer_identity.exceptions import ConfigurationError

T = TypeVar("T")

#: An attribute path, ``"module:function"`` or a callable.
Source = str | Callable[..., Any]

DEFAULT_CLAIMS: Mapping[str, Source] = {
    "display_name": "get_full_name",
    "first_name": "first_name",
    "last_name": "last_name",
}


DEFAULT_THROTTLE_RATES: Mapping[str, str | None] = {
    "user": "60/min",
    "failures": "20/min",
}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(s|sec|second|m|min|minute|h|hour|d|day)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_rate(rate: object) -> tuple[int, int]:
    """
    Return how many there may be in how many seconds, of a rate as DRF writes it.

    :raises ConfigurationError: if it is none.
    """
    match = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    if match is None:
        raise ConfigurationError(f"{rate!r} is no rate.")
    return int(match[1]), _SECONDS[match[2][0]]


class LayerIdentitySettings:
    """Read ``settings.LAYER_IDENTITY``, one typed property a key."""

    @property
    def KEY_ENCRYPTION_KEYS(self) -> Sequence[str]:
        """Secrets that encrypt private keys: the first encrypts, all decrypt."""
        return self._get("KEY_ENCRYPTION_KEYS", [])

    @property
    def USER_ID(self) -> Source:
        """Where a user's Layer user ID comes from."""
        return self._get("USER_ID", "get_username")

    @property
    def USER_ID_NORMALIZER(self) -> str | Callable[[str], Any] | None:
        """What makes one spelling of many, before a user ID is compared."""
        return self._get("USER_ID_NORMALIZER", None)

    @property
    def PHONE_REGION(self) -> str | None:
        """Where phone numbers without a country code belong; None refuses them."""
        return self._get("PHONE_REGION", None)

    @property
    def USER_ID_VERIFIED(self) -> Source | bool | None:
        """Whether the user has proved that the mapped value is his."""
        return self._get("USER_ID_VERIFIED", None)

    @property
    def USER_ID_CHANGE(self) -> str:
        """What happens when a user's mapped value is no longer the ID he has."""
        return self._get("USER_ID_CHANGE", "keep")

    @property
    def CLAIMS(self) -> Mapping[str, Source | None]:
        """
        Profile claim name -> where its value comes from; None for no such claim.

        :raises ConfigurationError: if the setting is neither a mapping nor None.
        """
        sources: object = self._get("CLAIMS", {})
        if sources is None:
            return {}
        if not isinstance(sources, Mapping):
            raise ConfigurationError("CLAIMS must be a dict or None.")
        return {**DEFAULT_CLAIMS, **sources}

    @property
    def PUBLIC_BASE_URL(self) -> str | None:
        """Origin for relative URLs in claims, such as ``"https://example.com"``."""
        return self._get("PUBLIC_BASE_URL", None)

    @property
    def TOKEN_LIFETIME(self) -> timedelta:
        """Time from now to the ``exp`` claim; a Layer app may have its own."""
        return self._get("TOKEN_LIFETIME", timedelta(minutes=5))

    @property
    def CLOCK_SKEW(self) -> timedelta:
        """How far the ``iat`` claim is set back."""
        return self._get("CLOCK_SKEW", timedelta(seconds=5))

    @property
    def CACHE_ALIAS(self) -> str:
        """Alias in ``CACHES`` for nonces and rate limits."""
        return self._get("CACHE_ALIAS", "default")

    @property
    def NONCE_GUARD(self) -> str | None:
        """Where used nonces are kept: ``"cache"``, ``"database"`` or None."""
        return self._get("NONCE_GUARD", "cache")

    @property
    def NONCE_GUARD_FAILURE(self) -> str:
        """What to do when the guard's store is down: ``"serve"`` or ``"refuse"``."""
        return self._get("NONCE_GUARD_FAILURE", "serve")

    @property
    def AUTHENTICATION_CLASSES(self) -> Sequence[str | type] | None:
        """Who may ask, for our endpoint alone; None means DRF's own setting."""
        return self._get("AUTHENTICATION_CLASSES", None)

    @property
    def PERMISSION_CLASSES(self) -> Sequence[str | type]:
        """Who of them gets an answer, for our endpoint alone."""
        default = ["rest_framework.permissions.IsAuthenticated"]
        return self._get("PERMISSION_CLASSES", default)

    @property
    def THROTTLE_RATES(self) -> Mapping[str, str | None]:
        """
        How often, by scope; None for as often as one likes.

        :raises ConfigurationError: if the setting is no mapping.
        """
        rates: object = self._get("THROTTLE_RATES", {})
        if not isinstance(rates, Mapping):
            raise ConfigurationError("THROTTLE_RATES must be a dict.")
        return {**DEFAULT_THROTTLE_RATES, **rates}

    @property
    def SIGNERS(self) -> Mapping[str, Mapping[str, Any]]:
        """Private keys kept elsewhere: alias -> ``BACKEND`` and ``OPTIONS``."""
        return self._get("SIGNERS", {})

    @property
    def SANDBOX(self) -> bool | None:
        """True lets the sandbox's views answer without ``DEBUG``."""
        return self._get("SANDBOX", None)

    @property
    def sandbox_enabled(self) -> bool:
        """Whether the sandbox's views answer at all."""
        return settings.DEBUG or self.SANDBOX is True

    def _get(self, name: str, default: T) -> T:
        value: T = getattr(settings, "LAYER_IDENTITY", {}).get(name, default)
        return value


conf = LayerIdentitySettings()
