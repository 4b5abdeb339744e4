"""Whether a source of values leads somewhere, as far as that shows without a user."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.mapping.attributes import import_callable


def complaint_about(source: object) -> str | None:
    """Say why a source of values cannot work; None if it may."""
    if callable(source):
        return None
    if not isinstance(source, str):
        return f"it is a {type(source).__name__}."
    if ":" in source:
        try:
            import_callable(source)
        except ConfigurationError as exc:
            return str(exc)
        return None
    name, model = source.partition(".")[0], get_user_model()
    if hasattr(model, name):
        return None
    return f"{model.__name__} has no {name!r}."
