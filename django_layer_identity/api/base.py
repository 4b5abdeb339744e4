"""Base view of both endpoints: JSON only, without ``ATOMIC_REQUESTS``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from django_layer_identity.api.errors import refusal_body, status_of, to_refusal
from django_layer_identity.exceptions import Refusal

if TYPE_CHECKING:
    from rest_framework.views import AsView, GenericView


class JSONOnlyNegotiation(DefaultContentNegotiation):
    """Answer in JSON, whatever ``Accept`` says: Layer's clients read only JSON."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: Any = None
    ) -> Any:
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Match the content type exactly. DRF would read it as a pattern."""
        content_type = request._request.content_type
        exact = (parser for parser in parsers if parser.media_type == content_type)
        return next(exact, None)


class JSONView(APIView):
    """A view that answers in JSON, without API versions and ``ATOMIC_REQUESTS``."""

    renderer_classes = [JSONRenderer]
    content_negotiation_class = JSONOnlyNegotiation
    versioning_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> AsView[GenericView]:
        """Return the view, exempt from ``ATOMIC_REQUESTS`` in every database."""
        view = super().as_view(**initkwargs)
        for alias in connections:
            transaction.non_atomic_requests(alias)(view)
        return view

    def handle_exception(self, exc: Exception) -> Response:
        refusal = to_refusal(exc)
        if refusal is None:
            raise exc
        if refusal is not exc:
            refusal.__cause__ = exc
        self.report(refusal)
        return self.refuse(refusal)

    def report(self, refusal: Refusal) -> None:
        """Do nothing with a refusal; the two views override this to log it."""

    def refuse(self, refusal: Refusal) -> Response:
        """Return the refusal as a response."""
        status = status_of(refusal)
        headers = {"Cache-Control": "no-store"}
        return Response(refusal_body(refusal, status), status, headers=headers)
