"""Private keys that a passphrase protects, as OpenSSL and other tools write them."""

from __future__ import annotations

import base64
import subprocess

import pytest
from cryptography.exceptions import InternalError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

from django_layer_identity.exceptions import (
    InvalidKey,
    PassphraseNeeded,
    PassphraseWrong,
)
from django_layer_identity.keys.reading import read_private_key
from tests import internals
from tests.keys.test_rsa import DAMAGED, EC_KEY, PKCS1, PKCS8, as_pem
from tests.work import count_calls

PASSPHRASE = "correct horse ключ"
NEEDED = "This private key is encrypted. Enter its passphrase too."
WRONG = "The passphrase is wrong, or the private key is damaged. Check both."
TOO_COSTLY = (
    "Decrypting this private key takes too much time or memory. Encrypt the key again, "
    "with PBKDF2 and at most 1,000,000 iterations."
)
UNKNOWN = (
    "This private key is encrypted in an unsupported way. Remove its passphrase first, "
    "with “openssl pkey”."
)

PBES2 = "06092a864886f70d01050d"
PBKDF2 = "06092a864886f70d01050c"
SCRYPT = "06092b06010401da47040b"
PBE_SHA1_3DES = "060a2a864886f70d010c0103"
SALT = "04080000000000000000"


def openssl(private_key, *options):
    """Encrypt the key with OpenSSL's command line."""
    return subprocess.run(
        ["openssl", *options, "-passout", f"pass:{PASSPHRASE}"],
        input=as_pem(private_key),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def error_message(kind, data, passphrase=PASSPHRASE):
    with pytest.raises(kind) as caught:
        read_private_key(data, passphrase)
    assert caught.type is kind
    return str(caught.value)


TRADITIONAL = ("rsa", "-traditional")
TO_PKCS8 = ("pkcs8", "-topk8")


@pytest.mark.parametrize(
    "options",
    [
        (*TRADITIONAL, "-aes256"),
        (*TRADITIONAL, "-aes128"),
        (*TRADITIONAL, "-des3"),
        TO_PKCS8,
        (*TO_PKCS8, "-v2", "des3"),
        (*TO_PKCS8, "-iter", "100000"),
        (*TO_PKCS8, "-scrypt"),
        (*TO_PKCS8, "-v1", "PBE-SHA1-3DES"),
    ],
    ids=" ".join,
)
def test_keys_encrypted_by_openssl_are_read(private_key, options):
    text = openssl(private_key, *options)

    assert read_private_key(text, PASSPHRASE).fingerprint == private_key.fingerprint
    assert error_message(PassphraseWrong, text, "wrong") == WRONG
    assert error_message(PassphraseNeeded, text, None) == NEEDED
    assert error_message(PassphraseNeeded, text, "") == NEEDED


@pytest.mark.parametrize("form", [PKCS1, PKCS8], ids=["pkcs1", "pkcs8"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda pem: pem.replace("\n", "\r\n"), id="crlf"),
        pytest.param(lambda pem: pem.replace("\n", "\\n"), id="escaped"),
        pytest.param(lambda pem: pem.replace("\n", "\n  "), id="indented"),
        pytest.param(lambda pem: base64.b64encode(pem.encode()), id="base64"),
    ],
)
def test_forms_of_encrypted_pem_are_read(private_key, form, write):
    text = as_pem(private_key, form, BestAvailableEncryption(PASSPHRASE.encode()))

    read = read_private_key(write(text), PASSPHRASE)

    assert read.fingerprint == private_key.fingerprint


def test_encrypted_der_is_read(private_key):
    text = as_pem(private_key, PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    der = base64.b64decode("".join(text.splitlines()[1:-1]))

    assert read_private_key(der, PASSPHRASE).fingerprint == private_key.fingerprint


def test_a_passphrase_that_is_not_needed_is_ignored(private_key):
    read = read_private_key(as_pem(private_key), PASSPHRASE)

    assert read.fingerprint == private_key.fingerprint


def test_an_encrypted_key_is_checked_like_any_other_key():
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    assert error_message(InvalidKey, as_pem(small, PKCS8, encryption)).startswith(
        "This key has 1024 bits. It must have 2048 to 4096 bits."
    )
    assert error_message(InvalidKey, as_pem(EC_KEY, PKCS8, encryption)) == (
        "This is not an RSA private key. Layer accepts only RSA keys."
    )


def test_a_key_of_an_unusual_kind_is_refused():
    def generate(*options):
        curve = ("EC", "-pkeyopt", "ec_paramgen_curve:secp160k1")
        command = ["openssl", "genpkey", "-algorithm", *curve, *options]
        return subprocess.run(command, capture_output=True, check=True).stdout

    message = "This is not an RSA private key. Layer accepts only RSA keys."
    assert error_message(InvalidKey, generate()) == message
    encrypt = ("-aes256", "-pass", f"pass:{PASSPHRASE}")
    assert error_message(InvalidKey, generate(*encrypt)) == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("CAMELLIA-256-CBC,00112233445566778899AABBCCDDEEFF", UNKNOWN),
        ("AES-256-CBC", DAMAGED),
        ("AES-256-CBC,not hexadecimal", DAMAGED),
        ("AES-256-CBC,0011223344556677", DAMAGED),
        ("DES-EDE3-CBC,00112233445566778899AABBCCDDEEFF", DAMAGED),
        ("AES-256-CBC,0011\n-----END RSA PRIVATE KEY-----", DAMAGED),
    ],
    ids=["camellia", "no-vector", "no-digits", "too-short", "too-long", "cut-off"],
)
def test_an_invalid_dek_info_header_is_refused(private_key, written, message):
    text = as_pem(private_key, PKCS1, BestAvailableEncryption(PASSPHRASE.encode()))
    head, _, rest = text.partition("DEK-Info: ")
    rest = rest.partition("\n")[2]

    assert error_message(InvalidKey, f"{head}DEK-Info: {written}\n{rest}") == message


