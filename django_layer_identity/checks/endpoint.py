"""Checks of the endpoint: authentication, rate limits and the replay guard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
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
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.module_loading import import_string

from django_layer_identity.checks.settings import rule
from django_layer_identity.conf import DEFAULT_THROTTLE_RATES, conf, parse_rate
from django_layer_identity.exceptions import ConfigurationError

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
_DRF = "rest_framework.authentication"
BASIC = f"{_DRF}.BasicAuthentication"
SESSION = f"{_DRF}.SessionAuthentication"
TOKEN = f"{_DRF}.TokenAuthentication"
CORS = "corsheaders.middleware.CorsMiddleware"
#: Apps that ask for a second factor in their own login views.
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
MIN_ENTRIES = 10_000  # enough for ten busy minutes; a full cache deletes entries

_REASONS: tuple[tuple[type[BaseCache], str], ...] = (
    (LocMemCache, "each process has its own cache"),
    (DummyCache, "it stores nothing"),
    (
        FileBasedCache,
        "two requests can add the same entry, because add() is not atomic",
    ),
)


# Classes


@rule(
    "E007", hint='For example: ["rest_framework.authentication.TokenAuthentication"].'
)
def _class_lists() -> Iterator[str]:
    for name, value in (
        ("AUTHENTICATION_CLASSES", conf.AUTHENTICATION_CLASSES or []),
        ("PERMISSION_CLASSES", conf.PERMISSION_CLASSES),
    ):
        must = f"LAYER_IDENTITY[{name!r}] must be a list of classes or dotted paths"
        if not _is_list(value):
            yield f"{must}, not {value!r}."
        elif wrong := [entry for entry in value if not _import_classes([entry])]:
            yield f"{must}, but {wrong[0]!r} does not name a class."


@rule(
    "W045",
    hint="Add a class to LAYER_IDENTITY['AUTHENTICATION_CLASSES'], or remove the "
    "setting to use REST framework's default classes.",
)
def _no_class() -> Iterator[str]:
    entries = _authentication_classes()
    if _is_list(entries) and not entries:
        yield "No authentication class is configured: every request is refused."


@rule(
    "W042",
    hint="Remove BodyCredentialsAuthentication. Clients must log in through the views "
    "that ask for the second factor.",
)
def _second_factors() -> Iterator[str]:
    found = [name for name in MFA_APPS if apps.is_installed(name)]
    if found and _accepted(BODY):
        yield (
            "BodyCredentialsAuthentication issues identity tokens for a password only, "
            f"without the second factor of {found[0]}."
        )


@rule(
    "E045",
    hint='Add "rest_framework.authtoken" to INSTALLED_APPS, and run '
    "“manage.py migrate”.",
)
def _token_table() -> Iterator[str]:
    installed = apps.is_installed("rest_framework.authtoken")
    if not installed and any(map(_uses_default_model, _accepted(TOKEN))):
        yield (
            "TokenAuthentication stores its tokens in rest_framework.authtoken, which is "
            "not in INSTALLED_APPS: every request with a token fails."
        )


def _uses_default_model(kind: type) -> bool:
    """Return whether this TokenAuthentication, or subclass, uses DRF's token model."""
    names = ("model", "get_model", "authenticate", "authenticate_credentials")
    owners = [
        next(base for base in kind.__mro__ if name in vars(base)) for name in names
    ]
    return all(_path(owner) == TOKEN for owner in owners)


@rule("W043", hint='Remove "failures" from THROTTLE_RATES. The default is "20/min".')
def _uncounted_passwords() -> Iterator[str]:
    if _counts_failures() is False and (_accepted(BASIC) or _accepted(BODY)):
        yield (
            "Passwords can be guessed without a limit: the endpoint accepts passwords, "
            "and LAYER_IDENTITY['THROTTLE_RATES']['failures'] is None."
        )


