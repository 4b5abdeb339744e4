"""``POST authenticate``: return an identity token for a nonce."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import (
    sensitive_post_parameters,
    sensitive_variables,
)
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.settings import api_settings

from django_layer_identity.api.authentication import (
    accepted_credentials,
    prioritize_body_credentials,
    takes_passwords,
)
from django_layer_identity.api.base import JSONView
from django_layer_identity.api.errors import (
    CHALLENGED,
    authentication_refusal,
    note_refusing_class,
)
from django_layer_identity.api.parsers import (
    FormBodyParser,
    JSONBodyParser,
    MultiPartBodyParser,
    hide_passwords,
    read_body,
)
from django_layer_identity.api.throttling import UserThrottle, limit_failed_logins
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    AuthenticationFailed,
    ConfigurationError,
    NonceHasSpaces,
    NonceMissing,
    NotAuthenticated,
    Refusal,
    Throttled,
    UserIDNotString,
)
from django_layer_identity.issuing import IssuedToken, issue_identity_token
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.mapping.users import saved_user
from django_layer_identity.reporting import Facts, report_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from rest_framework.request import Request


logger = logging.getLogger("django_layer_identity")


@method_decorator(sensitive_post_parameters(), name="dispatch")
@method_decorator(cache_control(no_store=True), name="dispatch")
class IdentityTokenView(JSONView):
    """
    Return an identity token for a nonce from a logged-in user.

    ``authentication_classes``, ``permission_classes`` and ``throttle_classes``, set in
    a subclass or by ``as_view()``, override the settings. With None, the
    settings apply.
    """

    http_method_names = ["post"]
    authentication_classes: Sequence[type] | None = None  # type: ignore[assignment]
    permission_classes: Sequence[type] | None = None  # type: ignore[assignment]
    throttle_classes: Sequence[type] | None = None  # type: ignore[assignment]
    parser_classes = [JSONBodyParser, FormBodyParser, MultiPartBodyParser]

    user: AbstractBaseUser | None = None  # set by perform_authentication()
    _settings_error: ConfigurationError | None = None  # set by get_authenticators()

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data: Any = request.data  # a dict or a form
        nonce = data.get("nonce")
        if _is_form(request) and isinstance(nonce, str) and " " in nonce:
            raise NonceHasSpaces
        user_id = data.get("user_id")
        if not isinstance(user_id, (str, type(None))):
            raise UserIDNotString
        try:
            issued = issue_identity_token(
                cast("AbstractBaseUser", request.user),  # authenticated
                nonce,
                app=None if data.get("app_id") == "" else data.get("app_id"),
                expected_user_id=user_id,
                request=request._request,
            )
        except Refusal as refusal:
            return self.refuse(refusal)  # issue_identity_token() reported it
        return Response(_success_body(issued))

    def refuse(self, refusal: Refusal) -> Response:
        """
        Return the refusal as a response.

        For the two authentication codes, DRF's rule decides between 401 and 403, and
        the text names the accepted credentials.
        """
        response = super().refuse(refusal)
        if refusal.code in CHALLENGED:
            accepted = accepted_credentials(self.get_authenticators(), self.request)
            text = " ".join([refusal.detail, *accepted])
            response.data["detail"] = response.data["error"] = text
        challenge = self.get_authenticate_header(self.request)
        if refusal.code in CHALLENGED and challenge:
            response.status_code = response.data["status"] = 401
            response["WWW-Authenticate"] = challenge
        if isinstance(refusal, Throttled) and refusal.wait is not None:
            response["Retry-After"] = str(refusal.wait)
        if isinstance(refusal, NonceMissing):
            response.data["fields"]["nonce"] += _received_names(self.request)
        return response

    def report(self, refusal: Refusal) -> None:
        report_refused(refusal, Facts(self.user, self.request._request))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Check authentication, permissions and throttles, then report a wrong body.

        The body is parsed before the checks, because the project's authentication
        classes may read it. They see an empty body if it is too large or malformed. A
        client that is not logged in gets the error of the body only if the body may
        contain credentials.
        """
        if self._settings_error is not None:
            raise self._settings_error
        body_error = read_body(request)
        in_body = takes_passwords(request)
        if in_body:
            hide_passwords(request)
        try:
            super().initial(request, *args, **kwargs)
            if body_error is not None:
                raise body_error
        except NotAuthenticated as refusal:
            raise ((in_body and body_error) or refusal) from None
        finally:
            del body_error  # its traceback refers to this frame: break the cycle

    def perform_authentication(self, request: Request) -> None:
        """Authenticate, limit failed logins, and set ``self.user``."""
        request.authenticators = prioritize_body_credentials(request.authenticators)
        for each in request.authenticators:
            each.authenticate = note_refusing_class(each)(each.authenticate)
        with limit_failed_logins(request):
            self._authenticate(request)
        self.user = saved_user(request.user)
        if self.user is None:
            raise AuthenticationFailed

    def _authenticate(self, request: Request) -> None:
        try:
            # DRF's classes keep credentials in local variables, and do not hide them.
            hide_locals(super().perform_authentication)(request)
        except Exception as exc:
            # An error report reads request.user: without this, it authenticates again.
            request._not_authenticated()  # type: ignore[attr-defined]
            refusal = authentication_refusal(exc)
            if refusal is exc:
                raise
            raise refusal from refusal.__cause__ or exc
        if request.successful_authenticator is None:
            raise NotAuthenticated

    def get_authenticators(self) -> list[Any]:
        try:
            own, project = self.authentication_classes, conf.AUTHENTICATION_CLASSES
        except ConfigurationError as exc:
            # DRF handles no errors here, so initial() raises it.
            self._settings_error = exc
            return []
        default = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        return _instances(own, project, default)

    def get_permissions(self) -> list[Any]:
        return _instances(self.permission_classes, conf.PERMISSION_CLASSES)

    def check_permissions(self, request: Request) -> None:
        """Check each permission, as DRF does. The log names the class that refuses."""
        for permission in self.get_permissions():
            with note_refusing_class(permission):
                if not permission.has_permission(request, self):
                    message = getattr(permission, "message", None)
                    code = getattr(permission, "code", None)
                    self.permission_denied(request, message, code)

    def get_throttles(self) -> list[Any]:
        if self.throttle_classes is not None:
            return _instances(self.throttle_classes)
        return [UserThrottle(), *_instances(api_settings.DEFAULT_THROTTLE_CLASSES)]

    def check_throttles(self, request: Request) -> None:
        """Check the throttles. If a throttle fails, allow the request."""
        try:
            super().check_throttles(request)
        except (APIException, Refusal, ImproperlyConfigured):
            raise
        except Exception:
            logger.exception("A throttle failed, so a request is not counted")


def _instances(*choices: Sequence[str | type] | None) -> list[Any]:
    """Create an instance of each class in the first choice that is not None."""
    classes = next(choice for choice in choices if choice is not None)
    return [
        (import_string(entry) if isinstance(entry, str) else entry)()
        for entry in classes
    ]


def _is_form(request: Request) -> bool:
    """Return whether “+” means a space in the body."""
    return request._request.content_type == FormBodyParser.media_type


def _received_names(request: Request) -> list[str]:
    """Return a hint for a client that sent the nonce nested, misspelt or mislabelled."""
    data: Any = request.data
    if not data or "nonce" in data:
        return []
    if _is_form(request) and str(next(iter(data))).startswith("{"):
        return ["The body is JSON, but its Content-Type is not application/json."]
    names = ", ".join(str(name)[:40] for name in list(data)[:8])
    return [f"The top level of the body has: {names}."]


def _success_body(issued: IssuedToken) -> dict[str, Any]:
    return {
        "identity_token": issued.token,
        "layer_identity_token": issued.token,  # Layer's Atlas clients read this name
        "user_id": issued.user_id,
        "expires_at": int(issued.expires_at.timestamp()),
    }
