"""Who may ask, and what answers besides our endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache, InvalidCacheBackendError
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from django_layer_identity.conf import DEFAULT_THROTTLE_RATES, conf, parse_rate
from django_layer_identity.exceptions import ConfigurationError


def _class_lists() -> list[CheckMessage]:
    return [
        Error(
            f"LAYER_IDENTITY[{name!r}] must be a list of classes or their dotted paths.",
            hint='For example: ["rest_framework.authentication.TokenAuthentication"].',
            id="layer_identity.E007",
        )
        for name, value in (
            ("AUTHENTICATION_CLASSES", conf.AUTHENTICATION_CLASSES or []),
            ("PERMISSION_CLASSES", conf.PERMISSION_CLASSES),
        )
        if not _are_classes(value)
    ]


def _are_classes(value: object) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    try:
        found = [import_string(one) if isinstance(one, str) else one for one in value]
    except ImportError:
        return False
    return all(isinstance(one, type) for one in found)


def _sandbox_answers() -> list[CheckMessage]:
    if not (
        apps.is_installed("django_layer_identity.sandbox") and conf.sandbox_enabled
    ):
        return []
    return [
        Warning(
            "The sandbox answers: whoever reaches it can use it in Layer's place.",
            hint=(
                "Remove django_layer_identity.sandbox from INSTALLED_APPS, or set "
                "DEBUG to False and LAYER_IDENTITY['SANDBOX'] to None."
            ),
            id="layer_identity.W003",
        )
    ]


BASIC = "rest_framework.authentication.BasicAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
#: Apps that ask for a second factor, each in views of its own.
MFA_APPS = (
    "allauth.mfa",
    "deux",
    "django_mfa",
    "django_otp",
    "kagi",
    "mfa",
    "multifactor",
    "trench",
    "two_factor",
)


def _second_factors() -> list[CheckMessage]:
    found = [name for name in MFA_APPS if apps.is_installed(name)]
    if not found or not any(_is(kind, BODY) for kind in _classes()):
        return []
    return [
        Warning(
            "A password in the body is enough for an identity token, whatever second "
            f"factor {found[0]} asks for elsewhere.",
            hint=(
                "Let clients log in where the second factor is asked for, and remove "
                "BodyCredentialsAuthentication."
            ),
            id="layer_identity.W042",
        )
    ]


def _nobody() -> list[CheckMessage]:
    if _entries() != []:
        return []
    return [
        Warning(
            "No authentication class is configured: every request is refused.",
            hint=(
                "Name a class in LAYER_IDENTITY['AUTHENTICATION_CLASSES'], or remove "
                "the setting for REST framework's default."
            ),
            id="layer_identity.W045",
        )
    ]


def _uncounted_passwords() -> list[CheckMessage]:
    if rates_complaint() or conf.THROTTLE_RATES["failures"] is not None:
        return []
    if not any(_is(kind, one) for kind in _classes() for one in (BASIC, BODY)):
        return []
    return [
        Warning(
            "Passwords can be guessed without a limit: requests carry them, and "
            "LAYER_IDENTITY['THROTTLE_RATES']['failures'] is None.",
            hint='Remove it: "20/min" is the default.',
            id="layer_identity.W043",
        )
    ]


def _sessions_without_csrf() -> list[CheckMessage]:
    return [
        Warning(
            f"{_path(kind)} replaces enforce_csrf(): other sites may ask for tokens "
            "with a user's session.",
            hint=f"Use {SESSION}, which checks the CSRF token.",
            id="layer_identity.W044",
        )
        for kind in _classes()
        if _is(kind, SESSION) and _owner(kind, "enforce_csrf") != SESSION
    ]


def _entries() -> list[Any] | None:
    """Return what is configured for our endpoint, or None if that is no list."""
    entries: object = conf.AUTHENTICATION_CLASSES
    if entries is None:
        rest_framework = getattr(settings, "REST_FRAMEWORK", {})
        default = (SESSION, BASIC)
        entries = rest_framework.get("DEFAULT_AUTHENTICATION_CLASSES", default)
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return None
    return list(entries)


def _classes() -> list[type]:
    found = []
    for entry in _entries() or ():
        with suppress(ImportError):  # another rule reports it, or DRF
            found.append(import_string(entry) if isinstance(entry, str) else entry)
    return [one for one in found if isinstance(one, type)]


def _is(kind: type, path: str) -> bool:
    return path in map(_path, kind.__mro__)


def _owner(kind: type, name: str) -> str:
    """Return the class that a method comes from."""
    return next(_path(one) for one in kind.__mro__ if name in vars(one))


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


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


MIN_ENTRIES = 10_000  # of a cache that culls: what ten busy minutes may bring

_REASONS: tuple[tuple[type[BaseCache], str], ...] = (
    (LocMemCache, "each process has one of its own"),
    (DummyCache, "it keeps nothing"),
    (FileBasedCache, "between its two steps of adding another may come"),
)


def _guard() -> list[CheckMessage]:
    guard: object = conf.NONCE_GUARD
    if guard in ("cache", "database", None):
        return []
    return [
        Error(
            'LAYER_IDENTITY[\'NONCE_GUARD\'] must be "cache", "database" or None.',
            hint='"cache" is the default.',
            id="layer_identity.E040",
        )
    ]


def _guard_failure() -> list[CheckMessage]:
    failure: object = conf.NONCE_GUARD_FAILURE
    if failure in ("serve", "refuse"):
        return []
    return [
        Error(
            'LAYER_IDENTITY[\'NONCE_GUARD_FAILURE\'] must be "serve" or "refuse".',
            hint='"serve" is the default.',
            id="layer_identity.E041",
        )
    ]


def _cache_alias() -> list[CheckMessage]:
    try:
        caches[conf.NONCE_CACHE_ALIAS]
    except (InvalidCacheBackendError, TypeError) as exc:
        return [
            Error(
                f"LAYER_IDENTITY['NONCE_CACHE_ALIAS'] names no cache of use: {exc}",
                hint='An alias of CACHES; "default" is the default.',
                id="layer_identity.E042",
            )
        ]
    return []


def _guarded() -> list[CheckMessage]:
    if conf.NONCE_GUARD is not None:
        return []
    return [
        Warning(
            "LAYER_IDENTITY['NONCE_GUARD'] is None: one nonce may be signed for two "
            "users.",
            hint='Remove the setting: "cache" is the default.',
            id="layer_identity.W046",
        )
    ]


def _shared_cache() -> list[CheckMessage]:
    if _cache_alias() or rates_complaint() or not _cache_is_used():
        return []
    cache = caches[conf.NONCE_CACHE_ALIAS]
    reason = _objection(cache)
    if reason is None:
        return []
    return [
        Warning(
            f"Nonces and requests are counted in a {type(cache).__name__}: {reason}.",
            hint=(
                "Name a cache on Redis or Memcached in "
                "LAYER_IDENTITY['NONCE_CACHE_ALIAS']."
            ),
            id="layer_identity.W040",
        )
    ]


def _cache_is_used() -> bool:
    if conf.NONCE_GUARD == "cache":
        return True
    return any(rate is not None for rate in conf.THROTTLE_RATES.values())


def _objection(cache: BaseCache) -> str | None:
    for kind, reason in _REASONS:
        if isinstance(cache, kind):
            return reason
    if isinstance(cache, DatabaseCache) and cache._max_entries < MIN_ENTRIES:
        return f"over {cache._max_entries} entries it forgets some at random"
    return None


RULES = (
    _class_lists,
    _second_factors,
    _rates,
    _proxies,
    _guard,
    _guard_failure,
    _cache_alias,
)
DEPLOYMENT_RULES = (
    _sandbox_answers,
    _nobody,
    _uncounted_passwords,
    _sessions_without_csrf,
    _unstated_proxies,
    _guarded,
    _shared_cache,
)
