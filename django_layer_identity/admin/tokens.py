"""“Try it” and “Explain a token”: one page with two tabs, which records no token."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from functools import wraps
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps as installed_apps
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import router, transaction
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from django_layer_identity.admin.base import LayerModelAdmin
from django_layer_identity.admin.forms import (
    SecretField,
    users_by_login_name,
    wrap_secrets,
)
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import InvalidToken, LayerIdentityError, Refusal
from django_layer_identity.issuing import preview_identity_token
from django_layer_identity.keys.secrets import Secret, hide_locals
from django_layer_identity.models import LayerApp
from django_layer_identity.models.registrations import load_registrations
from django_layer_identity.protocol.claims import (
    CLAIM_LIMITS,
    MAX_NONCE_LENGTH,
    MAX_USER_ID_LENGTH,
)
from django_layer_identity.protocol.explain import (
    ERROR,
    MAX_TOKEN_LENGTH,
    Finding,
)
from django_layer_identity.protocol.validation import accept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

TRY = "layer_identity.try_identity_token"
TRY_FOR_OTHERS = "layer_identity.try_identity_token_for_others"
VIEW_SIGNATURE = "layer_identity.view_identity_token_signature"
EXPLAIN = "layer_identity.explain_identity_token"
PAGES = "admin/layer_identity/tokens/{}.html"
SECRET_FIELDS = ("token", "nonce")
LIMITS: Mapping[str, int | None] = {
    "prn": MAX_USER_ID_LENGTH,
    "nce": MAX_NONCE_LENGTH,
    **CLAIM_LIMITS,
}


# Forms


class _NotShownAgain:
    """A widget that never shows its value again."""

    def format_value(self, value: object) -> None:
        return None


class TokenInput(_NotShownAgain, forms.Textarea):
    pass


class NonceInput(_NotShownAgain, forms.TextInput):
    pass


def _apps() -> QuerySet[LayerApp]:
    return LayerApp.objects.using(router.db_for_write(LayerApp)).order_by("name", "pk")


class TryForm(forms.Form):
    """Ask for the Layer app and, if the person may choose, for the user."""

    app = forms.ModelChoiceField(LayerApp.objects.none(), label=_("Layer app"))
    user = forms.CharField(
        label=_("User"),
        required=False,
        strip=False,
        help_text=_(
            "The name that this user logs in with. Leave empty to try it for yourself."
        ),
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, may_choose_user: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["app"]
        field.queryset = apps = _apps()
        if len(only := apps[:2]) == 1:
            self.initial.setdefault("app", only[0])
        if not may_choose_user:
            del self.fields["user"]

    def clean_user(self) -> AbstractBaseUser | None:
        if not (name := self.cleaned_data["user"]):
            return None
        model = get_user_model()
        try:
            return users_by_login_name(name).get()
        except (model.DoesNotExist, ValueError, ValidationError) as exc:
            raise ValidationError(
                _("No user logs in with this name. Enter the complete name, exactly.")
            ) from exc
        except model.MultipleObjectsReturned as exc:
            raise ValidationError(
                _(
                    "Several users log in with this name, so this page cannot tell which "
                    "user you mean."
                )
            ) from exc


class ExplainForm(forms.Form):
    """Ask for a token, and for what to compare it with."""

    token = SecretField(
        label=_("Identity token"),
        help_text=_(
            "It is neither stored nor logged nor shown again. But a token is a "
            "credential: prefer one that has expired or was refused."
        ),
        widget=TokenInput({"rows": 8, "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Paste the identity token.")},
    )
    app = forms.ModelChoiceField(
        LayerApp.objects.none(),
        label=_("Layer app"),
        required=False,
        empty_label=_("any"),
        help_text=_("The app that the client connects to."),
    )
    nonce = SecretField(
        label=_("Nonce"),
        required=False,
        help_text=_("The nonce that the client got from Layer, to compare it."),
        widget=NonceInput({"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["app"]
        field.queryset = _apps()


# What the pages show


@hide_locals
def explain(data: Mapping[str, Any]) -> list[Finding]:
    """Return every problem of the token in the cleaned data of an ``ExplainForm``."""
    nonce = data["nonce"]
    # Most programs end their output with a line break, which nobody sends.
    token = data["token"].reveal().removesuffix("\n").removesuffix("\r")
    registrations = load_registrations()
    inspection = registrations.inspect(token, data["app"], nonce and nonce.reveal())
    return list(inspection.run())


@hide_locals
def try_token(
    user: AbstractBaseUser, app: LayerApp, *, by: AbstractBaseUser, with_signature: bool
) -> dict[str, Any]:
    """
    Return what the user's next token would contain, and whether Layer would accept it.

    :param with_signature: return the complete token, unless its Layer user ID could
        still become another user's.
    :raises Refusal: if the user would not get a token.
    """
    uses_sandbox = _is_sandbox_enabled()
    nonce = _new_nonce(uses_sandbox)
    preview = preview_identity_token(user, app, nonce, by=by)
    inspection = load_registrations().inspect(preview.token, app, nonce)
    findings = list(inspection.run())
    is_complete = with_signature and preview.is_recorded
    return {
        "header": json.dumps(inspection.header, indent=2),
        "claims": [_describe(*claim) for claim in (inspection.claims or {}).items()],
        "length": len(preview.token),
        "max_length": MAX_TOKEN_LENGTH,
        "findings": findings,
        "is_accepted": _is_accepted(findings),
        "uses_sandbox": uses_sandbox,
        "sandbox_error": uses_sandbox and _ask_sandbox(preview.token, app),
        "is_recorded": preview.is_recorded,
        "is_complete": is_complete,
        # Reports of later errors must not show the token.
        "token": Secret(preview.token if is_complete else preview.without_signature),
    }


def _is_accepted(findings: list[Finding]) -> bool:
    return not any(finding.severity == ERROR for finding in findings)


def _describe(name: str, value: Any) -> dict[str, Any]:
    """Return a claim's name and value, and its length if there is a limit."""
    limit = LIMITS.get(name)
    length = len(value) if limit else None
    if name in ("iat", "exp"):
        value = f"{value} ({datetime.fromtimestamp(value, tz=timezone.utc):%Y-%m-%d %H:%M:%S} UTC)"
    elif not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return {"name": name, "value": value, "length": length, "limit": limit}


