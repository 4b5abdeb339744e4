"""An audit entry is written even if the database refuses the session's cookie."""

from __future__ import annotations

import pytest

from django_layer_identity.audit import recording
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, URL, phone_of, read
from tests.internals import stop_recording

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(databases="__all__", transaction=True),
]

NUL_IN_SESSION_KEY = (
    'sessionid="0123456789\\000abcdef"'  # PostgreSQL refuses text with a NUL
)


@pytest.fixture
def key(database, private_key):
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    recording.connect()
    yield key
    stop_recording()


def test_a_token_with_an_unreadable_session_is_recorded(key, alice):
    phone = phone_of(alice)

    response = phone.post(
        URL, {"nonce": NONCE}, format="json", HTTP_COOKIE=NUL_IN_SESSION_KEY
    )

    assert read(response)[0] == 200
    entries = AuditEntry.objects.values_list("code", "user_pk", "impersonator_pk")
    assert list(entries) == [("issued", str(alice.pk), "")]
