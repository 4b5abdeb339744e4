"""What the sweep works with: a project, its staff, and the secrets planted in it."""

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

ENTRY = "nobody may ever read this entry, which encrypts every private key"
FORMER_ENTRY = "nor this one, which encrypted them until the day before yesterday"
PASSPHRASE = "a passphrase that somebody typed once and never again"

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
        """The private key as Layer's dashboard showed it, or in another form."""
        encryption = encryption or NoEncryption()
        return self.rsa_key.private_bytes(Encoding.PEM, form, encryption).decode()

    def pems(self) -> dict[str, str]:
        """Everything secret that people may paste, into the right field or another."""
        locked = BestAvailableEncryption(PASSPHRASE.encode())
        return {
            "PKCS#1": self.pem(),
            "PKCS#8": self.pem(PrivateFormat.PKCS8),
            "encrypted": self.pem(PrivateFormat.PKCS8, locked),
        }

    def post_key(self, **fields: Any) -> Any:
        """Import the private key in the admin, as a superuser would."""
        entered = {"app": self.app.pk, "source": "import", "private_key": self.pem()}
        return self.client.post(ADD, {**entered, **fields}, follow=True)

    def post_locked_key(self) -> Any:
        """Import it from a file that a passphrase protects."""
        return self.post_key(
            private_key=self.pems()["encrypted"], passphrase=PASSPHRASE
        )

    def upload_key(self) -> Any:
        file = SimpleUploadedFile("key.pem", self.pem().encode())
        return self.post_key(private_key="", private_key_file=file)

    def import_key(self) -> SigningKey:
        """Import it with its key ID and let it sign."""
        self.post_key(key_id=str(KEY_ID))
        key = SigningKey.objects.get()
        key.activate()
        return key

    def act(self, action: str, **fields: Any) -> Any:
        """Choose an action for every key."""
        keys = list(SigningKey.objects.values_list("pk", flat=True))
        posted = {"action": action, "_selected_action": keys, **fields}
        return self.client.post(KEYS, posted, follow=True)

    def issue(self) -> Any:
        return self.user_client.post("/layer/authenticate", {"nonce": "a nonce"})

    @cached_property
    def user_client(self) -> Client:
        """Somebody who wants an identity token."""
        client = Client()
        client.force_login(self.user)
        return client

    @property
    def fingerprint(self) -> str:
        return PrivateKey(self.rsa_key).fingerprint

    def file(self, name: str, text: str) -> Path:
        """A file as the commands read it."""
        path = self.directory / name
        path.write_text(text)
        return path
