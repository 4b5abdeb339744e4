"""System checks: one function per rule, one ID per rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags

from django_layer_identity.checks import endpoint, keys, settings, users

Rule = Callable[[], Iterable[CheckMessage]]

RULES: tuple[Rule, ...] = (
    *settings.RULES,
    *keys.RULES,
    *users.RULES,
    *endpoint.RULES,
)
DEPLOYMENT_RULES: tuple[Rule, ...] = (
    *endpoint.DEPLOYMENT_RULES,
    *users.DEPLOYMENT_RULES,
    *keys.DEPLOYMENT_RULES,
)


def register() -> None:
    """Register the checks; called once, from the app's ``ready()``."""
    checks.register(check_settings, "layer_identity")
    checks.register(check_deployment, Tags.security, deploy=True)
    checks.register(users.check_databases, Tags.database)


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Apply each rule to ``settings.LAYER_IDENTITY``."""
    return list(settings.check_type()) or _apply(RULES)


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Apply the rules that matter where strangers can reach the project."""
    # check_settings() has reported a setting that is not a mapping.
    return [] if any(settings.check_type()) else _apply(DEPLOYMENT_RULES)


def _apply(rules: tuple[Rule, ...]) -> list[CheckMessage]:
    return [message for rule in rules for message in rule()]
