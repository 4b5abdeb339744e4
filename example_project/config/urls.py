"""The three rooms of the demo: the page, the endpoint, and Layer's stand-in."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("demo.urls")),
    path("layer/", include("django_layer_identity.urls")),
    path("sandbox/", include("django_layer_identity.sandbox.urls")),
    path("admin/", admin.site.urls),
]
