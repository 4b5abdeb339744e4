from __future__ import annotations

from contextvars import ContextVar

#: The alias of the database that holds the users and the app's tables.
database = ContextVar("database", default="default")


class OneDatabase:
    """Route the app's models and the users to the database under test."""

    def db_for_read(self, model, **hints):
        together = ("auth", "sessions", "layer_identity", "layer_identity_audit")
        return database.get() if model._meta.app_label in together else None

    db_for_write = db_for_read
