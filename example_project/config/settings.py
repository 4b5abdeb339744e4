"""Settings of the example project: a demo for one person on one machine."""

from __future__ import annotations

from config import secrets_file

_secrets = secrets_file.read()

DEBUG = True  # the sandbox and the sign-in buttons only work in DEBUG
SECRET_KEY = _secrets["secret_key"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_layer_identity",
    "django_layer_identity.sandbox",
    "django_layer_identity.audit",
    "demo",
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
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": secrets_file.database_path(),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    },
}

# Unique names: cookies ignore the port, so projects on 127.0.0.1 share them. The command
# "demo" appends its port, because several demos may run.
SESSION_COOKIE_NAME = "layer_demo_session"
CSRF_COOKIE_NAME = "layer_demo_csrf"

STATIC_URL = "static/"
TIME_ZONE = "UTC"

LAYER_IDENTITY = {
    "KEY_ENCRYPTION_KEYS": [_secrets["encryption_key"]],
}
