from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.pem import (
    PrivateKey,
    generate_private_key,
    read_private_key,
    restore_private_key,
    verify_signature,
)

VECTORS = Path(__file__).parents[1] / "vectors"
NOT_PEM = (
    "This is not PEM: a private key begins with "
    "-----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----."
)
PUBLIC_HALF = "This is the public half only: the private key is needed."
NO_RSA_KEY = "This is no RSA private key, and Layer accepts RSA alone."
ENCRYPTED = "This private key is encrypted: remove its passphrase."
DAMAGED = "This private key is damaged or cut off: paste the whole of it."

PKCS1 = PrivateFormat.TraditionalOpenSSL
PKCS8 = PrivateFormat.PKCS8
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()


def as_pem(key, form=PKCS8, encryption=None) -> str:
    key = getattr(key, "_key", key)
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


def public_pem(key, form=PublicFormat.SubjectPublicKeyInfo) -> str:
    return key._key.public_key().public_bytes(Encoding.PEM, form).decode()


def message_of(text: str) -> str:
    with pytest.raises(InvalidKey) as caught:
        read_private_key(text)
    return str(caught.value)


@pytest.mark.parametrize("form", [PKCS1, PKCS8])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_both_forms_of_pem_are_read(private_key, form, ending):
    text = as_pem(private_key, form).replace("\n", ending)

    read = read_private_key(f"\n {text} \n")

    assert read.fingerprint == private_key.fingerprint
    assert read.bits == 2048


@pytest.mark.parametrize(
    "text",
    ["", "hello", "MIIEpAIBAAKCAQEA", "-----BEGIN-----", "-----BEGIN ключ-----"],
)
def test_what_is_not_pem_is_refused(text):
    assert message_of(text) == NOT_PEM


def test_letters_that_no_pem_has_are_refused(private_key):
    assert message_of(as_pem(private_key) + "ключ") == NOT_PEM


@pytest.mark.parametrize(
    "form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo]
)
def test_the_public_half_alone_is_refused(private_key, form):
    assert message_of(public_pem(private_key, form)) == PUBLIC_HALF


def test_a_certificate_is_refused():
    text = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"

    assert message_of(text) == "This is a certificate: the private key is needed."


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(as_pem(EC_KEY, PKCS1), id="ec-sec1"),
        pytest.param(as_pem(EC_KEY, PKCS8), id="ec-pkcs8"),
        pytest.param(as_pem(ED25519_KEY, PKCS8), id="ed25519"),
    ],
)
def test_keys_of_other_kinds_are_refused(text):
    assert message_of(text) == NO_RSA_KEY


@pytest.mark.parametrize("form", [PKCS1, PKCS8])
def test_an_encrypted_key_is_refused(private_key, form):
    text = as_pem(private_key, form, BestAvailableEncryption(b"passphrase"))

    assert message_of(text) == ENCRYPTED


def test_a_small_key_is_refused():
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)

    assert message_of(as_pem(small)) == (
        "This key has 1024 bits; 2048 to 4096 are accepted."
    )


def test_a_large_key_is_refused_before_the_costly_validation(monkeypatch):
    class Large(rsa.RSAPrivateKey):
        key_size = 8192

    for name in rsa.RSAPrivateKey.__abstractmethods__ - {"key_size"}:
        setattr(Large, name, None)
    Large.__abstractmethods__ = frozenset()
    calls = []

    def load(data, password, **options):
        calls.append(options)
        return Large()

    monkeypatch.setattr("django_layer_identity.keys.pem.load_pem_private_key", load)

    assert message_of("-----BEGIN PRIVATE KEY-----") == (
        "This key has 8192 bits; 2048 to 4096 are accepted."
    )
    assert calls == [{"unsafe_skip_rsa_key_validation": True}]


def test_a_text_over_16_kib_is_refused_unparsed(private_key):
    text = as_pem(private_key).ljust(16 * 1024 + 1)

    assert message_of(text) == "This is too long: a private key has at most 16 KiB."


def test_a_key_cut_off_is_refused(private_key):
    text = as_pem(private_key)

    assert message_of(text[:800]) == DAMAGED


def test_a_key_whose_halves_do_not_fit_is_refused(private_key, other_private_key):
    numbers = private_key._key.private_numbers()
    other = other_private_key._key.private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        *(numbers.p, numbers.q, other.d, numbers.dmp1, numbers.dmq1, numbers.iqmp),
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)

    assert message_of(as_pem(mixed)) == DAMAGED


def test_no_message_repeats_what_was_pasted(private_key):
    text = as_pem(private_key)

    assert text.splitlines()[2] not in message_of(text[:800])


@pytest.mark.parametrize("bits", [0, 1024, 2047, 8192])
def test_a_key_is_made_in_one_of_three_sizes(bits):
    with pytest.raises(InvalidKey) as caught:
        generate_private_key(bits)

    assert str(caught.value) == "A key has 2048, 3072 or 4096 bits."


def test_the_fingerprint_is_the_sha_256_of_the_public_half():
    key = read_private_key((VECTORS / "private_key.pem").read_text())

    # openssl rsa -in private_key.pem -pubout -outform DER | sha256sum
    assert (
        key.fingerprint
        == "f6e2e9875d7a21c68be79811581b9550607ae6ea6b53bbc0db3b60d21d6a3e1d"
    )


def test_the_public_half_is_what_openssl_prints():
    key = read_private_key((VECTORS / "private_key.pem").read_text())

    assert key.public_pem == (VECTORS / "public_key.pem").read_text()


def test_a_key_survives_being_stored(private_key):
    restored = restore_private_key(private_key.to_der())

    assert restored.sign(b"message") == private_key.sign(b"message")


@pytest.mark.parametrize("der", [b"", b"0", as_pem(EC_KEY).encode()])
def test_what_is_no_stored_key_is_refused(der):
    with pytest.raises(InvalidKey) as caught:
        restore_private_key(der)

    assert str(caught.value) == DAMAGED


def test_a_signature_verifies_with_its_own_public_half_alone(
    private_key, other_private_key
):
    signature = private_key.sign(b"message")

    assert verify_signature(private_key.public_pem, b"message", signature)
    assert not verify_signature(private_key.public_pem, b"other", signature)
    assert not verify_signature(other_private_key.public_pem, b"message", signature)


def test_a_private_key_shows_its_fingerprint_alone(private_key):
    shown = f"<PrivateKey {private_key.fingerprint[:16]}>"

    assert repr(private_key) == shown
    assert str(private_key) == shown


def test_a_private_key_cannot_be_pickled(private_key):
    with pytest.raises(TypeError):
        pickle.dumps(private_key)


def test_equality_is_identity_as_nobody_compares_secrets(private_key):
    assert PrivateKey(private_key._key) != private_key
