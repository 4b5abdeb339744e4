from __future__ import annotations

from contextvars import ContextVar

#: Where Layer apps and signing keys live at the moment.
database = ContextVar("database", default="default")


class OneDatabase:
    """Send the app's models to the database under test."""

    def db_for_read(self, model, **hints):
        return database.get() if model._meta.app_label == "layer_identity" else None

    db_for_write = db_for_read
