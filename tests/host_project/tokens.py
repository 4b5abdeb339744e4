"""Issue a token from Python, for a user that the project authenticated."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from django_layer_identity.exceptions import Refusal
from django_layer_identity.issuing import IssuedToken, issue_identity_token
from django_layer_identity.models import LayerApp


def issue(user: User, nonce: str, request: HttpRequest) -> IssuedToken:
    app: LayerApp = LayerApp.objects.get()
    return issue_identity_token(user, nonce, app=app, request=request)


def try_to_issue(user: User, nonce: str) -> tuple[str, timedelta]:
    try:
        issued = issue_identity_token(user, nonce, expected_user_id=f"user-{user.pk}")
    except Refusal as refusal:
        return f"{refusal.code}: {refusal.detail}", timedelta(0)
    return issued.token, issued.expires_at - timezone.now()
