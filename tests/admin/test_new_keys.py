from __future__ import annotations

import base64
import re
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.core.signals import got_request_exception
from django.views.debug import ExceptionReporter

from django_layer_identity.admin import forms
from django_layer_identity.models import LayerApp, SigningKey
from tests import internals
from tests.admin.pages import KEYS
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID

ADD = f"{KEYS}add/"
AGAIN = "Paste the private key again: it is not kept."


def to_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="session")
def pem(private_key) -> str:
    """The private key as a user pastes it."""
    body = base64.encodebytes(private_key.to_der()).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n"


def entered(app, /, **overrides):
    return {"app": app.pk, "source": "import", "key_id": "", **overrides}


def errors(response):
    return response.context["adminform"].form.errors


def lines_of(pem):
    """The complete lines of the PEM body; the last line may be too short to be unique."""
    return pem.splitlines()[1:-2]


def messages_of(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_an_imported_key_is_stored_and_its_page_is_shown(
    admin_client, app, private_key, pem
):
    response = admin_client.post(ADD, entered(app, private_key=pem))

    key = SigningKey.objects.get()
    assert response.url == f"{KEYS}{key.pk}/change/"
    assert (key.app, key.state, key.fingerprint, key.public_key, key.bits) == (
        app,
        "draft",
        private_key.fingerprint,
        private_key.public_key.pem,
        2048,
    )


@pytest.mark.parametrize(
    "key_id",
    [str(KEY_ID), str(KEY_ID).upper(), f"layer:///keys/{KEY_ID}"],
    ids=["bare", "upper-case", "prefixed"],
)
def test_a_key_imported_with_its_id_still_needs_its_self_test(
    admin_client, app, pem, key_id
):
    admin_client.post(ADD, entered(app, private_key=pem, key_id=key_id))

    key = SigningKey.objects.get()
    assert (key.state, key.key_id) == ("draft", KEY_ID)
    key.run_self_test()
    assert key.state == "ready"


def test_a_pair_is_generated(admin_client, app):
    admin_client.post(ADD, entered(app, source="generate", key_id=str(KEY_ID)))

    key = SigningKey.objects.get()
    assert (key.key_id, key.bits) == (KEY_ID, 2048)
    key.run_self_test()


def test_a_generated_pair_ignores_a_pasted_private_key(
    admin_client, app, private_key, pem
):
    admin_client.post(ADD, entered(app, source="generate", private_key=pem))

    assert SigningKey.objects.get().fingerprint != private_key.fingerprint


def test_an_app_in_the_query_string_is_preselected(admin_client, app):
    response = admin_client.get(ADD, {"app": app.pk})

    assert response.context["adminform"].form["app"].value() == str(app.pk)


def test_the_only_app_is_preselected(admin_client, app):
    response = admin_client.get(ADD)

    assert response.context["adminform"].form["app"].value() == app.pk


def test_with_several_apps_none_is_preselected(admin_client, app):
    LayerApp.objects.create(name="Other", app_id=KEY_ID, provider_id=PROVIDER_ID)

    response = admin_client.get(ADD)

    assert response.context["adminform"].form["app"].value() is None


def test_the_add_page_has_one_save_button(admin_client):
    page = admin_client.get(ADD).content.decode()

    assert re.findall(r'<input type="submit".* value="([^"]+)"', page) == ["Save"]


def test_staff_who_may_only_add_keys_return_to_the_index(client, app, pem):
    user = User.objects.create_user("importer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_signingkey"))
    client.force_login(user)

    response = client.post(ADD, entered(app, private_key=pem))

    assert response.url == "/admin/"
    assert SigningKey.objects.count() == 1


def test_staff_without_the_add_permission_cannot_add_keys(client, app, pem):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_signingkey"))
    client.force_login(user)

    response = client.post(ADD, entered(app, private_key=pem))

    assert response.status_code == 403
    assert not SigningKey.objects.exists()


def ec_pem():
    return to_pem(ec.generate_private_key(ec.SECP256R1()))


def small_pem():
    return to_pem(rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    ("pasted", "error"),
    [
        (lambda: "", "Paste the private key, or choose its file."),
        (
            lambda: "MIIEowIBAAKCAQEA",
            "This is not a private key in PEM format. Copy the complete key: it begins "
            "with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----.",
        ),
        (ec_pem, "This is not an RSA private key. Layer accepts only RSA keys."),
        (
            small_pem,
            "This key has 1024 bits. It must have 2048 to 4096 bits. Layer's own early "
            "keys had 1024 bits. Generate a new key, enter a key ID for it and "
            "activate it.",
        ),
    ],
    ids=["nothing", "not-pem", "ec", "1024-bits"],
)
def test_an_unusable_private_key_is_not_stored(admin_client, app, pasted, error):
    response = admin_client.post(ADD, entered(app, private_key=pasted()))

    assert errors(response) == {"private_key": [error]}
    assert not SigningKey.objects.exists()


def test_a_public_key_is_refused(admin_client, app, private_key):
    response = admin_client.post(
        ADD, entered(app, private_key=private_key.public_key.pem)
    )

    error = "This is a public key. Import the private key instead."
    assert errors(response) == {"private_key": [error]}
    assert not SigningKey.objects.exists()


