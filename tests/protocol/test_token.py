"""Signing, compared with results of OpenSSL (``vectors/README.md``)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest

from django_layer_identity.keys.reading import read_private_key
from django_layer_identity.keys.signers import LocalSigner
from django_layer_identity.protocol.claims import IdentityClaims
from django_layer_identity.protocol.identifiers import KeyID, ProviderID
from django_layer_identity.protocol.signing import sign_identity_token
from tests.services.available import skip_or_fail

VECTORS = Path(__file__).parents[1] / "vectors"
NEW_YEAR = datetime(2024, 1, 1, tzinfo=timezone.utc)
CLAIMS = IdentityClaims(
    provider_id=ProviderID(UUID("bbbbbbbb-0000-4000-8000-000000000002")),
    user_id="alice",
    nonce="q83v+/8==",
    issued_at=NEW_YEAR,
    expires_at=NEW_YEAR + timedelta(minutes=5),
    profile={"display_name": "Zoë 東京 😀"},
)


@pytest.fixture(scope="module")
def signer():
    private_key = read_private_key((VECTORS / "private_key.pem").read_text())
    return LocalSigner(KeyID(UUID("cccccccc-0000-4000-8000-000000000003")), private_key)


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_token_is_the_same_as_the_one_from_openssl(signer):
    assert sign_identity_token(CLAIMS, signer) == (
        (VECTORS / "token.txt").read_text().rstrip("\n")
    )


def test_the_header_is_the_one_that_layer_requires(signer):
    header, _, _ = sign_identity_token(CLAIMS, signer).split(".")

    assert decoded(header) == (VECTORS / "header.json").read_bytes()


def test_the_payload_is_ascii_because_layers_web_sdks_do_not_decode_utf_8(signer):
    _, payload, _ = sign_identity_token(CLAIMS, signer).split(".")

    assert decoded(payload) == (VECTORS / "payload.json").read_bytes()
    assert decoded(payload).isascii()


def test_openssl_verifies_the_token_with_the_public_key(signer, tmp_path):
    shutil.which("openssl") or skip_or_fail(
        "openssl is not on the PATH: install Debian's package openssl."
    )
    signing_input, _, signature = sign_identity_token(CLAIMS, signer).rpartition(".")
    (tmp_path / "signature").write_bytes(decoded(signature))

    done = subprocess.run(
        [
            *("openssl", "dgst", "-sha256"),
            *("-verify", VECTORS / "public_key.pem"),
            *("-signature", tmp_path / "signature"),
        ],
        input=signing_input.encode(),
        capture_output=True,
        check=True,
    )

    assert done.stdout == b"Verified OK\n"


def test_kid_and_signature_come_from_the_same_signer():
    class Recorder:
        key_id = KeyID(UUID("eeeeeeee-0000-4000-8000-000000000005"))
        signed = b""

        def sign(self, message):
            self.signed = message
            return b"a signature"

    signer = Recorder()
    token = sign_identity_token(CLAIMS, signer)

    assert token == signer.signed.decode() + ".YSBzaWduYXR1cmU"
    assert b'"kid":"layer:///keys/eeeeeeee-0000-4000-8000-000000000005"' in (
        decoded(token.split(".")[0])
    )


def test_the_protocol_can_be_used_without_django():
    script = (
        "import sys; import django_layer_identity.protocol.signing, "
        "django_layer_identity.protocol.validation; "
        "print(sorted(m for m in sys.modules if m.split('.')[0] == 'django'))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )

    assert done.stdout == "[]\n"