@rule("W044", hint=f"Use {SESSION}, which checks the CSRF token.")
def _sessions_without_csrf() -> Iterator[str]:
    for kind in _accepted(SESSION):
        owner = next(base for base in kind.__mro__ if "enforce_csrf" in vars(base))
        if _path(owner) != SESSION:
            yield (
                f"{_path(kind)} replaces enforce_csrf(): other sites can request "
                "tokens with a user's session."
            )


def _authentication_classes() -> Any:
    if conf.AUTHENTICATION_CLASSES is not None:
        return conf.AUTHENTICATION_CLASSES
    rest_framework = getattr(settings, "REST_FRAMEWORK", {})
    return rest_framework.get("DEFAULT_AUTHENTICATION_CLASSES", (SESSION, BASIC))


def _accepted(path: str) -> list[type]:
    """Return the configured classes that are this class or inherit from it."""
    entries = _authentication_classes()
    kinds = _import_classes(entries) if _is_list(entries) else []
    return [kind for kind in kinds if path in map(_path, kind.__mro__)]


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _import_classes(entries: Iterable[Any]) -> list[type]:
    """Return the classes of the entries. Leave out what cannot be imported."""
    found = []
    for entry in entries:
        with suppress(ImportError):
            found.append(import_string(entry) if isinstance(entry, str) else entry)
    return [entry for entry in found if isinstance(entry, type)]


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


# Rates


@rule(
    "E043",
    hint='For example: {"user": "60/min", "failures": "20/min"}. None removes a limit.',
)
def _rates() -> Iterator[str]:
    try:
        for scope, rate in conf.THROTTLE_RATES.items():
            if scope not in DEFAULT_THROTTLE_RATES:
                raise ConfigurationError(f"Unknown scope {scope!r}.")
            if rate is not None:
                parse_rate(rate)
    except ConfigurationError as exc:
        yield f"LAYER_IDENTITY['THROTTLE_RATES'] is invalid: {exc}"


@rule(
    "E044",
    hint="Set it to the number of proxies that add to X-Forwarded-For. Set it to 0 if "
    "there is no proxy.",
)
def _proxies() -> Iterator[str]:
    number = _num_proxies()
    if number is not None and not (type(number) is int and number >= 0):
        yield (
            "REST_FRAMEWORK['NUM_PROXIES'] must be None or an integer of at least 0, "
            f"not {number!r}."
        )


@rule(
    "W041",
    hint="Set REST_FRAMEWORK['NUM_PROXIES'] to the number of proxies that add to "
    "X-Forwarded-For. Set it to 0 if there is no proxy.",
)
def _unstated_proxies() -> Iterator[str]:
    if _counts_failures() and _num_proxies() is None:
        yield (
            "Failed logins are counted by REMOTE_ADDR. Behind a proxy, all clients "
            "share one address, or have no address if the proxy uses a Unix socket."
        )


def _num_proxies() -> Any:
    return getattr(settings, "REST_FRAMEWORK", {}).get("NUM_PROXIES")


def _counts_failures() -> bool | None:
    """Return whether failed logins are counted, or None if the rates are invalid."""
    return None if _rates() else conf.THROTTLE_RATES["failures"] is not None


# Nonces


@rule("E040", hint='For example: "cache", the default.')
def _guard() -> Iterator[str]:
    guard: object = conf.NONCE_GUARD
    if guard not in ("cache", "database", None):
        yield (
            "LAYER_IDENTITY['NONCE_GUARD'] must be 'cache', 'database' or None, "
            f"not {guard!r}."
        )


@rule("W046", hint='Remove the setting. The default is "cache".')
def _no_guard() -> Iterator[str]:
    if conf.NONCE_GUARD is None:
        yield (
            "LAYER_IDENTITY['NONCE_GUARD'] is None: the same nonce can be signed for "
            "two users."
        )


