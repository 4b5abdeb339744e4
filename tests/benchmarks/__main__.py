"""
Measure the time for a token, relative to one RSA signature of the same key.

The rounds of all candidates are interleaved, so that changes in the machine's load affect
each of them. The median of the rounds is printed.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, override_settings

from django_layer_identity import keyring
from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.keys.reading import read_private_key
from django_layer_identity.models import LayerApp
from tests.internals import clear_loaded_keys, rsa_key_of

ROUNDS = 25
CALLS = 8  # of each candidate in a round
FORM = "application/x-www-form-urlencoded"
FULL_FORM = "a&" * 8192
FULL_PASTE = f"-----BEGIN PRIVATE KEY-----{chr(10) * 16_000}-----END PRIVATE KEY-----"


def prepare():
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("alice", first_name="Alice")
    app = LayerApp.objects.create(
        name="Messenger",
        app_id="aaaaaaaa-0000-4000-8000-000000000001",
        provider_id="bbbbbbbb-0000-4000-8000-000000000002",
    )
    key = keyring.generate_private_key(
        app, key_id="cccccccc-0000-4000-8000-000000000003", activate=True
    )
    return user, key


def candidates(user, key):
    private_key = key.load_signer().private_key
    pem = (
        rsa_key_of(private_key)
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )
    client = Client()
    client.force_login(user)
    body = json.dumps({"nonce": "a+b/c=="})

    def endpoint():
        answer = client.post("/layer/authenticate", body, "application/json")
        assert answer.status_code == 200

    def refusal():
        answer = client.post("/layer/authenticate", FULL_FORM, FORM)
        assert answer.status_code == 400

    def paste():
        try:
            read_private_key(FULL_PASTE)
        except InvalidKey:
            return
        raise AssertionError("The text was read as a private key.")

    def cold():
        clear_loaded_keys()
        issue_identity_token(user, "a+b/c==")

    return {
        "one RSA signature": lambda: private_key.sign(b"x" * 400),
        "issue_identity_token": lambda: issue_identity_token(user, "a+b/c=="),
        "the endpoint with a session": endpoint,
        "parsing the PEM at each token": lambda: read_private_key(pem),
        "a token with no key loaded": cold,
        "refusing 16 KiB of form fields": refusal,
        "refusing 16 KiB of pasted text": paste,
    }


def seconds(call):
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS


def main():
    calls = candidates(*prepare())
    rounds = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            rounds[name].append(seconds(call))
    unit = statistics.median(rounds["one RSA signature"])
    for name, times in rounds.items():
        sys.stdout.write(f"{statistics.median(times) / unit:8.1f}  {name}\n")


UNTHROTTLED = {"THROTTLE_RATES": {"user": None, "failures": None}}
with override_settings(LAYER_IDENTITY={**settings.LAYER_IDENTITY, **UNTHROTTLED}):
    main()
