"""System checks: one function per rule, one ID per rule."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags

from django_layer_identity.checks import endpoint, keys, settings, users

RULES = (*settings.RULES, *keys.RULES, *users.RULES, *endpoint.RULES)
DEPLOYMENT_RULES = (
    *endpoint.DEPLOYMENT_RULES,
    *users.DEPLOYMENT_RULES,
    *keys.DEPLOYMENT_RULES,
)


def register() -> None:
    """Register the checks. Called once, from the app's ``ready()``."""
    checks.register(check_settings, "layer_identity")
    checks.register(check_deployment, Tags.security, deploy=True)
    checks.register(users.check_databases, Tags.database)
    checks.register(keys.check_stored_keys, Tags.database)
    checks.register(keys.check_active_keys, Tags.database, deploy=True)


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Apply each rule to ``settings.LAYER_IDENTITY``."""
    return settings.check_type() or [found for rule in RULES for found in rule()]


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Apply the rules that matter when a project is reachable from outside."""
    if settings.check_type():
        return []  # check_settings() reports it
    return [found for rule in DEPLOYMENT_RULES for found in rule()]
