from __future__ import annotations

from django_layer_identity.audit.apps import LayerIdentityAuditConfig


class SilentAuditConfig(LayerIdentityAuditConfig):
    """Record nothing until a test connects it, because other tests count queries."""

    def ready(self):
        pass