@rule("E041", hint='For example: "serve", the default.')
def _guard_failure() -> Iterator[str]:
    failure: object = conf.NONCE_GUARD_FAILURE
    if failure not in ("serve", "refuse"):
        yield (
            "LAYER_IDENTITY['NONCE_GUARD_FAILURE'] must be 'serve' or 'refuse', "
            f"not {failure!r}."
        )


@rule("E042", hint='Use an alias of CACHES, such as "default".')
def _cache_alias() -> Iterator[str]:
    try:
        caches[conf.CACHE_ALIAS]
    except (InvalidCacheBackendError, TypeError) as exc:
        yield f"LAYER_IDENTITY['CACHE_ALIAS'] must name a usable cache: {exc}"


@rule(
    "W040",
    hint="Set LAYER_IDENTITY['CACHE_ALIAS'] to a cache on Redis or Memcached. Without rate "
    f"limits, a DatabaseCache with MAX_ENTRIES of {MIN_ENTRIES} or more works too.",
)
def shared_cache() -> Iterator[str]:
    if cannot_check_cache():
        return  # reported by check_settings()
    if not conf.is_cache_used:
        return
    cache = caches[conf.CACHE_ALIAS]
    if reason := _cache_problem(cache):
        yield (
            f"Nonces and rate limits are stored in {type(cache).__name__}: {reason}."
        )


def cannot_check_cache() -> bool:
    """Return whether wrong settings keep :func:`shared_cache` from its work."""
    return bool(_cache_alias() or _rates())


def _cache_problem(cache: BaseCache) -> str | None:
    for kind, reason in _REASONS:
        if isinstance(cache, kind):
            return reason
    # This incr() is a get() and a set() with the cache's default TIMEOUT.
    if any(conf.THROTTLE_RATES.values()) and type(cache).incr is BaseCache.incr:
        return (
            "it loses counts of simultaneous requests, and forgets counts after its "
            "TIMEOUT"
        )
    if isinstance(cache, DatabaseCache) and cache._max_entries < MIN_ENTRIES:
        return f"with over {cache._max_entries} entries, it deletes unexpired ones"
    return None


@rule(
    "W003",
    hint="Remove django_layer_identity.sandbox from INSTALLED_APPS, or set DEBUG to "
    "False and LAYER_IDENTITY['SANDBOX'] to None.",
)
def _sandbox_enabled() -> Iterator[str]:
    if _is_sandbox_in_use():
        yield (
            "The sandbox is enabled: every client that can reach it can use it in "
            "place of Layer."
        )


@rule(
    "W052",
    hint="Let CORS_URLS_REGEX match only the URLs of your own API, for example: "
    'CORS_URLS_REGEX = r"^/layer/".',
)
def _cors_in_place_of_the_sandbox() -> Iterator[str]:
    if not (_is_sandbox_in_use() and CORS in settings.MIDDLEWARE):
        return
    # Its URLs are not included, or django-cors-headers reports a wrong expression.
    with suppress(NoReverseMatch, re.error, TypeError):
        root = reverse("layer_identity_sandbox:root")
        path = root.removeprefix(get_script_prefix().rstrip("/"))
        if re.match(getattr(settings, "CORS_URLS_REGEX", ""), path):
            yield (
                f"django-cors-headers answers in the sandbox's place at {root}: "
                "Layer's SDKs cannot use the sandbox from a web page."
            )


def _is_sandbox_in_use() -> bool:
    installed = apps.is_installed("django_layer_identity.sandbox")
    return installed and conf.sandbox_enabled


RULES = (
    _class_lists,
    _second_factors,
    _token_table,
    _rates,
    _proxies,
    _guard,
    _guard_failure,
    _cache_alias,
    _cors_in_place_of_the_sandbox,
)
DEPLOYMENT_RULES = (
    _sandbox_enabled,
    _no_class,
    _uncounted_passwords,
    _sessions_without_csrf,
    _unstated_proxies,
    _no_guard,
    shared_cache,
)
