"""The command that ``make demo`` runs."""

from __future__ import annotations

import os
import socket

from config import secrets_file
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.servers.basehttp import WSGIServer

from demo.preparation import prepare
from demo.server import FirstFreePort, Runserver

HOST = "127.0.0.1"  # only this address: the page signs users in without a password
DEFAULT_PORT = 8000

WELCOME = """
The demo is ready.

  Page    http://{host}:{port}/
  Admin   http://{host}:{port}/admin/

  Account   Password (created at the first run)
{accounts}

Data: {data}
Stop with Ctrl+C. The next run keeps all data.
"""


class Command(BaseCommand):
    help = "Prepare the demo, keep existing data, and serve it on 127.0.0.1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prepare-only",
            action="store_true",
            help="Create missing data and exit, without starting the server.",
        )

    def handle(self, *, prepare_only: bool, **options: object) -> None:
        os.umask(0o077)  # the database contains accounts and a private key
        if prepare_only:
            prepare(secrets_file.read())
            return
        port = DEFAULT_PORT
        server_cls: type[WSGIServer] = FirstFreePort
        if wanted := os.environ.get("PORT"):
            port, server_cls = _port(wanted), WSGIServer
        prepare(secrets_file.read())
        server = Runserver(self.welcome, server_cls)
        call_command(server, f"{HOST}:{port}", use_reloader=False)

    def welcome(self, port: int) -> None:
        self.stdout.write(_welcome(port))


def _welcome(port: int) -> str:
    passwords = secrets_file.read()["passwords"]
    accounts = [f"  {name:<9} {password}" for name, password in passwords.items()]
    return WELCOME.format(
        host=HOST,
        port=port,
        accounts="\n".join(accounts),
        data=secrets_file.data_directory(),
    )


def _port(text: str) -> int:
    """
    Parse a TCP port and check that it is free.

    :raises CommandError: if PORT is not a port number or cannot be used.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise CommandError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(text)))
        except OSError as exc:
            raise CommandError(
                f"Port {text} cannot be used ({exc.strerror})."
                " Choose another port, for example: PORT=8001 make demo"
            ) from exc
    return int(text)
