"""Shared helpers of the sandbox tests."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from uuid import UUID

from django_layer_identity.keys.signers import LocalSigner
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.claims import IdentityClaims
from django_layer_identity.protocol.identifiers import KeyID, ProviderID
from django_layer_identity.protocol.signing import sign_identity_token
from django_layer_identity.sandbox import state
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID

ACCEPT = "application/vnd.layer+json; version=2.0"
ERRORS = "https://docs.layer.com/reference/client_api/errors"
OTHER_APP_ID = UUID("aaaaaaaa-0000-4000-8000-000000000005")
OTHER_PROVIDER_ID = UUID("bbbbbbbb-0000-4000-8000-000000000006")
VALIDATION = "/sandbox/?action=validateConnectionForWebsocket&client=3.4.18"
LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


def create_app(app_id=OTHER_APP_ID, provider_id=PROVIDER_ID, **fields):
    return LayerApp.objects.create(
        name="Another", app_id=app_id, provider_id=provider_id, **fields
    )


def create_key(app, private_key, key_id=KEY_ID, **times):
    key = SigningKey.objects.create(
        app=app,
        key_id=key_id,
        fingerprint=private_key.fingerprint,
        public_key=private_key.public_key.pem,
        bits=private_key.public_key.bits,
    )
    SigningKey.objects.filter(pk=key.pk).update(**times)
    return key


def make_token(private_key, *, key_id=KEY_ID, **changes):
    now = datetime.now(timezone.utc)
    claims = {
        "provider_id": ProviderID(PROVIDER_ID),
        "user_id": "alice",
        "nonce": state.create_nonce(),
        "issued_at": now - timedelta(seconds=5),
        "expires_at": now + timedelta(minutes=5),
        **changes,
    }
    return sign_identity_token(
        IdentityClaims(**claims), LocalSigner(KeyID(key_id), private_key)
    )


def post_session(client, token, app_id=f"layer:///apps/production/{APP_ID}", **extra):
    body = {"identity_token": token, "app_id": app_id}
    return client.post("/sandbox/sessions", body, "application/json", **extra)


def open_session(user_id="alice"):
    session = state.Session(str(APP_ID), user_id)
    state.store_identity(session, {})
    return authorization(state.create_session(session))


def authorization(token):
    return {"authorization": f'Layer session-token="{token}"'}


def error(id, code, message, /, **data):
    return {"id": id, "code": code, "message": message, "url": ERRORS, "data": data}


def assert_token_refused(response, code):
    """Compare everything except the message, which comes from validator or registry."""
    answer = response.json()
    message = answer["message"]
    assert response.status_code == 422
    assert message.startswith(f"{code}: ")
    assert answer == error(
        "invalid_property", 105, message, property="identity_token", code=code
    )


def later(monkeypatch, seconds):
    """Move the clock of the cache forward, but not that of the tokens."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds)
