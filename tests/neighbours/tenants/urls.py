from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("layer/", include("django_layer_identity.urls"))]
