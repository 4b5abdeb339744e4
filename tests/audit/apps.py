from __future__ import annotations

from django_layer_identity.audit.apps import LayerIdentityAuditConfig


class SilentAuditConfig(LayerIdentityAuditConfig):
    """Records nothing until a test says so: other tests count queries."""

    def ready(self):
        pass
