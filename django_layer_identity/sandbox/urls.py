"""URLs of Layer's client API. Include them, and set an SDK's ``url`` to the prefix."""

from __future__ import annotations

from django.urls import path, re_path

from django_layer_identity.sandbox import views

app_name = "layer_identity_sandbox"
urlpatterns = [
    path("", views.RootView.as_view(), name="root"),
    path("ping", views.PingView.as_view(), name="ping"),
    path("nonces", views.NoncesView.as_view(), name="nonces"),
    path("sessions", views.SessionsView.as_view(), name="sessions"),
    path("sessions/<str:token>", views.SessionView.as_view(), name="session"),
    # User IDs may contain slashes and line breaks; ``path:`` does not match the latter.
    re_path(
        r"^identities/(?P<user_id>[\s\S]+)",
        views.IdentityView.as_view(),
        name="identity",
    ),
    re_path(r"", views.UnknownView.as_view(), name="unknown"),
]
