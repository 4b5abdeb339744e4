"""The client's address, recorded only where a project puts this middleware in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

_address: ContextVar[str] = ContextVar("layer_identity_audit_address", default="")


def current_address() -> str:
    """Return the address of the request in hand, or ``""`` where it is not to be known."""
    return _address.get()


class RecordAddressMiddleware:
    """
    Let audit entries have the address of the client.

    It is ``REMOTE_ADDR``; behind a proxy, a subclass knows which header to believe.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def get_address(self, request: HttpRequest) -> str:
        """Return the client's address; what is no IP address is not recorded."""
        return str(request.META.get("REMOTE_ADDR", ""))

    def __call__(
        self, request: HttpRequest
    ) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._call_async(request)
        token = _address.set(_normalize(self.get_address(request)))
        try:
            response: HttpResponseBase = self.get_response(request)
        finally:
            _address.reset(token)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        token = _address.set(_normalize(self.get_address(request)))
        try:
            response: HttpResponseBase = await self.get_response(request)
        finally:
            _address.reset(token)
        return response


def _normalize(text: str) -> str:
    try:
        return str(ip_address(text.partition("%")[0]))  # without an interface's name
    except ValueError:
        return ""  # a socket's path, or a proxy's mistake