def _is_sandbox_enabled() -> bool:
    is_installed = installed_apps.is_installed("django_layer_identity.sandbox")
    return is_installed and conf.sandbox_enabled


def _new_nonce(from_sandbox: bool) -> str:
    """Return a nonce that no client got: a typed one could belong to another user."""
    if not from_sandbox:
        return token_urlsafe(64)
    from django_layer_identity.sandbox.state import create_nonce

    return create_nonce()


@hide_locals
def _ask_sandbox(token: str, app: LayerApp) -> str:
    """Return why the sandbox would open no session, or "". Use up no nonce."""
    from django_layer_identity.sandbox import state

    try:
        identity = accept(load_registrations().inspect(token, app))
    except InvalidToken as exc:
        return str(exc)
    is_known = state.has_nonce(identity.nonce)
    return "" if is_known else str(_("The sandbox does not know its own nonce."))


# The pages


def _initial(request: HttpRequest) -> dict[str, Any]:
    """Return the Layer app that the link names. The rest is posted."""
    app = request.GET.get("app")
    return {"app": app} if app else {}


class TokenPages(LayerModelAdmin):
    """The two pages, as part of the admin of Layer apps."""

    def get_urls(self) -> list[Any]:
        pages = [
            path(
                f"{name}/", self._as_page(view), name=f"layer_identity_layerapp_{name}"
            )
            for name, view in (("try", self.try_view), ("explain", self.explain_view))
        ]
        return [*pages, *super().get_urls()]

    def _as_page(self, view: Callable[..., HttpResponse]) -> Callable[..., Any]:
        """Keep posted secrets out of reports, and a failed query out of the history."""
        page = _wrap_posted_secrets(self.admin_site.admin_view(view))
        # With ATOMIC_REQUESTS, no query would work after one that failed.
        return transaction.non_atomic_requests(router.db_for_write(LayerApp))(page)

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Show the identity token that a user would get now."""
        user: Any = request.user
        if not user.has_perm(TRY):
            raise PermissionDenied
        may_choose = user.has_perm(TRY_FOR_OTHERS)
        if request.POST.get("user") and not may_choose:
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = TryForm(data, initial=_initial(request), may_choose_user=may_choose)
        context: dict[str, Any] = {}
        if form.is_valid():
            app, other = form.cleaned_data["app"], form.cleaned_data.get("user")
            context = self._try(request, app, other or user)
        title = _("Try an identity token")
        return self._render(request, "try", title=title, form=form, **context)

    def explain_view(self, request: HttpRequest) -> HttpResponse:
        """Show why Layer would refuse an identity token."""
        user: Any = request.user
        if not user.has_perm(EXPLAIN):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = ExplainForm(data, initial=_initial(request))
        context: dict[str, Any] = {}
        if form.is_valid():
            findings = explain(form.cleaned_data)
            context = {"findings": findings, "is_accepted": _is_accepted(findings)}
        title = _("Explain an identity token")
        return self._render(request, "explain", title=title, form=form, **context)

    def _try(
        self, request: HttpRequest, app: LayerApp, user: AbstractBaseUser
    ) -> dict[str, Any]:
        """Return the template's variables, and write the history entry."""
        by: Any = request.user
        may_view = by.has_perm(VIEW_SIGNATURE)
        try:
            shown = try_token(user, app, by=by, with_signature=may_view)
        except Refusal as refusal:
            note = _(
                "Tried an identity token for user %(user)s. It was refused: %(code)s."
            )
            self.log_change(
                request, app, note % {"user": user.pk, "code": refusal.code}
            )
            cause = refusal.__cause__
            reason = str(cause) if isinstance(cause, LayerIdentityError) else ""
            return {"tried": user, "refusal": refusal, "reason": reason}
        if shown["is_complete"]:
            note = _(
                "Tried an identity token for user %(user)s. It was shown completely."
            )
        else:
            note = _(
                "Tried an identity token for user %(user)s. It was shown without its "
                "signature."
            )
        self.log_change(request, app, note % {"user": user.pk})
        return {"tried": user, "may_view_signature": may_view, **shown}

    def _render(self, request: HttpRequest, tab: str, **context: Any) -> HttpResponse:
        user: Any = request.user
        tabs = {
            "try": (_("Try it"), user.has_perm(TRY)),
            "explain": (_("Explain a token"), user.has_perm(EXPLAIN)),
        }
        return self.render(
            request,
            PAGES.format(tab),
            tab=tab,
            tabs=[
                (name, label) for name, (label, may_open) in tabs.items() if may_open
            ],
            may_view_apps=self.has_view_permission(request),
            **context,
        )


def _wrap_posted_secrets(view: Callable[..., HttpResponse]) -> Callable[..., Any]:
    """Wrap the posted token and nonce first, and hide them in error reports."""

    @wraps(view)
    @sensitive_post_parameters(*SECRET_FIELDS)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.POST = wrap_secrets(request.POST, SECRET_FIELDS)
        return view(request, *args, **kwargs)

    return wrapper
