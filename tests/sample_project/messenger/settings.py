"""A small project. It has no sandbox, no encryption secret and no Layer app."""

from __future__ import annotations

SECRET_KEY = "a secret for the sample project"
USE_TZ = True
ROOT_URLCONF = "messenger.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "django_layer_identity",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LAYER_IDENTITY = {
    "AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
    ],
    "THROTTLE_RATES": {"user": "1/day"},  # the test kit turns rate limits off
}
