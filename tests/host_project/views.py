"""The endpoint with the project's own classes."""

from __future__ import annotations

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from django_layer_identity.api.permissions import NotImpersonated
from django_layer_identity.api.views import IdentityTokenView


class ChatTokenView(IdentityTokenView):
    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated, NotImpersonated]
    throttle_classes = []

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        response = super().post(request, *args, **kwargs)
        response["X-Chat"] = "yes"
        return response
