"""Django's development server on the first free port, with its own cookies."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands import runserver
from django.core.servers.basehttp import WSGIServer

ATTEMPTS = 10  # ports in a row; then the system chooses one


class FirstFreePort(WSGIServer):
    """Listen on the wanted port, or on the next free one: another demo may run."""

    def __init__(self, address: tuple[str, int], *args: Any, **kwargs: Any) -> None:
        host, wanted = address
        for port in [*range(wanted, wanted + ATTEMPTS), 0]:
            try:
                super().__init__((host, port), *args, **kwargs)
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise
            else:
                return


class Runserver(runserver.Command):
    """``runserver`` that calls ``on_port`` with its port before it serves."""

    def __init__(
        self, on_port: Callable[[int], None], server_cls: type[WSGIServer]
    ) -> None:
        super().__init__()
        self.on_port = on_port
        self.server_cls = server_cls

    def on_bind(self, server_port: int) -> None:
        # Cookies ignore the port, so each of several demos needs names of its own.
        settings.SESSION_COOKIE_NAME += f"_{server_port}"
        settings.CSRF_COOKIE_NAME += f"_{server_port}"
        self.on_port(server_port)
        super().on_bind(server_port)
        self.stdout.flush()
