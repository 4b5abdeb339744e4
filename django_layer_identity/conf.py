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
    Return the limit and the period in seconds of a rate in DRF's notation.

    :raises ConfigurationError: if the rate is malformed.
    """
    match = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    if match is None:
        raise ConfigurationError(f"Invalid rate: {rate!r}.")
    return int(match[1]), _SECONDS[match[2][0]]


class LayerIdentitySettings:
    """
    Read ``settings.LAYER_IDENTITY``, with one typed property per key.

    :raises ConfigurationError: if the setting is not a mapping.
    """

    @property
    def KEY_ENCRYPTION_KEYS(self) -> Sequence[str]:
        """
        Secrets that encrypt private keys: the first encrypts, all decrypt.

        White space around an entry is removed. A blank entry and None are left out.
        """
        entries: object = self._get("KEY_ENCRYPTION_KEYS", [])
        if not isinstance(entries, (list, tuple)):
            return entries  # type: ignore[return-value]  # the check reports it
        stripped = [each.strip() if isinstance(each, str) else each for each in entries]
        return [entry for entry in stripped if entry not in ("", None)]

    @property
    def USER_ID(self) -> Source:
        """Source of a user's Layer user ID."""
        return self._get("USER_ID", "get_username")

    @property
    def USER_ID_NORMALIZER(self) -> str | Callable[[str], Any] | None:
        """Function that converts a user ID to one spelling, before IDs are compared."""
        return self._get("USER_ID_NORMALIZER", None)

    @property
    def PHONE_REGION(self) -> str | None:
        """Region of phone numbers without a country code; None refuses them."""
        return self._get("PHONE_REGION", None)

    @property
    def USER_ID_VERIFIED(self) -> Source | bool | None:
        """Source that says whether the user has proved that they own the value."""
        return self._get("USER_ID_VERIFIED", None)

    @property
    def USER_ID_CHANGE(self) -> str:
        """What to do if ``USER_ID`` differs from the user's current ID."""
        return self._get("USER_ID_CHANGE", "keep")

    @property
    def CLAIMS(self) -> Mapping[str, Source | None]:
        """
        Sources of the profile claims, by claim name; None removes a claim.

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
        """Time from now to the ``exp`` claim; a Layer app may override it."""
        return self._get("TOKEN_LIFETIME", timedelta(minutes=5))

    @property
    def CLOCK_SKEW(self) -> timedelta:
        """How far the ``iat`` claim is set back."""
        return self._get("CLOCK_SKEW", timedelta(seconds=5))

    @property
    def CACHE_ALIAS(self) -> str:
        """Alias in ``CACHES`` for nonces, rate limits and refused PKCS#11 PINs."""
        return self._get("CACHE_ALIAS", "default")

    @property
    def is_cache_used(self) -> bool:
        """Whether nonces or rate limits are stored in the cache of ``CACHE_ALIAS``."""
        return self.NONCE_GUARD == "cache" or any(self.THROTTLE_RATES.values())

    @property
    def NONCE_GUARD(self) -> str | None:
        """Where used nonces are stored: ``"cache"``, ``"database"`` or None."""
        return self._get("NONCE_GUARD", "cache")

    @property
    def NONCE_GUARD_FAILURE(self) -> str:
        """What to do if the replay guard fails: ``"serve"`` or ``"refuse"``."""
        return self._get("NONCE_GUARD_FAILURE", "serve")

    @property
    def AUTHENTICATION_CLASSES(self) -> Sequence[str | type] | None:
        """Authentication classes of our endpoint; None means DRF's setting."""
        return self._get("AUTHENTICATION_CLASSES", None)

    @property
    def PERMISSION_CLASSES(self) -> Sequence[str | type]:
        """Permission classes of our endpoint."""
        default = ["rest_framework.permissions.IsAuthenticated"]
        return self._get("PERMISSION_CLASSES", default)

    @property
    def THROTTLE_RATES(self) -> Mapping[str, str | None]:
        """
        Rate limits by scope; None means no limit.

        :raises ConfigurationError: if the setting is not a mapping.
        """
        rates: object = self._get("THROTTLE_RATES", {})
        if not isinstance(rates, Mapping):
            raise ConfigurationError("THROTTLE_RATES must be a dict.")
        return {**DEFAULT_THROTTLE_RATES, **rates}

    @property
    def SIGNERS(self) -> Mapping[str, Mapping[str, Any]]:
        """Signing backends: alias -> ``BACKEND`` and ``OPTIONS``."""
        return self._get("SIGNERS", {})

    @property
    def SANDBOX(self) -> bool | None:
        """True enables the sandbox's views without ``DEBUG``."""
        return self._get("SANDBOX", None)

    @property
    def sandbox_enabled(self) -> bool:
        """Whether the sandbox's views are enabled."""
        return settings.DEBUG or self.SANDBOX is True

    def _get(self, name: str, default: T) -> T:
        stored = getattr(settings, "LAYER_IDENTITY", {})
        if not isinstance(stored, Mapping):
            # The value itself may hold secrets.
            raise ConfigurationError(
                f"LAYER_IDENTITY must be a dict, not {type(stored).__name__}."
            )
        value: T = stored.get(name, default)
        return value


conf = LayerIdentitySettings()
