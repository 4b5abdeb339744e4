"""Reading private keys: any form is accepted, but only valid RSA keys."""

from __future__ import annotations

import base64
import sys
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.reading import read_private_key
from tests import internals
from tests.internals import rsa_key_of
from tests.keys.test_public_keys import UNKNOWN_CURVE
from tests.keys.test_rsa import DAMAGED, EC_KEY, ED25519_KEY, PKCS1, PKCS8, as_pem
from tests.work import count_calls

NOT_PEM = (
    "This is not a private key in PEM format. Copy the complete key: it begins with "
    "-----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----."
)
PUBLIC_KEY = "This is a public key. Import the private key instead."
CERTIFICATE = "This is a certificate. Import the private key instead."
REQUEST = "This is a certificate request. Import the private key instead."
NOT_RSA = "This is not an RSA private key. Layer accepts only RSA keys."
TOO_LONG = "This is too long for a private key. The limit is 16 KiB."
MISMATCH = (
    "The numbers in this private key do not belong together, so it cannot sign. Copy "
    "the key again, or generate a new one."
)
EXPONENT = (
    "The public exponent of this key is out of range: it must be from 65537 to 2^32 - "
    "1. Generate a new key with the exponent 65537."
)
SSH = PrivateFormat.OpenSSH
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "layer")])


def message_of(data: str | bytes) -> str:
    with pytest.raises(InvalidKey) as caught:
        read_private_key(data)
    return str(caught.value)


def public(key, encoding=Encoding.PEM, form=PublicFormat.SubjectPublicKeyInfo):
    return rsa_key_of(key).public_key().public_bytes(encoding, form)


def private(key, encoding=Encoding.PEM, form=PKCS8):
    return key.private_bytes(encoding, form, NoEncryption())


def certificate(key):
    day = datetime(2026, 1, 1)
    return x509.CertificateBuilder(
        NAME,
        NAME,
        rsa_key_of(key).public_key(),
        1,
        not_valid_before=day,
        not_valid_after=day,
    ).sign(rsa_key_of(key), SHA256())


def request(key):
    return x509.CertificateSigningRequestBuilder(NAME).sign(rsa_key_of(key), SHA256())


# Forms


@pytest.mark.parametrize("form", [PKCS1, PKCS8], ids=["pkcs1", "pkcs8"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda pem: pem, id="unchanged"),
        pytest.param(lambda pem: pem.encode(), id="bytes"),
        pytest.param(lambda pem: f"\n {pem} \n", id="white-space-around"),
        pytest.param(lambda pem: pem.replace("\n", "\r\n"), id="crlf"),
        pytest.param(lambda pem: pem.replace("\n", "\r"), id="cr"),
        pytest.param(lambda pem: pem.replace("\n", "\n    "), id="indented"),
        pytest.param(lambda pem: pem.replace("\n", " \t\n"), id="trailing-space"),
        pytest.param(lambda pem: pem.replace("\n", "\n\n"), id="empty-lines"),
        pytest.param(lambda pem: pem.replace("\n", "\\n"), id="escaped-lf"),
        pytest.param(lambda pem: pem.replace("\n", "\\r\\n"), id="escaped-crlf"),
        pytest.param(lambda pem: pem.replace("\n", "\\\\n"), id="escaped-twice"),
        pytest.param(lambda pem: pem.replace("/", "\\/"), id="escaped-slash"),
        pytest.param(lambda pem: pem.replace("\n", " "), id="one-line"),
        pytest.param(lambda pem: f'"{pem}"', id="quoted"),
        pytest.param(lambda pem: f"'{pem}'", id="single-quoted"),
        pytest.param(lambda pem: f'LAYER_KEY="{pem!r}"', id="assigned"),
        pytest.param(lambda pem: f"Bag Attributes\n  x: y\n{pem}", id="after-text"),
        pytest.param(lambda pem: pem.encode("utf-8-sig"), id="utf-8-mark"),
        pytest.param(lambda pem: pem.encode("utf-16"), id="utf-16"),
        pytest.param(lambda pem: base64.b64encode(pem.encode()), id="base64"),
        pytest.param(lambda pem: base64.encodebytes(pem.encode()), id="base64-lines"),
        pytest.param(
            lambda pem: f'"{base64.b64encode(pem.encode()).decode().rstrip("=")}"',
            id="base64-quoted-and-unpadded",
        ),
    ],
)
def test_forms_of_pem_are_read(private_key, form, write):
    assert read_private_key(write(as_pem(private_key, form))).fingerprint == (
        private_key.fingerprint
    )


@pytest.mark.parametrize("form", [PKCS1, PKCS8], ids=["pkcs1", "pkcs8"])
def test_der_is_read(private_key, form):
    der = private(rsa_key_of(private_key), Encoding.DER, form)

    assert read_private_key(der).fingerprint == private_key.fingerprint


def test_a_wrong_pem_label_is_accepted(private_key):
    text = as_pem(private_key, PKCS8).replace(" PRIVATE", " RSA PRIVATE")

    assert read_private_key(text).fingerprint == private_key.fingerprint


