"""``path("layer/", include("django_layer_identity.urls"))``."""

from __future__ import annotations

from django.urls import path

from django_layer_identity.api.jwks import JWKSView
from django_layer_identity.api.views import IdentityTokenView

app_name = "layer_identity"
urlpatterns = [
    # With and without the slash, because a redirect would drop a phone's POST body.
    # OpenAPI documents have only the second: reverse() returns the last one too.
    path("authenticate/", IdentityTokenView.as_view(schema=None), name="authenticate"),
    path("authenticate", IdentityTokenView.as_view(), name="authenticate"),
    path("jwks.json", JWKSView.as_view(), name="jwks"),
]
