"""Callables for ``USER_ID`` and ``CLAIMS``."""

# mypy: disallow-any-generics
from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User

from django_layer_identity.exceptions import UserIDUnavailable
from django_layer_identity.mapping import MappingContext


def user_id(context: MappingContext[User]) -> str:
    if context.user.is_superuser:
        raise UserIDUnavailable("Administrators do not chat.")
    return context.current_user_id or f"user-{context.user.pk}"


def first_name(context: MappingContext[User]) -> str:
    is_staging = context.app.environment == "staging"
    return (
        f"{context.user.first_name} (test)" if is_staging else context.user.first_name
    )


def last_name(context: MappingContext[User]) -> str | None:
    agent = context.request.headers.get("User-Agent") if context.request else None
    return None if agent == "kiosk" else context.user.last_name


def display_name(context: MappingContext) -> str:
    return context.user.get_username()


# Without a parameter, MappingContext accepts any user model.
CLAIMS: dict[str, Callable[[MappingContext[User]], str | None]] = {
    "first_name": first_name,
    "last_name": last_name,
}
LAYER_IDENTITY = {
    "USER_ID": user_id,
    "CLAIMS": {**CLAIMS, "display_name": display_name},
}
