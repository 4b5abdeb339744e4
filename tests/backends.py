"""Backends for ``SIGNERS``: what a backend may do, well behaved and otherwise."""

from __future__ import annotations

from django_layer_identity.exceptions import ConfigurationError


class InMemory:
    """Signs with ``OPTIONS["key"]``, a private key of ours: no backend at all."""

    def __init__(self, options):
        if "key" not in options:
            raise ConfigurationError("OPTIONS lacks key.")
        self.options = options

    def public_key(self):
        return self.options["key"].public_key.pem

    def sign(self, message):
        return self.options["key"].sign(message)


class Forgetful(InMemory):
    """Shows the public half of one key and signs with another, ``OPTIONS["other"]``."""

    def sign(self, message):
        return self.options["other"].sign(message)


class Hanging(InMemory):
    """
    Waits for the event ``OPTIONS["gate"]`` before it signs.

    ``OPTIONS["entered"]`` is a semaphore that counts who waits.
    """

    def sign(self, message):
        self.options["entered"].release()
        self.options["gate"].wait()
        return super().sign(message)


class Broken(InMemory):
    """Raises ``OPTIONS["error"]``."""

    def sign(self, message):
        raise self.options["error"]


def signer(backend, **options):
    """Return a value of ``SIGNERS`` with that one backend, under the alias “hsm”."""
    return {"hsm": {"BACKEND": f"tests.backends.{backend}", "OPTIONS": options}}
