from __future__ import annotations

from django.urls import include, path
from django.utils.module_loading import import_string

from tests.benchmarks.names import SESSIONS
from tests.benchmarks.sample import identity_token
from tests.benchmarks.views import FloorView, bare
from tests.server.process import TOKENS


def floor(names):
    return FloorView.as_view(authentication_classes=[*map(import_string, names)])


urlpatterns = [
    path("bare", bare),
    path("floor/token", floor(TOKENS)),
    path("floor/session", floor(SESSIONS)),
    path("layer/", include("django_layer_identity.urls")),
    path("sample", identity_token),
]
