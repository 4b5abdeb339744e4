from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("layer/", include("django_layer_identity.urls")),
    path("sandbox/", include("django_layer_identity.sandbox.urls")),
]
