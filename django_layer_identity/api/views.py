"""``POST authenticate``: a nonce for an identity token."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http.request import QueryDict, RawPostDataException
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string
from django.views.decorators.cache import cache_control
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from django_layer_identity.api.errors import (
    CHALLENGED,
    STATUSES,
    BodyTooLarge,
    CSRFFailed,
    LostPlus,
    Throttled,
    refusal_body,
    to_refusal,
)
from django_layer_identity.api.parsers import (
    FormBodyParser,
    JSONBodyParser,
    MultiPartBodyParser,
)
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import NonceMissing, Refusal
from django_layer_identity.issuing import IssuedToken, issue_identity_token
from django_layer_identity.signals import Facts, report_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

MAX_BODY_LENGTH = 16 * 1024  # bytes; a nonce and two IDs have some 300


class JSONAlways(DefaultContentNegotiation):
    """Whatever ``Accept`` says: Layer's clients read JSON and nothing else."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: Any = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


@method_decorator(cache_control(no_store=True), name="dispatch")
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class IdentityTokenView(APIView):
    """
    Answer a logged-in user's nonce with an identity token.

    ``authentication_classes``, ``permission_classes`` and ``throttle_classes``, set in
    a subclass or by ``as_view()``, win over the settings; None leaves it to them.
    """

    http_method_names = ["post"]
    authentication_classes: Sequence[type] | None = None  # type: ignore[assignment]
    permission_classes: Sequence[type] | None = None  # type: ignore[assignment]
    throttle_classes: Sequence[type] | None = None  # type: ignore[assignment]
    parser_classes = [JSONBodyParser, FormBodyParser, MultiPartBodyParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JSONAlways
    versioning_class = None

    user_pk: Any = None  # of the caller, once he is known

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        nonce = request.data.get("nonce")
        form = isinstance(request.data, QueryDict)
        if form and isinstance(nonce, str) and " " in nonce:
            raise LostPlus
        try:
            issued = issue_identity_token(
                request.user,
                nonce,
                app=_unless_empty(request.data.get("app_id")),
                expected_user_id=request.data.get("user_id"),
                request=request._request,
            )
        except Refusal as refusal:
            return self.refuse(refusal)  # issuing has reported it
        return Response(_success_body(issued))

    def refuse(self, refusal: Refusal) -> Response:
        """Answer with the refusal; the authentication codes by DRF's rule."""
        status, headers = STATUSES[refusal.code], {}
        challenge = self.get_authenticate_header(self.request)
        if refusal.code in CHALLENGED and challenge:
            status, headers = 401, {"WWW-Authenticate": challenge}
        if isinstance(refusal, Throttled) and refusal.wait is not None:
            headers = {"Retry-After": str(math.ceil(refusal.wait))}
        body = refusal_body(refusal, status)
        if isinstance(refusal, NonceMissing) and self.request.data:
            names = ", ".join(str(name)[:40] for name in list(self.request.data)[:8])
            body["fields"]["nonce"].append(f"The body has: {names}.")
        return Response(body, status=status, headers=headers)

    def handle_exception(self, exc: Exception) -> Response:
        refusal = to_refusal(exc)
        if refusal is None:
            raise exc
        fault = exc if refusal.fault_is_ours else None
        report_refused(refusal.code, Facts(user_pk=self.user_pk), fault=fault)
        return self.refuse(refusal)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Authenticate, permit, throttle, and only then complain about the body.

        It is read first all the same, so that the project's authentication classes
        never meet a body that is too large or malformed: to them it is empty.
        """
        complaint = _read_body(request)
        super().initial(request, *args, **kwargs)
        if complaint is not None:
            raise complaint

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except PermissionDenied as exc:
            # The words of DRF's SessionAuthentication, which has no class for it.
            if str(exc.detail).startswith("CSRF Failed"):
                raise CSRFFailed from exc
            raise
        self.user_pk = getattr(request.user, "pk", None)

    def get_authenticators(self) -> list[Any]:
        own, project = self.authentication_classes, conf.AUTHENTICATION_CLASSES
        default = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        return _instances(own, project, default)

    def get_permissions(self) -> list[Any]:
        return _instances(self.permission_classes, conf.PERMISSION_CLASSES)

    def get_throttles(self) -> list[Any]:
        default = api_settings.DEFAULT_THROTTLE_CLASSES
        return _instances(self.throttle_classes, default)


def _instances(*choices: Sequence[str | type] | None) -> list[Any]:
    """Make the objects of the first choice that was made."""
    classes = next(choice for choice in choices if choice is not None)
    return [
        (import_string(entry) if isinstance(entry, str) else entry)()
        for entry in classes
    ]


def _read_body(request: Request) -> Exception | None:
    try:
        length = str(request.META.get("CONTENT_LENGTH", ""))
        if length.isdecimal() and int(length) > MAX_BODY_LENGTH:
            raise BodyTooLarge
        with suppress(RawPostDataException):  # a middleware was here first
            request.body  # noqa: B018  # Django keeps it for those who read it later
        request.data  # noqa: B018
    except Exception as exc:
        request._request._mark_post_parse_error()
        if to_refusal(exc) is None:
            raise
        return exc
    return None


def _unless_empty(app_id: Any) -> Any:
    return None if app_id == "" else app_id


def _success_body(issued: IssuedToken) -> dict[str, Any]:
    return {
        "identity_token": issued.token,
        "layer_identity_token": issued.token,  # what Layer's Atlas clients read
        "user_id": issued.user_id,
        "expires_at": int(issued.expires_at.timestamp()),
    }
