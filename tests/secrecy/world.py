"""The project that the sweep searches, with its staff and the planted secrets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import KEY_ID

ENTRY = "planted-entry-4f1c09ab77e2d85b36a0c1"
FORMER_ENTRY = "planted-former-entry-9e0d7712c4b8a35f61"
PASSPHRASE = "planted-passphrase-71b2e8d04c96af35"

KEYS = "/admin/layer_identity/signingkey/"
ADD = f"{KEYS}add/"


@dataclass
class World:
    client: Client  # a superuser's
    app: LayerApp
    rsa_key: RSAPrivateKey
    user: User
    directory: Path

    def pem(
        self,
        form: PrivateFormat = PrivateFormat.TraditionalOpenSSL,
        encryption: KeySerializationEncryption | None = None,
    ) -> str:
        """Return the private key in the dashboard's form, or in another form."""
        encryption = encryption or NoEncryption()
        return self.rsa_key.private_bytes(Encoding.PEM, form, encryption).decode()

    def pems(self) -> dict[str, str]:
        """Return all secrets that staff may paste, into any field."""
        encryption = BestAvailableEncryption(PASSPHRASE.encode())
        return {
            "PKCS#1": self.pem(),
            "PKCS#8": self.pem(PrivateFormat.PKCS8),
            "encrypted": self.pem(PrivateFormat.PKCS8, encryption),
        }

    def post_key(self, **fields: Any) -> Any:
        """Import the private key in the admin as a superuser."""
        entered = {"app": self.app.pk, "source": "import", "private_key": self.pem()}
        return self.client.post(ADD, {**entered, **fields}, follow=True)

    def post_encrypted_key(self) -> Any:
        """Import the private key as encrypted PEM, with its passphrase."""
        return self.post_key(
            private_key=self.pems()["encrypted"], passphrase=PASSPHRASE
        )

    def upload_key(self) -> Any:
        file = SimpleUploadedFile("key.pem", self.pem().encode())
        return self.post_key(private_key="", private_key_file=file)

    def import_key(self) -> SigningKey:
        """Import the private key with its key ID, and activate it."""
        self.post_key(key_id=str(KEY_ID))
        key = SigningKey.objects.get()
        key.activate()
        return key

    def run_action(self, action: str, **fields: Any) -> Any:
        """Run an admin action on every key."""
        keys = list(SigningKey.objects.values_list("pk", flat=True))
        posted = {"action": action, "_selected_action": keys, **fields}
        return self.client.post(KEYS, posted, follow=True)

    def issue(self) -> Any:
        return self.user_client.post("/layer/authenticate", {"nonce": "a nonce"})

    @cached_property
    def user_client(self) -> Client:
        """The client of a user who asks for an identity token."""
        client = Client()
        client.force_login(self.user)
        return client

    @property
    def fingerprint(self) -> str:
        return PrivateKey(self.rsa_key).fingerprint

    def file(self, name: str, text: str) -> Path:
        """Write a file for the commands to read."""
        path = self.directory / name
        path.write_text(text)
        return path
