"""Let a page of any origin call the sandbox, as Layer's servers did."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

_ORIGIN = re.compile(r"[!-~]+")  # visible ASCII: nothing that breaks out of a header

# What Layer's web SDKs send and read. They set the credentials flag, with which a
# browser wants the exact origin; no cookie counts here, so that gives nothing away.
_HEADERS = {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": (
        "authorization, content-type, client-id, layer-xdk-version"
    ),
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, HEAD",
    "Access-Control-Expose-Headers": "link, layer-count",
}


def add_cors_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    """Allow the origin that asks, whatever the answer: errors are to be read too."""
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("Origin", "")
    if _ORIGIN.fullmatch(origin):
        response["Access-Control-Allow-Origin"] = origin
        for name, value in _HEADERS.items():
            response[name] = value
