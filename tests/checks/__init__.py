from __future__ import annotations

from django.core import checks

#: What ``check --deploy`` says nothing about, in any project.
HARMLESS = {
    "KEY_ENCRYPTION_KEYS": ["x" * 32],
    "NONCE_GUARD": "database",
    "AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "THROTTLE_RATES": {"user": None, "failures": None},
}


def found(settings, **layer_identity):
    settings.LAYER_IDENTITY = layer_identity
    return checks.run_checks(tags=["layer_identity"])


def deployed(settings, **layer_identity):
    settings.LAYER_IDENTITY = {**HARMLESS, **layer_identity}
    messages = checks.run_checks(tags=["security"], include_deployment_checks=True)
    return [message for message in messages if "layer_identity" in message.id]