def test_a_key_written_by_openssl_is_read():
    vector = Path(__file__).parents[1] / "vectors/private_key.pem"

    assert read_private_key(vector.read_bytes()).public_key.bits == 2048


# Refusals


@pytest.mark.parametrize(
    "data",
    [
        "",
        b"",
        "hello",
        "MIIEpAIBAAKCAQEA",
        "-----BEGIN-----",
        "-----BEGIN ключ-----",
        "-----BEGIN WHATEVER-----",
        f"-----BEGIN {'A' * 41}-----",
        "-----BEGIN WHATEVER-----\nMIIB\n-----END WHATEVER-----",
        b"\x89PNG",
        "aGVsbG8=",
    ],
)
def test_text_that_is_not_pem_is_refused(data):
    assert message_of(data) == NOT_PEM


def test_characters_outside_ascii_are_refused(private_key):
    assert message_of(as_pem(private_key) + "ключ") == NOT_PEM


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize(
    "form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo]
)
def test_a_public_key_is_refused(private_key, encoding, form):
    assert message_of(public(private_key, encoding, form)) == PUBLIC_KEY


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize(
    ("make", "message"),
    [(certificate, CERTIFICATE), (request, REQUEST)],
    ids=["certificate", "request"],
)
def test_a_certificate_is_refused(private_key, encoding, make, message):
    assert message_of(make(private_key).public_bytes(encoding)) == message


def test_a_public_key_on_an_unusual_curve_is_recognized():
    assert message_of(UNKNOWN_CURVE.replace("PUBLIC", "PRIVATE")) == PUBLIC_KEY


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("30 00 03 00", id="public-key"),
        pytest.param("02 01 01 02 01 03", id="public-key-pkcs1"),
        pytest.param("30 00 30 00 03 00", id="certificate"),
        pytest.param("30 03 02 01 00 30 00 03 00", id="request"),
    ],
)
def test_der_that_resembles_another_kind_is_refused_as_damaged(content):
    content = bytes.fromhex(content)

    assert message_of(b"\x30\x81" + bytes([len(content)]) + content) == DAMAGED


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(private(EC_KEY, form=PKCS1), id="ec-sec1"),
        pytest.param(private(EC_KEY), id="ec-pkcs8"),
        pytest.param(private(EC_KEY, Encoding.DER), id="ec-der"),
        pytest.param(private(ED25519_KEY), id="ed25519"),
        pytest.param(private(ED25519_KEY, Encoding.DER), id="ed25519-der"),
        pytest.param("-----BEGIN DSA PRIVATE KEY-----", id="dsa"),
        pytest.param(
            as_pem(EC_KEY, PKCS1, BestAvailableEncryption(b"x")), id="ec-encrypted"
        ),
    ],
)
def test_keys_of_other_kinds_are_refused(data):
    assert message_of(data) == NOT_RSA


def test_an_openssh_key_is_refused_with_instructions(private_key):
    assert message_of(as_pem(private_key, SSH)) == (
        "This is an OpenSSH private key. Convert a copy of the file to PEM first, with "
        "“ssh-keygen -p -m PEM -f” and the name of the copy."
    )


def test_a_pkcs12_file_is_refused_with_instructions(private_key):
    file = pkcs12.serialize_key_and_certificates(
        b"layer", rsa_key_of(private_key), None, None, BestAvailableEncryption(b"x")
    )

    assert message_of(file) == (
        "This is a PKCS#12 file. Extract the private key first, with "
        "“openssl pkcs12 -nocerts”."
    )


def test_two_keys_in_one_file_are_refused(private_key, other_private_key):
    assert message_of(as_pem(private_key) + as_pem(other_private_key, PKCS1)) == (
        "This contains more than one private key. Import only one."
    )


def test_a_key_with_its_certificate_is_refused(private_key):
    text = certificate(private_key).public_bytes(Encoding.PEM) + private(
        rsa_key_of(private_key)
    )

    assert message_of(text) == (
        "This contains more than a private key. Import only the private key."
    )


def test_a_small_key_is_refused_with_instructions():
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    assert message_of(as_pem(small)) == (
        "This key has 1024 bits. It must have 2048 to 4096 bits. Layer's own early "
        "keys had 1024 bits. Generate a new key, enter a key ID for it and activate it."
    )


def unvalidated(p, q, e, d):
    """Return a key with arbitrary numbers, as an attacker could send it."""
    return rsa.RSAPrivateNumbers(
        *(p, q, d, d % (p - 1), d % (q - 1), 1), rsa.RSAPublicNumbers(e, p * q)
    ).private_key(unsafe_skip_rsa_key_validation=True)


def test_a_large_key_is_refused_before_the_costly_validation(monkeypatch):
    monkeypatch.setattr(internals.CHECK_KEY_PAIR, None)
    large = unvalidated(2**4096 - 1, 2**4096 - 3, 65537, 2**8000 + 1)

    assert message_of(as_pem(large)) == (
        "This key has 8192 bits. It must have 2048 to 4096 bits."
    )


