"""Database routers of projects that have more than one database."""

from __future__ import annotations


class Replica:
    """Reads go to a database that lags behind, or is not there at all."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"
