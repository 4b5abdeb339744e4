"""Signing backends for ``SIGNERS`` in tests: one that works, and others that fail."""

from __future__ import annotations

import time

from django_layer_identity.exceptions import ConfigurationError


class InMemory:
    """Sign with ``OPTIONS["key"]``, a ``PrivateKey`` of this process."""

    def __init__(self, options):
        if "key" not in options:
            raise ConfigurationError("OPTIONS lacks key.")
        self.options = options

    def public_key(self):
        return self.options["key"].public_key.pem

    def sign(self, message):
        return self.options["key"].sign(message)


class WrongKey(InMemory):
    """Return the public key of one key, but sign with ``OPTIONS["other"]``."""

    def sign(self, message):
        return self.options["other"].sign(message)


class Hanging(InMemory):
    """
    Wait for the event ``OPTIONS["gate"]`` before signing.

    ``OPTIONS["entered"]`` is a semaphore that counts the calls.
    """

    def sign(self, message):
        self.options["entered"].release()
        self.options["gate"].wait()
        return super().sign(message)


class Broken(InMemory):
    """Raise ``OPTIONS["error"]``."""

    def sign(self, message):
        raise self.options["error"]


class Unbuildable(InMemory):
    """Raise ``OPTIONS["error"]`` from the constructor."""

    def __init__(self, options):
        raise options["error"]


class Slow(InMemory):
    """Take some time to create. ``OPTIONS["created"]`` lists all instances."""

    def __init__(self, options):
        time.sleep(0.05)
        options["created"].append(self)


def signer(backend, **options):
    """Return a value for ``SIGNERS`` with this backend under the alias “hsm”."""
    return {"hsm": {"BACKEND": f"tests.backends.{backend}", "OPTIONS": options}}
