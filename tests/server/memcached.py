"""A Memcached of our own, to be stopped and started."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from getpass import getuser
from pathlib import Path

from tests.services.available import skip_or_fail

PATIENCE = 10  # seconds
AT_ONCE = {"retry_timeout": 0, "dead_timeout": 0}  # else a client waits up to a minute


class PrivateMemcached:
    """Listens on a socket in a folder of its own; remembers nothing when stopped."""

    def __init__(self):
        if shutil.which("memcached") is None:
            skip_or_fail("memcached is not on the PATH")
        self.folder = tempfile.TemporaryDirectory(prefix="memcached-")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()
        self.folder.cleanup()

    def cache(self, **options):
        """Return settings of a cache in it."""
        return {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": f"unix:{self.path}",
            "OPTIONS": {"timeout": 0.5, "connect_timeout": 0.5, **AT_ONCE, **options},
        }

    @property
    def path(self):
        return Path(self.folder.name) / "socket"

    def start(self):
        """Return once it is ready."""
        self.path.unlink(missing_ok=True)
        user = ["-u", getuser()] if os.getuid() == 0 else []
        self.process = subprocess.Popen(["memcached", "-s", self.path, *user])
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < end, "memcached does not start"
            time.sleep(0.01)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def _answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.path)) == 0
