"""URLs of the page, of its sign-in and sign-out, and of a token that has expired."""

from __future__ import annotations

from django.urls import path

from demo import views

app_name = "demo"
urlpatterns = [
    path("", views.index, name="index"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("expired-token", views.expired_token, name="expired-token"),
]