# The cost of trying a passphrase


def der(tag, *contents):
    content = "".join(contents)
    length = len(content) // 2
    size = f"{length:02x}" if length < 128 else f"82{length:04x}"
    return f"{tag}{size}{content}"


def number(value):
    content = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    return der("02", content.hex())


def encrypted(algorithm):
    text = der("30", algorithm, der("04", "00" * 1200))
    return bytes.fromhex(text)


def pbes2(*derivation):
    cipher = der("30", "060960864801650304012a", der("04", "00" * 16))
    return encrypted(der("30", PBES2, der("30", der("30", *derivation), cipher)))


def pbkdf2(iterations):
    return pbes2(PBKDF2, der("30", SALT, number(iterations)))


def scrypt(n, r, p):
    return pbes2(SCRYPT, der("30", SALT, number(n), number(r), number(p)))


def pkcs12(iterations):
    parameters = der("30", SALT, number(iterations))
    return encrypted(der("30", PBE_SHA1_3DES, parameters))


def tries(calls):
    """Return how often the passphrase was tried."""
    names = [name for name in calls if "load_der_private_key" in name]
    return sum(calls[name] for name in names)


@pytest.mark.parametrize(
    "data",
    [
        pbkdf2(1_000_001),
        pbkdf2(2**62),
        pkcs12(1_000_001),
        scrypt(2**17, 8, 1),
        scrypt(2**14, 8, 9),
        scrypt(2**40, 8, 1),
        scrypt(2, 8, 2**30),
        scrypt(2, 2**30, 1),
    ],
    ids=["pbkdf2", "endless", "pkcs12", "n", "n-r-p", "memory", "p", "r"],
)
def test_a_key_that_is_too_costly_to_decrypt_is_refused_without_trying(data):
    message, calls = count_calls(error_message, InvalidKey, data)

    assert (message, tries(calls)) == (TOO_COSTLY, 0)


@pytest.mark.parametrize(
    "data",
    [pbkdf2(1_000), pkcs12(1_000), scrypt(2**14, 8, 1)],
    ids=["pbkdf2", "pkcs12", "scrypt"],
)
def test_a_passphrase_that_is_affordable_is_tried(data):
    message, calls = count_calls(error_message, PassphraseWrong, data)

    assert (message, tries(calls)) == (WRONG, 1)


@pytest.mark.parametrize(
    "data",
    [
        encrypted(der("30")),
        encrypted(der("30", PBES2, der("30"))),
        encrypted(der("30", PBE_SHA1_3DES, "3080")),
        encrypted(der("30", PBE_SHA1_3DES, f"3080{number(1)}0000")),
        encrypted(der("30", PBE_SHA1_3DES, der("30", SALT))),
        pbes2(SCRYPT, der("30", SALT, number(2))),
    ],
    ids=["empty", "no-derivation", "cut-off", "endless", "no-iterations", "no-p"],
)
def test_a_key_without_cost_parameters_is_refused(data):
    assert error_message(InvalidKey, data) == DAMAGED


def test_a_damaged_key_is_refused_before_asking_for_its_passphrase():
    data = encrypted(der("30", PBES2, der("30")))

    assert error_message(InvalidKey, data, None) == DAMAGED


@pytest.mark.parametrize(
    "parameters",
    [(0, 8, 1), (1, 8, 1), (3, 8, 1), (-2, 8, 1), (2, 0, 1), (2, 8, 0), (2**16, 1, 1)],
)
def test_impossible_scrypt_parameters_are_refused_as_damaged(parameters):
    assert error_message(InvalidKey, scrypt(*parameters)) == DAMAGED


def test_scrypt_parameters_at_their_limits_are_tried():
    assert error_message(PassphraseWrong, scrypt(2, 1, 1)) == WRONG
    assert error_message(PassphraseWrong, scrypt(2**15, 1, 1)) == WRONG


def test_an_internal_error_of_openssl_is_reported_as_damaged(monkeypatch):
    def fail(*args, **kwargs):
        raise InternalError("Unknown OpenSSL error.", [])

    monkeypatch.setattr(internals.LOAD_ENCRYPTED_DER, fail)

    assert error_message(PassphraseWrong, pbkdf2(1)) == WRONG


def test_an_unknown_encryption_is_refused():
    unknown = der("30", "06032a0304", der("30", SALT, number(1)))

    assert error_message(InvalidKey, encrypted(unknown)) == UNKNOWN
