"""URLs of the demo: the page, the endpoint, the sandbox and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("demo.urls")),
    path("layer/", include("django_layer_identity.urls")),
    path("sandbox/", include("django_layer_identity.sandbox.urls")),
    path("admin/", admin.site.urls),
]