def test_a_key_with_a_stored_public_key_is_not_stored_again(
    admin_client, app, key, pem
):
    response = admin_client.post(ADD, entered(app, private_key=pem))

    error = "The Layer app already has this key: the public key is the same."
    assert errors(response) == {"private_key": [error]}
    assert SigningKey.objects.get() == key


@pytest.mark.parametrize(
    ("key_id", "error"),
    [
        (
            f"layer:///providers/{PROVIDER_ID}",
            "This is a provider ID. Use a key ID here.",
        ),
        (
            str(PROVIDER_ID).upper(),
            "This is the provider ID of the Layer app. Enter the key ID instead.",
        ),
        (str(APP_ID), "This is the app ID of the Layer app. Enter the key ID instead."),
        (
            f"layer:///apps/production/{APP_ID}",
            "This is an app ID. Use a key ID here.",
        ),
    ],
    ids=["provider", "provider-bare", "app-bare", "app"],
)
def test_a_key_with_an_id_of_another_kind_is_not_stored(
    admin_client, app, pem, key_id, error
):
    response = admin_client.post(ADD, entered(app, private_key=pem, key_id=key_id))

    assert errors(response) == {"key_id": [error], "private_key": [AGAIN]}
    assert not SigningKey.objects.exists()


def test_a_key_with_the_id_of_another_key_is_not_stored(admin_client, app, key):
    response = admin_client.post(
        ADD, entered(app, source="generate", key_id=str(KEY_ID))
    )

    assert errors(response) == {
        "key_id": ["Another key of this Layer app has this key ID."]
    }
    assert SigningKey.objects.get() == key


def test_without_an_encryption_key_no_private_key_is_stored(
    admin_client, app, pem, settings
):
    settings.LAYER_IDENTITY = {}

    response = admin_client.post(ADD, entered(app, private_key=pem))

    error = (
        "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty, so private keys cannot be "
        "encrypted or decrypted. If it comes from an environment variable, check that "
        "the variable is set here. Set it to its previous value: no other value "
        "decrypts the stored private keys. Only if that value is lost, or in a new "
        "installation, create an entry with “manage.py layer_encryption_key”, store it, "
        "and import the private keys again."
    )
    assert errors(response) == {"__all__": [error], "private_key": [AGAIN]}
    assert not SigningKey.objects.exists()


def test_every_invalid_field_has_its_error(admin_client, pem):
    response = admin_client.post(ADD, {"private_key": pem, "key_id": str(KEY_ID)})

    required = ["This field is required."]
    assert errors(response) == {
        "app": required,
        "source": required,
        "private_key": [AGAIN],
    }


def test_a_key_without_an_app_has_the_error_of_the_app(admin_client, pem):
    response = admin_client.post(ADD, {"source": "import", "private_key": pem})

    assert errors(response) == {
        "app": ["This field is required."],
        "private_key": [AGAIN],
    }


def test_a_key_stored_concurrently_gives_a_message(
    admin_client, app, key, pem, monkeypatch
):
    monkeypatch.setattr(SigningKey, "find_same", lambda self: None)
    monkeypatch.setattr(SigningKey, "validate_constraints", lambda *a, **kw: None)

    response = admin_client.post(ADD, entered(app, private_key=pem))

    assert response.url == ADD
    assert messages_of(response) == [
        "Another request has just stored this key or its key ID."
    ]
    assert SigningKey.objects.get() == key


def test_the_private_key_field_never_shows_its_value():
    assert forms.PrivateKeyInput().render("private_key", "a private key") == (
        '<textarea name="private_key" cols="40" rows="12" autocomplete="off" '
        'spellcheck="false" class="vLargeTextField">\n</textarea>'
    )


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"key_id": "not a key ID"},
        {"app": ""},
        {"source": ""},
        {"source": "generate"},
    ],
    ids=["stored", "wrong-key-id", "no-app", "no-source", "generated"],
)
def test_a_pasted_private_key_is_never_shown_again(admin_client, app, pem, overrides):
    posted = entered(app, private_key=pem, **overrides)

    pages = [admin_client.post(ADD, posted, follow=True), admin_client.get(KEYS)]
    for key in SigningKey.objects.all():
        pages.append(admin_client.get(f"{KEYS}{key.pk}/history/"))
    seen = "".join([page.content.decode() for page in pages])
    seen += str(LogEntry.objects.values_list())
    assert [line for line in lines_of(pem) if line in seen] == []


def test_error_reports_hide_the_private_key(admin_client, app, pem, monkeypatch):
    reports = []

    def report(sender, request, **kwargs):
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_html() + reporter.get_traceback_text())

    def fail(*args, **kwargs):
        raise RuntimeError("planted fault")

    got_request_exception.connect(report)
    monkeypatch.setattr(internals.ADMIN_READ_KEY, fail)

    with pytest.raises(RuntimeError):
        admin_client.post(ADD, entered(app, private_key=pem))

    [seen] = reports
    assert "planted fault" in seen
    assert [line for line in lines_of(pem) if line in seen] == []
