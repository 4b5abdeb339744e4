"""The search finds a secret in every form in which it could leak."""

from __future__ import annotations

import base64
import html
import json
import pickle
import textwrap
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.key_pairs import load_rsa_key
from tests.secrecy.needles import Planted

PASSPHRASE = "correct horse battery staple, twice over"


@pytest.fixture(scope="module")
def rsa_key():
    return load_rsa_key("third")


@pytest.fixture(scope="module")
def planted(rsa_key):
    return Planted(rsa_key, passphrase=PASSPHRASE)


def der(key, form=PrivateFormat.TraditionalOpenSSL):
    return key.private_bytes(Encoding.DER, form, NoEncryption())


def pem(key, form=PrivateFormat.TraditionalOpenSSL):
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def line(key, number=20):
    """Return one of the 64-character lines in the private part of the PEM body."""
    return pem(key).splitlines()[number]


@pytest.mark.parametrize(
    ("leak", "forms"),
    [
        pytest.param(pem, ["base64", "bytes, encoded"], id="pkcs1"),
        pytest.param(
            lambda key: pem(key, PrivateFormat.PKCS8),
            ["base64", "bytes, encoded"],
            id="pkcs8",
        ),
        pytest.param(
            lambda key: line(key)[7:31], ["base64"], id="24-characters-of-a-line"
        ),
        pytest.param(
            lambda key: html.escape(line(key)[:24]).replace("+", "&#43;"),
            ["base64", "bytes, encoded"],
            id="escaped-for-html",
        ),
        pytest.param(
            lambda key: "-".join(quote(line(key), safe="")),
            [],
            id="single-letters-are-not-found",
        ),
        pytest.param(
            lambda key: quote(line(key), safe=""),
            ["base64", "bytes, encoded"],
            id="in-a-url",
        ),
        pytest.param(
            lambda key: "\\n".join(textwrap.wrap(line(key), 10)),
            ["base64", "bytes, encoded"],
            id="in-short-lines-of-a-repr",
        ),
        pytest.param(
            lambda key: json.dumps(repr(pem(key))),
            ["base64", "bytes, encoded"],
            id="json-of-a-repr",
        ),
        pytest.param(
            lambda key: base64.urlsafe_b64encode(der(key)).decode(),
            ["base64", "bytes, encoded"],
            id="base64url",
        ),
        pytest.param(
            lambda key: base64.b64encode(pem(key).encode()).decode(),
            ["base64, encoded"],
            id="base64-of-the-pem",
        ),
        pytest.param(der, ["bytes"], id="der"),
        pytest.param(lambda key: der(key)[-18:], ["bytes"], id="18-bytes-of-it"),
        pytest.param(lambda key: repr(der(key)), ["bytes"], id="repr-of-der"),
        pytest.param(
            lambda key: json.dumps(der(key).decode("latin-1")),
            ["bytes"],
            id="json-of-der",
        ),
        pytest.param(lambda key: der(key).hex(), ["hex"], id="hex"),
        pytest.param(lambda key: der(key).hex(":").upper(), ["hex"], id="openssl-hex"),
        pytest.param(
            lambda key: repr(key.private_numbers().p), ["decimal"], id="decimal"
        ),
        pytest.param(
            lambda key: f"{key.private_numbers().d:x}", ["hex"], id="hex-number"
        ),
        pytest.param(
            lambda key: pickle.dumps(key.private_numbers().q),
            ["little-endian"],
            id="pickled-number",
        ),
        pytest.param(lambda key: PASSPHRASE[3:27], ["passphrase"], id="passphrase"),
    ],
)
def test_a_leak_is_found(planted, rsa_key, leak, forms):
    text = leak(rsa_key)
    around = b"before it: %s; after it" if isinstance(text, bytes) else "<b>%s</b> ok"

    seen = planted.found_in(around % text)

    assert [form for form in forms if form not in seen] == []
    assert (seen == []) == (forms == [])


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(lambda key: line(key)[7:30], id="23-characters"),
        pytest.param(lambda key: der(key)[-17:], id="17-bytes"),
        pytest.param(
            lambda key: key.public_key().public_bytes(
                Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
            ),
            id="the-public-key",
        ),
        pytest.param(
            lambda key: base64.urlsafe_b64encode(
                key.private_numbers().public_numbers.n.to_bytes(256, "big")
            ),
            id="modulus-of-a-jwk",
        ),
        pytest.param(
            lambda key: f"{key.private_numbers().public_numbers.n:x}", id="modulus"
        ),
        pytest.param(lambda key: pem(load_rsa_key("second")), id="another-key"),
    ],
)
def test_public_data_and_other_keys_are_not_leaks(planted, rsa_key, shown):
    assert planted.found_in(shown(rsa_key)) == []
