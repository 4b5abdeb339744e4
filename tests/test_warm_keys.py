from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection
from django.urls import set_urlconf

from django_layer_identity.issuing import issue_identity_token, warm_keys
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, configure
from tests.internals import COMPILE_QUERIES, clear_loaded_keys

UNREACHABLE = "redis://127.0.0.1:1"
NOT_LOADED = (
    f"Signing key '{KEY_ID}' of the Layer app 'Messenger' was not loaded, so its users get "
    "no identity tokens: "
)


def test_the_first_token_does_not_parse_a_warm_key(key, alice, parsed):
    clear_loaded_keys()

    warm_keys()

    assert len(parsed) == 1
    issue_identity_token(alice, NONCE)
    assert len(parsed) == 1


def test_the_keys_of_a_disabled_app_are_not_loaded(key, parsed):
    clear_loaded_keys()
    LayerApp.objects.update(enabled=False)

    warm_keys()

    assert parsed == []


def test_an_app_without_an_active_key_is_named(app, draft, caplog):
    warm_keys()

    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == (
        "ERROR",
        "The Layer app 'Messenger' has no active signing key, so its users get no identity "
        "tokens. Activate one with “manage.py layer_key_activate” or in the admin.",
    )


def test_a_key_that_cannot_be_loaded_is_logged_and_the_others_are_loaded(
    key, other_private_key, parsed, caplog
):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    good = SigningKey.from_private_key(other, other_private_key, key_id=KEY_ID)
    good.save()
    good.activate()
    SigningKey.objects.filter(pk=key.pk).update(encrypted_private_key="damaged")
    clear_loaded_keys()
    parsed.clear()

    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == (
        f"{NOT_LOADED}The stored private key of signing key {key.fingerprint[:16]} (Layer "
        f"app {key.app_id}) is damaged. Import the same private key again, restore that "
        "row from a backup, or revoke the key."
    )
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (
            [],
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty, so private keys cannot be "
            "encrypted or decrypted. If it comes from an environment variable, check that "
            "the variable is set here. Set it to its previous value: no other value "
            "decrypts the stored private keys. Only if that value is lost, or in a new "
            "installation, create an entry with “manage.py layer_encryption_key”, store "
            "it, and import the private keys again.",
        ),
        (
            ["another entry of forty characters, all new"],
            "The stored private key of signing key 40293bb473810c85 (Layer app {app}) was "
            "encrypted with an entry (ID '36893939bc1abbd8') that is not in "
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']. Put that entry back. If it is lost, "
            "import the same private key again. If the private key is lost too, activate "
            "another key.",
        ),
    ],
    ids=["empty", "another"],
)
def test_a_server_starts_without_the_encryption_key_and_says_so_in_one_line(
    key, settings, caplog, entries, reason
):
    clear_loaded_keys()
    configure(settings, KEY_ENCRYPTION_KEYS=entries)

    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == NOT_LOADED + reason.format(app=key.app_id)
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)


def test_an_unexpected_error_is_logged_with_its_traceback(key, monkeypatch, caplog):
    def fail(key):
        raise RuntimeError("planted fault")

    monkeypatch.setattr(SigningKey, "load_signer", fail)

    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == f"{NOT_LOADED}RuntimeError"
    assert record.exc_info[0] is RuntimeError


def test_a_server_starts_without_a_database(key, caplog):
    def fail(*args):
        raise OperationalError("the database is gone")

    with connection.execute_wrapper(fail):
        warm_keys()

    [record] = caplog.records
    assert record.getMessage() == (
        "No signing key was loaded, because the database failed. Until it works, users get "
        "no identity tokens. If a table is missing, run “manage.py migrate”."
    )


def test_without_a_compiled_query_the_keys_are_loaded_all_the_same(
    key, alice, parsed, monkeypatch
):
    clear_loaded_keys()
    refuse = Mock(side_effect=TypeError("Can't convert int to PhoneNumber"))
    monkeypatch.setattr(COMPILE_QUERIES, refuse)

    warm_keys()

    assert len(parsed) == 1
    assert issue_identity_token(alice, NONCE).user_id == "alice"


@pytest.fixture
def urlconf(tmp_path, monkeypatch, settings):
    """Return a function that writes the URLconf of a project, not imported yet."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text):
        (tmp_path / "warm_urls.py").write_text(text)
        settings.ROOT_URLCONF = "warm_urls"
        set_urlconf(None)

    yield write
    sys.modules.pop("warm_urls", None)


def test_the_first_request_does_not_import_the_urlconf(key, urlconf):
    urlconf("urlpatterns = []")

    warm_keys()

    assert "warm_urls" in sys.modules


def test_an_error_in_the_urlconf_is_logged(key, urlconf, caplog):
    urlconf("1 / 0")

    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == (
        "The project's URLconf cannot be imported, so the project answers no request."
    )
    assert record.exc_info[0] is ZeroDivisionError


@pytest.fixture
def unreachable_cache(settings):
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": UNREACHABLE}}


def test_a_cache_that_fails_is_logged(key, unreachable_cache, caplog):
    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == (
        "The cache of LAYER_IDENTITY['CACHE_ALIAS'] failed. Until it works, there are no "
        "replay guard and no rate limits, or, with NONCE_GUARD_FAILURE = 'refuse', no "
        "identity tokens. Correct CACHES, or start the cache."
    )
    assert "Connection refused" in caplog.text


def test_a_cache_that_no_token_needs_is_not_read(
    key, settings, unreachable_cache, caplog
):
    configure(
        settings,
        NONCE_GUARD="database",
        THROTTLE_RATES={"user": None, "failures": None},
    )

    warm_keys()

    assert caplog.records == []


def test_wrong_settings_are_logged(key, settings, caplog):
    clear_loaded_keys()
    settings.LAYER_IDENTITY = "wrong"

    warm_keys()

    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "LAYER_IDENTITY must be a dict, not str." in caplog.text


ASGI = """
import asyncio
from django_layer_identity.issuing import warm_keys

application = object()

async def start():
    warm_keys()

asyncio.run(start())
"""


def test_the_urlconf_may_import_the_module_that_calls_it(tmp_path):
    (tmp_path / "warm_asgi.py").write_text(ASGI)
    (tmp_path / "warm_urls.py").write_text(
        "from warm_asgi import application\nurlpatterns = []\n"
    )
    root = Path(__file__).parent.parent
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.server.settings",
        "TEST_SERVER": json.dumps({"ROOT_URLCONF": "warm_urls"}),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)]),
    }

    # Two threads that wait for each other would never end.
    process = subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); import warm_asgi"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "The project's URLconf cannot be imported" not in process.stderr
    assert process.returncode == 0
