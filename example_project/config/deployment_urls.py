"""URLs for a deployment: the endpoint and the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("layer/", include("django_layer_identity.urls")),
    path("admin/", admin.site.urls),
]
