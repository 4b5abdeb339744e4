from __future__ import annotations

from contextvars import ContextVar

#: Where Layer apps, signing keys and audit entries live at the moment.
database = ContextVar("database", default="default")


class OneDatabase:
    """Send the app's models to the database under test."""

    def db_for_read(self, model, **hints):
        ours = model._meta.app_label in ("layer_identity", "layer_identity_audit")
        return database.get() if ours else None

    db_for_write = db_for_read
