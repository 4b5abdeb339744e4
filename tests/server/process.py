"""Start gunicorn, inspect its workers, and stop it."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

from django.conf import settings
from django.db import connections

from tests.server import memory

ROOT = Path(__file__).parent.parent.parent
PAGE = resource.getpagesize()
REPORT = re.compile(r'^{"pid".*}$', re.MULTILINE)
PASSWORDS = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
TOKENS = ["rest_framework.authentication.TokenAuthentication"]


class Server:
    """A running gunicorn at ``address`` with its log in ``log``."""

    def __init__(self, process, address, log):
        self.process, self.address, self.log = process, address, log

    @property
    def workers(self):
        """The process IDs of the workers, oldest first."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(children).read_text().split()]

    def memory(self):
        """Return the kilobytes of memory that each worker holds."""
        statistics = [Path(f"/proc/{pid}/statm").read_text() for pid in self.workers]
        return [int(line.split()[1]) * PAGE // 1024 for line in statistics]

    def memory_in_use(self):
        """Return each worker's report of its memory in use."""
        before, workers = len(self.said()), self.workers
        for pid in workers:
            os.kill(pid, memory.SIGNAL)
        deadline = time.monotonic() + 30
        while len(answers := REPORT.findall(self.said(), before)) < len(workers):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return sorted(map(json.loads, answers), key=itemgetter("pid"))

    def connections_to(self, port):
        """Count the workers' connections to a local port."""
        local = _inodes_connected_to(port)
        return sum(_socket(link) in local for pid in self.workers for link in _fds(pid))

    def said(self):
        """Return the log so far."""
        return Path(self.log).read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def _fds(pid):
    return list(Path(f"/proc/{pid}/fd").iterdir())


def _socket(link):
    try:
        return os.readlink(link).removeprefix("socket:[").removesuffix("]")
    except FileNotFoundError:
        return None  # closed in the meantime


def _inodes_connected_to(port):
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {row[9] for row in rows if row[2].endswith(f":{port:04X}")}


def database(alias, **options):
    """Return ``DATABASES`` with only this test database and persistent connections."""
    kept = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    name = {"NAME": connections[alias].settings_dict["NAME"]}
    return {"default": {**settings.DATABASES[alias], **name, **kept, **options}}


def identity(**changes):
    """Return ``LAYER_IDENTITY`` for clients with REST framework tokens."""
    free = {"THROTTLE_RATES": {"user": None, "failures": None}}
    tokens = {"AUTHENTICATION_CLASSES": TOKENS}
    return {**settings.LAYER_IDENTITY, **tokens, **free, **changes}


@contextmanager
def serve(
    *,
    workers=2,
    threads=4,
    options=(),
    environment=None,
    application="django.core.wsgi:get_wsgi_application()",
    **changed,
):
    """
    Run a server with changed settings; their values must be JSON.

    The test opens the socket: it needs no free port, and clients can connect immediately.
    """
    environment = {
        **{name: os.environ[name] for name in os.environ if name != "PYTHONDEVMODE"},
        "DJANGO_SETTINGS_MODULE": "tests.server.settings",
        "TEST_SERVER": json.dumps(changed, default=str),
        **(environment or {}),
    }
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.NamedTemporaryFile("w", suffix=".log") as log,
    ):
        command = [
            *(sys.executable, "-m", "gunicorn", f"--bind=fd://{listener.fileno()}"),
            *(f"--workers={workers}", f"--threads={threads}", "--keep-alive=60"),
            *("--graceful-timeout=5", "--no-control-socket"),
            *("--config=python:tests.server.memory", *options),
            application,
        ]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
        server = Server(process, listener.getsockname(), log.name)
        try:
            yield server
        finally:
            server.stop()
