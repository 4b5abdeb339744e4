"""A signing backend with its key behind a socket; it can be made to hang."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import contextmanager

from tests.services.waiting import wait_until


class VaultBackend:
    """A ``BACKEND`` of ``SIGNERS`` that sends each call to the socket at ``ADDRESS``."""

    def __init__(self, options):
        self.address = tuple(options["ADDRESS"])

    def public_key(self):
        return self._ask(b"public key").decode()

    def sign(self, message):
        return self._ask(b"sign " + message)

    def _ask(self, request):
        with socket.create_connection(self.address) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read()


class Vault(socketserver.ThreadingTCPServer):
    """Hold a private key; answer calls, or let them wait."""

    def __init__(self, private_key):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.private_key = private_key
        self.answers = threading.Event()
        self.answers.set()
        self.waiting = 0

    def wait_until_idle(self):
        wait_until(lambda: not self.waiting)

    def signers(self, **options):
        """Return ``SIGNERS`` with this vault."""
        options = {"ADDRESS": self.server_address, **options}
        return {"vault": {"BACKEND": f"{__name__}.VaultBackend", "OPTIONS": options}}


class _Answer(socketserver.StreamRequestHandler):
    def handle(self):
        request = self.rfile.read()
        self.server.waiting += 1
        self.server.answers.wait(timeout=60)
        self.server.waiting -= 1
        key, message = self.server.private_key, request.removeprefix(b"sign ")
        public = request == b"public key"
        self.wfile.write(key.public_key.pem.encode() if public else key.sign(message))


@contextmanager
def open_vault(private_key):
    with Vault(private_key) as vault:
        threading.Thread(target=vault.serve_forever, args=[0.05]).start()
        try:
            yield vault
        finally:
            vault.answers.set()
            vault.shutdown()
