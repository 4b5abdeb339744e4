"""A Redis of our own, to be stopped, started and frozen."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.services.available import skip_or_fail


class PrivateRedis:
    """Listens on a socket in a folder of its own; remembers nothing when stopped."""

    def __init__(self):
        if shutil.which("redis-server") is None:
            skip_or_fail("redis-server is not on the PATH")
        self.folder = tempfile.TemporaryDirectory(prefix="redis-")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()
        self.folder.cleanup()

    def cache(self, **options):
        """Return settings of a cache in it."""
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"unix://{self.path}",
            "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5} | options,
        }

    @property
    def path(self):
        return Path(self.folder.name) / "socket"

    def start(self):
        """Return once it is ready."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", ""],
            cwd=self.folder.name,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert any("eady to accept" in line for line in self.process.stdout)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
