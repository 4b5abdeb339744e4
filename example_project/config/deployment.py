"""
Example settings for a deployment: no demo, no sandbox, no debug mode.

Values that differ between deployments come from environment variables.
``manage.py check --deploy --settings config.deployment`` finds no problem.
"""

from __future__ import annotations

import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
ROOT_URLCONF = "config.deployment_urls"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "django_layer_identity",
    "django_layer_identity.audit",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", "example"),  # PGHOST and others work too
        # A database that hangs fails soon: after 3 seconds, or 5000 milliseconds.
        "OPTIONS": {"connect_timeout": 3, "options": "-c statement_timeout=5000"},
        # Django checks a connection before reuse, and replaces a broken one.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    },
}

CACHES = {
    "default": {
        # All processes share this cache. A cache that hangs fails after a second.
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    },
}

# One proxy ends TLS. It must overwrite both headers, whatever the client sends.
REST_FRAMEWORK = {"NUM_PROXIES": 1}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

STATIC_URL = "static/"
TIME_ZONE = "UTC"

LAYER_IDENTITY = {
    # The newest first: see “Encryption at rest” in the documentation.
    "KEY_ENCRYPTION_KEYS": os.environ["LAYER_KEY_ENCRYPTION_KEYS"].split(","),
    "AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
}
