from __future__ import annotations

from contextvars import ContextVar

#: Where users and everything of ours live at the moment.
database = ContextVar("database", default="default")


class OneDatabase:
    """Send the app's models, and users with them, to the database under test."""

    def db_for_read(self, model, **hints):
        together = ("auth", "sessions", "layer_identity", "layer_identity_audit")
        return database.get() if model._meta.app_label in together else None

    db_for_write = db_for_read
