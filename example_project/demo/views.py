"""The demo's page, its sign-in without passwords, and a token that has expired."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from demo.people import PEOPLE
from demo.ways_out import ways_out
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.claims import IdentityClaims
from django_layer_identity.protocol.signing import sign_identity_token

USERNAMES = tuple(person.username for person in PEOPLE)
CONTENT_SECURITY_POLICY = "; ".join(
    ["default-src 'self'", "base-uri 'none'", "form-action 'self'"]
)


@require_safe
@never_cache
@ensure_csrf_cookie
def index(request: HttpRequest) -> HttpResponse:
    """Show the page; its JavaScript is in ``static/demo/``."""
    app = _app()
    context = {
        "people": User.objects.filter(username__in=USERNAMES).order_by("username"),
        "config": {
            "appId": str(app.identifier) if app else None,
            "csrfCookie": settings.CSRF_COOKIE_NAME,
            "user": _public(request.user) if request.user.is_authenticated else None,
            "waysOut": ways_out(),
        },
    }
    response = render(request, "demo/index.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@require_POST
def sign_in(request: HttpRequest) -> JsonResponse:
    """Sign in alice or bob without a password, on a developer's machine only."""
    if not settings.DEBUG:
        return _refusal(
            "debug_only", "The sign-in buttons work only with DEBUG = True."
        )
    username = request.POST.get("username")
    if username not in USERNAMES:
        return _refusal(
            "not_a_demo_user", "The sign-in buttons are only for alice and bob."
        )
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        return _refusal(
            "user_inactive",
            f"{username} is not an active user here. Activate the user in the admin.",
        )
    auth.login(request, user)
    return JsonResponse(_public(user))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the Django session, as the last step of signing out."""
    auth.logout(request)
    return HttpResponse(status=204)


@require_POST
def expired_token(request: HttpRequest) -> JsonResponse:
    """
    Sign a token that expired a minute ago, so that the sandbox can refuse it.

    A real project never needs this: ``issue_identity_token()`` makes valid tokens only.
    """
    if not settings.DEBUG:
        return _refusal("debug_only", "Expired tokens are made only with DEBUG = True.")
    if not request.user.is_authenticated:
        return _refusal("not_authenticated", "Sign in first.")
    key = SigningKey.objects.select_related("app").filter(active_for=_app()).first()
    if key is None:
        return _refusal("no_signing_key", "The Layer app has no active signing key.")
    expired = datetime.now(timezone.utc) - timedelta(minutes=1)
    try:
        claims = IdentityClaims(
            provider_id=key.app.provider,
            user_id=request.user.get_username(),
            nonce=request.POST.get("nonce", ""),
            issued_at=expired - timedelta(minutes=5),
            expires_at=expired,
        )
        token = sign_identity_token(claims, key.load_signer())
    except LayerIdentityError as exc:
        return _refusal("not_signed", str(exc))
    return JsonResponse({"identity_token": token})


def _app() -> LayerApp | None:
    return LayerApp.objects.order_by("pk").first()


def _public(user: Any) -> dict[str, str]:
    username: str = user.get_username()
    return {"username": username, "name": user.get_full_name() or username}


def _refusal(code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail}, status=403)
