"""Permission classes for ``PERMISSION_CLASSES``."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from django_layer_identity.mapping.users import impersonator_of


class NotImpersonated(BasePermission):
    """Refuse a request in which another user impersonates the request's user."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return impersonator_of(request) is None
