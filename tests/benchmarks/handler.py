"""Requests through Django's handler, without a server and without a test client."""

from __future__ import annotations

import json
from io import BytesIO
from urllib.parse import urlencode

from django.core.handlers.wsgi import WSGIHandler

from tests.benchmarks.names import JSON, USERNAME
from tests.server.clients import new_nonce


class Handler(WSGIHandler):
    """The WSGI application. As for Django's test client, no CSRF token is needed."""

    def get_response(self, request):
        request._dont_enforce_csrf_checks = True
        return super().get_response(request)


def json_body():
    return json.dumps({"nonce": new_nonce()})


def form_body():
    return urlencode({"user_id": USERNAME, "nonce": new_nonce()})


def requester(path, headers, content_type=JSON, body=json_body):
    """Return a function that sends a request with a new nonce and returns the body."""
    handler = Handler()
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": content_type,
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }

    def request():
        data = body().encode()
        sent = {"CONTENT_LENGTH": str(len(data)), "wsgi.input": BytesIO(data)}
        response = handler({**environ, **sent}, _check_status)
        answer = b"".join(response)
        response.close()
        return answer

    return request


def _check_status(status, headers):
    assert status == "200 OK", status
