from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

from tests.frontdoors.recipes import RECIPES, urls_of

urlpatterns = [
    path("admin/", admin.site.urls),
    path("hijack/", include("hijack.urls")),
    path("impersonate/", include("impersonate.urls")),
    path("layer/", include("django_layer_identity.urls")),
    path("loginas/", include("loginas.urls")),
    path("sessions/login", LoginView.as_view(template_name="admin/login.html")),
    *(
        path(f"{number}/", include(urls_of(title)))
        for number, title in enumerate(RECIPES)
    ),
]
