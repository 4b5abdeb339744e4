"""From an alias of ``SIGNERS`` to the custody that it stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.keys.backends import Custody, LimitedCustody

MAX_ALIAS_LENGTH = 100  # characters
TIMEOUT = 5  # seconds
MAX_CALLS = 4  # at once, in one process

_opened: dict[str, tuple[int, object, LimitedCustody]] = {}


def open_custody(alias: str) -> LimitedCustody:
    """
    Return the custody of that alias, the same in all of this process.

    Another one is made when the setting has changed, and after a fork: of threads that
    were at work in it, the child has none.

    :raises ConfigurationError: if the alias is unknown or its entry is of no use.
    """
    entry = conf.SIGNERS.get(alias)
    process, known, custody = _opened.get(alias, (None, None, None))
    if custody is None or process != os.getpid() or known != entry:
        custody = make_custody(alias, entry)
        _opened[alias] = os.getpid(), entry, custody
    return custody


def make_custody(alias: str, entry: Any) -> LimitedCustody:
    """
    Return a new custody as an entry of ``SIGNERS`` describes it.

    :raises ConfigurationError: if the entry is of no use.
    """
    name = f"SIGNERS[{alias!r}]"
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{name} is not there, or is no dict.")
    options = dict(entry.get("OPTIONS", {}))
    timeout = _positive(name, "TIMEOUT", options.pop("TIMEOUT", TIMEOUT), (int, float))
    max_calls = _positive(name, "MAX_CALLS", options.pop("MAX_CALLS", MAX_CALLS), int)
    backend = _import_backend(name, entry.get("BACKEND"))
    try:
        custody: Custody = backend(options)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc}") from exc
    return LimitedCustody(name, custody, timeout=timeout, max_calls=max_calls)


def _import_backend(name: str, path: Any) -> Any:
    try:
        return import_string(path)
    except (ImportError, AttributeError, TypeError) as exc:
        raise ConfigurationError(f"{name}: BACKEND cannot be imported: {exc}.") from exc


def _positive(name: str, option: str, value: Any, kinds: Any) -> Any:
    if isinstance(value, kinds) and not isinstance(value, bool) and value > 0:
        return value
    raise ConfigurationError(f"{name}: {option} must be a positive number.")