@pytest.mark.parametrize("exponent", [3, 65535, 2**32 + 1, 2**2000 + 1])
def test_an_exponent_out_of_range_is_refused(exponent, private_key):
    numbers = rsa_key_of(private_key).private_numbers()
    key = unvalidated(numbers.p, numbers.q, exponent, numbers.d)

    assert message_of(as_pem(key)) == EXPONENT


@pytest.mark.parametrize("form", [PKCS1, PKCS8], ids=["pkcs1", "pkcs8"])
@pytest.mark.parametrize("length", [60, 800, -40, -2])
def test_an_incomplete_key_is_refused(private_key, form, length):
    assert message_of(as_pem(private_key, form)[:length]) == DAMAGED
    assert (
        message_of(private(rsa_key_of(private_key), Encoding.DER, form)[:length])
        == DAMAGED
    )


@pytest.mark.parametrize("lost", [1, 4, 64, 65], ids="{} characters".format)
def test_a_key_with_a_gap_is_refused(private_key, lost):
    text = as_pem(private_key)

    assert message_of(text[:400] + text[400 + lost :]) == DAMAGED


@pytest.mark.parametrize(
    "der", [b"\x30\x80", b"\x30\x84\x00\x00\x00\x01", b"\x30\x82", b"\x30\x81\x01\x02"]
)
def test_incomplete_der_is_refused(der):
    assert message_of(der) == DAMAGED


def test_der_that_is_not_a_sequence_is_refused():
    body = base64.b64encode(b"\x02\x01\x03").decode()
    text = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"

    assert message_of(text) == DAMAGED


def test_der_followed_by_other_data_is_refused(private_key):
    assert message_of(private_key.to_der() + b"\x30\x00") == DAMAGED


def test_numbers_that_do_not_belong_together_are_refused(
    private_key, other_private_key
):
    numbers = rsa_key_of(private_key).private_numbers()
    mixed = unvalidated(
        numbers.p, numbers.q, 65537, rsa_key_of(other_private_key).private_numbers().d
    )

    assert message_of(as_pem(mixed)) == MISMATCH


def test_a_key_pair_that_fails_to_sign_and_verify_is_refused(private_key, monkeypatch):
    monkeypatch.setattr(internals.VERIFY_KEY_PAIR, lambda *args: False)

    assert message_of(as_pem(private_key)) == MISMATCH


@pytest.mark.parametrize(
    "data", ["x" * (16 * 1024 + 1), b"\x30\x82" + b"x" * 16 * 1024]
)
def test_input_over_16_kib_is_refused_unread(data):
    assert message_of(data) == TOO_LONG


# Bounds


# How often decoding Base64 matches a regular expression. The expression is linear.
MATCHES = 1 if sys.version_info < (3, 11) else 0


def assert_linear(data):
    """Assert few calls per character, and no regular expression of the package."""
    _, calls = count_calls(message_of, data)
    assert calls.total() <= 5 * len(data)
    matches = sum(calls[name] for name in calls if "re.Pattern" in name)
    assert matches == MATCHES * calls["b64decode"]


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
        "-----BEGIN A----------END A-----",
        "-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
        "-----END PRIVATE KEY-----",
        "-",
        "\\n",
        "\\",
        " ",
        "\n",
        "A",
        "A-",
        "a:\n",
        '"',
    ],
)
def test_scanning_text_is_linear_in_its_length(piece):
    whole = f"-----BEGIN PRIVATE KEY-----{piece * (16_000 // len(piece))}"
    texts = [whole[27:], whole, f"{whole[:16_300]}-----END PRIVATE KEY-----"]

    for text in texts:
        assert_linear(text)
        assert_linear(base64.b64encode(text.encode())[: 16 * 1024])


@pytest.mark.parametrize("unit", [b"\x02\x00", b"\x30\x80", b"\x30\x82\x3e\x00", b"0"])
def test_reading_der_is_linear_in_its_length(unit):
    content = unit * (16_000 // len(unit))

    assert_linear(b"\x30\x82" + len(content).to_bytes(2, "big") + content)


# Secrecy


def test_messages_do_not_repeat_the_pasted_text(private_key):
    text = as_pem(private_key)

    assert text.splitlines()[2] not in message_of(text[:800])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda pem: pem[:-40], id="cut-off"),
        pytest.param(lambda pem: pem + pem, id="twice"),
        pytest.param(lambda pem: pem.replace("MII", "MJI", 1), id="altered"),
        pytest.param(lambda pem: base64.b64encode(pem[:-9].encode()), id="base64"),
    ],
)
def test_an_error_report_of_a_refusal_does_not_show_the_key(private_key, spoil, rf):
    text = as_pem(private_key)
    with pytest.raises(InvalidKey) as caught:
        read_private_key(spoil(text))

    reporter = ExceptionReporter(rf.get("/"), *caught._excinfo)

    frames = [
        frame
        for frame in reporter.get_traceback_frames()
        if "django_layer_identity/keys" in frame["filename"]
    ]
    assert len(frames) >= 2
    shown = str([frame["vars"] for frame in frames])
    assert [line for line in text.splitlines()[1:-2] if line[:24] in shown] == []
