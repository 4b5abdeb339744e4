from __future__ import annotations

from django.urls import include, path
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated

from django_layer_identity.api.views import IdentityTokenView
from tests.host_project.views import ChatTokenView

urlpatterns = [
    path("layer/", include("django_layer_identity.urls")),
    path("chat", ChatTokenView.as_view()),
    path("chat/all-users", ChatTokenView.as_view(permission_classes=[IsAuthenticated])),
    path(
        "partners",
        IdentityTokenView.as_view(
            authentication_classes=[BasicAuthentication], throttle_classes=None
        ),
    ),
]
