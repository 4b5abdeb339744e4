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


@pytest.mark.parametrize(
    ("query", "source"), [("", "generate"), ("?source=import", "import")]
)
def test_the_page_preselects_a_new_key_pair_or_what_the_link_asks_for(
    admin_client, app, query, source
):
    form = admin_client.get(f"{ADD}{query}").context["adminform"].form

    assert form["source"].value() == source


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


AGAIN = {
    "private_key": ["Paste the private key again: it is not kept."],
    "private_key_file": ["Choose the file again: it is not kept."],
    "passphrase": ["Enter the passphrase again: it is not kept."],
}
REFUSED = {"key_id": "not a key ID"}


def asked_again(response):
    return {name: found for name, found in errors(response).items() if name in AGAIN}


def test_a_refused_form_asks_to_paste_the_private_key_again(add, private_key):
    response = add(private_key=as_pem(private_key), **REFUSED)

    assert asked_again(response) == {"private_key": AGAIN["private_key"]}
    assertContains(response, "Paste the private key again: it is not kept.")


def test_a_refused_form_asks_to_choose_the_file_again(add, private_key):
    response = add(private_key_file=file(private_key.to_der()), **REFUSED)

    assert asked_again(response) == {"private_key_file": AGAIN["private_key_file"]}


def test_a_refused_form_asks_to_enter_the_passphrase_again(add, encrypted):
    response = add(private_key=encrypted, passphrase=PASSPHRASE, **REFUSED)

    assert asked_again(response) == {
        "private_key": AGAIN["private_key"],
        "passphrase": AGAIN["passphrase"],
    }


def test_a_form_with_a_wrong_passphrase_asks_to_paste_the_private_key_again(
    add, encrypted
):
    response = add(private_key=encrypted, passphrase="a wrong one")

    assert errors(response)["private_key"] == AGAIN["private_key"]


def test_a_refused_form_asks_for_nothing_that_was_not_entered(add):
    response = add(**REFUSED)

    assert asked_again(response) == {
        "private_key": ["Paste the private key, or choose its file."]
    }


def test_a_refused_form_does_not_ask_again_for_a_key_that_it_ignores(add, private_key):
    response = add(source="generate", private_key=as_pem(private_key), **REFUSED)

    assert asked_again(response) == {}


def test_the_form_says_where_a_key_id_comes_from(admin_client, app):
    assertContains(
        admin_client.get(ADD),
        "A UUID that you make up, or the one that Layer's dashboard showed beside the "
        "public key. You can enter it later.",
    )


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
