"""Import of private keys from a file or with a passphrase."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.models import SigningKey
from tests.admin.pages import KEYS, errors
from tests.keys.test_rsa import PKCS8, as_pem

ADD = f"{KEYS}add/"
PASSPHRASE = "open sesame"


@pytest.fixture
def encrypted(private_key):
    return as_pem(private_key, PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))


@pytest.fixture
def add(admin_client, app):
    def add(**fields):
        entered = {"app": app.pk, "source": "import", "key_id": "", **fields}
        return admin_client.post(ADD, entered)

    return add


def file(content):
    return SimpleUploadedFile("private.key", content)


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_key_is_imported_from_its_file(add, private_key, form):
    forms = {"pem": as_pem(private_key).encode(), "der": private_key.to_der()}

    add(private_key_file=file(forms[form]))

    assert SigningKey.objects.get().fingerprint == private_key.fingerprint


def test_the_add_page_can_upload_files(admin_client, app):
    assertContains(admin_client.get(ADD), 'enctype="multipart/form-data"')


def test_an_encrypted_key_is_imported_with_its_passphrase(add, encrypted, private_key):
    add(private_key=encrypted, passphrase=PASSPHRASE)

    assert SigningKey.objects.get().fingerprint == private_key.fingerprint


@pytest.mark.parametrize(
    ("passphrase", "error"),
    [
        ("", "This private key is encrypted. Enter its passphrase too."),
        ("open", "The passphrase is wrong, or the private key is damaged. Check both."),
        (
            f" {PASSPHRASE}",
            "The passphrase is wrong, or the private key is damaged. Check both.",
        ),
    ],
)
def test_the_error_of_a_passphrase_is_shown_beside_it(
    add, encrypted, passphrase, error
):
    response = add(private_key=encrypted, passphrase=passphrase)

    assert errors(response)["passphrase"] == [error]
    assert not SigningKey.objects.exists()


def test_a_passphrase_is_not_shown_again(add, encrypted):
    response = add(private_key=encrypted, passphrase="a wrong one")

    assertNotContains(response, "a wrong one")


def test_the_error_of_a_file_is_shown_beside_it(add):
    response = add(private_key_file=file(b"hello"))

    error = (
        "This is not a private key in PEM format. Copy the complete key: it begins "
        "with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----."
    )
    assert errors(response) == {"private_key_file": [error]}


def test_a_large_file_is_refused(add):
    response = add(private_key_file=file(b"x" * 100_000))

    assert errors(response) == {
        "private_key_file": ["This is too long for a private key. The limit is 16 KiB."]
    }


def test_a_key_is_pasted_or_uploaded_not_both(add, private_key):
    pem = as_pem(private_key)

    response = add(private_key=pem, private_key_file=file(pem.encode()))

    assert errors(response) == {
        "private_key": [
            "Use only one of the two: paste the private key, or choose its file. Neither "
            "is kept, so enter it again."
        ],
        "private_key_file": ["Choose the file again: it is not kept."],
    }
    assert not SigningKey.objects.exists()
