"""Run a private Redis or Memcached that can be stopped, started and frozen."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from getpass import getuser
from pathlib import Path

from tests.services.available import skip_or_fail

STARTUP_TIMEOUT = 10  # seconds


class PrivateCache:
    """Listen on a socket in a temporary folder; stopping loses all data."""

    program: str
    backend: str
    location: str  # of the socket
    options: dict

    def __init__(self):
        if shutil.which(self.program) is None:
            skip_or_fail(
                f"{self.program} is not on the PATH. Install Debian's package {self.program}."
            )
        self.folder = tempfile.TemporaryDirectory(prefix=f"{self.program}-")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()
        self.folder.cleanup()

    def cache(self, **options):
        """Return the ``CACHES`` entry for this server."""
        return {
            "BACKEND": self.backend,
            "LOCATION": self.location.format(self.path),
            "OPTIONS": self.options | options,
        }

    @property
    def path(self):
        return Path(self.folder.name) / "socket"

    def start(self):
        """Start the server and wait until it is ready."""
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self.program, *self.arguments()],
            cwd=self.folder.name,
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + STARTUP_TIMEOUT
        while not self._answers():
            assert time.monotonic() < end, (
                f"{self.program} did not start within {STARTUP_TIMEOUT} seconds."
            )
            time.sleep(0.01)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def _answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.path)) == 0


class PrivateRedis(PrivateCache):
    program = "redis-server"
    backend = "django.core.cache.backends.redis.RedisCache"
    location = "unix://{}"
    options = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}

    def arguments(self):
        return ["--port", "0", "--unixsocket", self.path, "--save", ""]


class PrivateMemcached(PrivateCache):
    program = "memcached"
    backend = "django.core.cache.backends.memcached.PyMemcacheCache"
    location = "unix:{}"
    options = {
        **{"timeout": 0.5, "connect_timeout": 0.5},
        **{"retry_timeout": 0, "dead_timeout": 0},  # the defaults wait up to a minute
    }

    def arguments(self):
        user = ["-u", getuser()] if os.getuid() == 0 else []
        return ["-s", self.path, *user]
