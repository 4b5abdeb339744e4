"""Run a private PgBouncer between a server and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from configparser import ConfigParser
from pathlib import Path

from tests.services.available import skip_or_fail

STARTUP_TIMEOUT = 10  # seconds
PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"  # Debian's location


class PrivateBouncer:
    """Run a configuration that trusts every user, in front of one PostgreSQL."""

    def __init__(self, configuration, *, host, port, user, password):
        self.program = shutil.which("pgbouncer", path=PATH)
        if self.program is None:
            skip_or_fail("pgbouncer is missing. Install Debian's package pgbouncer.")
        self.folder = tempfile.TemporaryDirectory(prefix="pgbouncer-")
        os.chmod(self.folder.name, 0o755)  # noqa: S103  # PgBouncer does not run as root
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.path("users").write_text(f'"{user}" ""\n')
        parser = ConfigParser()
        parser.read_string(configuration)
        target = f"host={host} port={port} user={user}"
        if password:
            target += f" password='{password}'"
        parser["databases"] = {"*": target}
        parser["pgbouncer"].update(
            {
                "listen_port": str(self.port),
                "auth_type": "trust",
                "auth_file": str(self.path("users")),
                "unix_socket_dir": "",
            }
        )
        with self.path("pgbouncer.ini").open("w") as file:
            parser.write(file)

    def path(self, name):
        return Path(self.folder.name) / name

    def __enter__(self):
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        with self.path("log").open("w") as log:
            self.process = subprocess.Popen(
                [self.program, *user, self.path("pgbouncer.ini")],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + STARTUP_TIMEOUT
        while not self._answers():
            assert time.monotonic() < end, self.said()
            time.sleep(0.01)
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def said(self):
        """Return the log so far."""
        return self.path("log").read_text()

    def _answers(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0
