"""The rows of the token path as querysets read them, to compare with."""

from __future__ import annotations

from django_layer_identity.models import LayerApp, LayerUser, SigningKey


def fields_of(*objects):
    """Return the value and the type of each field of these objects."""
    return [
        [
            (field.attname, type(value), value)
            for field in found._meta.concrete_fields
            for value in [getattr(found, field.attname)]
        ]
        for found in objects
    ]


def stored_rows(app, user):
    """Return the fields of the app, its active key and the user's current entry."""
    return fields_of(
        LayerApp.objects.get(pk=app.pk),
        SigningKey.objects.get(active_for=app),
        LayerUser.objects.get(app=app, current_for=user),
    )
