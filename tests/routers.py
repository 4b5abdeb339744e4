"""Database routers of projects with several databases."""

from __future__ import annotations


class Replica:
    """Send reads to a replica, which lags behind or does not exist."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


class ReplicaOf(Replica):
    """The same, but only for some models: sessions and users are elsewhere."""

    def __init__(self, *models):
        self.models = models

    def db_for_read(self, model, **hints):
        return "replica" if model in self.models else None


class ReplicaOfRelated(ReplicaOf):
    """The same, but only where a foreign key of an object is followed."""

    def db_for_read(self, model, **hints):
        return super().db_for_read(model) if "instance" in hints else None
