"""
The private names of the package that tests use.

Some tests cause a race, a fault or a pause inside the package. Only this module names the
private places where they do so. When code moves, only this module changes. A place is a
dotted path for ``monkeypatch.setattr`` or ``patch``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from django_layer_identity import collisions, doctor, key_usage
from django_layer_identity.keys import encryption
from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.keys.signers import (
    clear_loaded_keys,
    load_stored_private_key,
)
from django_layer_identity.models import LayerUser, issuing
from django_layer_identity.models.locking import lock_and_refresh, retry_on_conflict

PACKAGE = "django_layer_identity"

# Places: numbers

CHOICE_LIMIT = f"{PACKAGE}.audit.models.MAX_VALUES"
KEY_USE_LIMIT = f"{PACKAGE}.key_usage.MAX_KEYS"
PURGE_BATCH_SIZE = f"{PACKAGE}.audit.models.BATCH"
RECURSIVE_QUERIES = f"{PACKAGE}.audit.models.RECURSIVE"
RETRY_PAUSE = f"{PACKAGE}.models.locking.PAUSE"
SURVEY_FOLDER_ACCESS = f"{PACKAGE}.collisions.os.access"
SURVEY_TABLES = f"{PACKAGE}.collisions._TABLES"
OVERVIEW_MAX_COUNT = f"{PACKAGE}.admin.overview.MAX_COUNT"
SURVEY_PAGE_SIZE = f"{PACKAGE}.collisions.PAGE"

DATABASE_TIME = doctor._DATABASE_TIME

# Places: functions and objects, in the module that uses them

ADMIN_AFTER_PREVIEW = (
    f"{PACKAGE}.admin.tokens.load_registrations",
    f"{PACKAGE}.admin.tokens._ask_sandbox",
    f"{PACKAGE}.admin.tokens.TokenPages.log_change",
    f"{PACKAGE}.admin.tokens.TokenPages.render",
)
ADMIN_LOG_ADDITION = f"{PACKAGE}.admin.keys.SigningKeyAdmin.log_addition"
ADMIN_READ_KEY = f"{PACKAGE}.admin.forms.read_private_key"
ADMIN_REFUSE_SEARCH = f"{PACKAGE}.admin.base.refuse_search"
ADMIN_SAVE_KEY = f"{PACKAGE}.admin.keys.SigningKeyAdmin.save_model"
ADMIN_WRAP_FORM_DATA = f"{PACKAGE}.admin.forms.wrap_secrets"
ADMIN_WRAP_POST = f"{PACKAGE}.admin.keys.wrap_secrets"
ASK_PASSPHRASE = f"{PACKAGE}.management.commands.layer_key_import.getpass"
AUTHENTICATE = f"{PACKAGE}.api.authentication.authenticate"
CHECK_KEY_PAIR = f"{PACKAGE}.keys.reading._check_pair"
CHECKED_DATABASES = f"{PACKAGE}.checks.users.connections"
BACKEND_CLOCK = f"{PACKAGE}.keys.backends.time"
COMPILE_QUERIES = f"{PACKAGE}.warming.compile_queries"
DECRYPT_KEY = f"{PACKAGE}.keys.signers.decrypt_private_key"
ENCRYPT_KEY = f"{PACKAGE}.models.key.encrypt_private_key"
HIDE_LOCALS = f"{PACKAGE}.keys.secrets._clear_frames"
IS_RATE_USED_UP = f"{PACKAGE}.api.throttling.FixedWindowCounter.is_exhausted"
LIST_PUBLIC_KEYS = f"{PACKAGE}.api.jwks.verification_keys"
LOAD_ENCRYPTED_DER = f"{PACKAGE}.keys.passphrase.load_der_private_key"
LOAD_DER = f"{PACKAGE}.keys.reading.load_der_private_key"
LOAD_STORED_DER = f"{PACKAGE}.keys.rsa.load_der_private_key"
OVERVIEW_CHECKS = f"{PACKAGE}.admin.overview.run_checks"
OVERVIEW_COUNT = f"{PACKAGE}.admin.overview.count_users"
MAKE_CREDENTIALS = f"{PACKAGE}.api.authentication.Credentials.__init__"
MAKE_ENCRYPTION_KEY = f"{PACKAGE}.keys.encryption._EncryptionKey"
MAKE_SUCCESS_BODY = f"{PACKAGE}.api.views._success_body"
PARSE_CIPHERTEXT = f"{PACKAGE}.keys.encryption.json:loads"
PARSE_STORED_KEY = f"{PACKAGE}.keys.signers.load_stored_private_key"
PKCS11_MODULES = f"{PACKAGE}.keys.pkcs11._modules"
RATE_CLOCK = f"{PACKAGE}.api.throttling.time"
RETRY_SLEEP = f"{PACKAGE}.models.locking.time.sleep"
VERIFY_KEY_PAIR = f"{PACKAGE}.keys.reading.verify_signature"

KEY_LOCKS = (
    f"{PACKAGE}.models.locking.lock_and_refresh",
    f"{PACKAGE}.admin.key_actions.lock_and_refresh",
)
KEY_WRITES = (
    f"{PACKAGE}.keyring.retry_on_conflict",
    f"{PACKAGE}.admin.key_actions.retry_on_conflict",
)

SIGNING = (
    f"{PACKAGE}.keys.encryption.Fernet.decrypt",
    f"{PACKAGE}.keys.encryption.HKDF.derive",
    PARSE_CIPHERTEXT,
    f"{PACKAGE}.keys.encryption.base64:b64decode",
    PARSE_STORED_KEY,
    LOAD_STORED_DER,
    f"{PACKAGE}.keys.rsa.PrivateKey.__init__",
    f"{PACKAGE}.keys.rsa.PrivateKey.sign",
)

#: Where a fault is planted, for each flow of ``tests.secrecy.reports`` that reaches it.
#: ``module:function`` breaks one function of a module, for the importing module only.
FAULT_PLACES = {
    "import_key": (
        ADMIN_READ_KEY,
        f"{PACKAGE}.admin.forms.NewSigningKeyForm._clean_fields",
        f"{PACKAGE}.admin.forms.NewSigningKeyForm.clean",
        f"{PACKAGE}.admin.forms.NewSigningKeyForm.full_clean",
        f"{PACKAGE}.admin.keys.SigningKeyAdmin.save_form",
        ADMIN_SAVE_KEY,
        ADMIN_LOG_ADDITION,
        f"{PACKAGE}.admin.keys.SigningKeyAdmin.response_add",
        f"{PACKAGE}.keys.rsa.PrivateKey.__init__",
        f"{PACKAGE}.keys.rsa.PrivateKey.to_der",
        LOAD_DER,
        LOAD_STORED_DER,
        f"{PACKAGE}.keys.reading.base64:b64decode",
        f"{PACKAGE}.keys.encryption.Fernet.encrypt",
        f"{PACKAGE}.keys.encryption.HKDF.derive",
        f"{PACKAGE}.keys.encryption.base64:b64encode",
        f"{PACKAGE}.keys.encryption.json:dumps",
        f"{PACKAGE}.models.SigningKey.save",
        f"{PACKAGE}.models.SigningKey.validate_constraints",
    ),
    "import_again": (
        f"{PACKAGE}.models.key.decrypt_private_key",
        f"{PACKAGE}.models.SigningKey.check_unreadable",
        f"{PACKAGE}.keys.encryption.Fernet.decrypt",
        PARSE_CIPHERTEXT,
        f"{PACKAGE}.keys.encryption.base64:b64decode",
    ),
    "import_with_passphrase": (
        LOAD_ENCRYPTED_DER,
        ADMIN_READ_KEY,
        f"{PACKAGE}.models.SigningKey.save",
    ),
    "upload": (ADMIN_READ_KEY, LOAD_DER, ADMIN_LOG_ADDITION),
    "issue": (*SIGNING, f"{PACKAGE}.protocol.signing._jws.encode"),
    "activate": SIGNING,
    "retire": (
        f"{PACKAGE}.models.SigningKey.retire",
        f"{PACKAGE}.admin.keys.SigningKeyAdmin.log_change",
    ),
    "import_by_command": (
        LOAD_DER,
        f"{PACKAGE}.keys.encryption.Fernet.encrypt",
        f"{PACKAGE}.models.SigningKey.save",
    ),
}

#: The file and the functions in the traceback when a stored key cannot be loaded.
KEY_LOADING_FILE = "keys/signers.py"
KEY_LOADING_FUNCTIONS = ["load_private_key", "_load"]


# Races


@pytest.fixture
def before_key_lock(monkeypatch):
    """Call a function once, just before a key is locked for a change."""

    def lock_by(function):
        for place in KEY_LOCKS:
            monkeypatch.setattr(place, function)

    def before_key_lock(function):
        def call_and_lock(key):
            lock_by(lock_and_refresh)
            function(key)
            lock_and_refresh(key)

        lock_by(call_and_lock)

    return before_key_lock


@pytest.fixture
def before_key_write(monkeypatch):
    """Call a function before each transaction that adds a key or runs an admin action."""

    def before_key_write(function):
        def call_and_write(write, using):
            function()
            return retry_on_conflict(write, using=using)

        for place in KEY_WRITES:
            monkeypatch.setattr(place, call_and_write)

    return before_key_write


@pytest.fixture
def around_ledger_write(monkeypatch):
    """Call a function instead of each write to the ledger; its argument is the write."""

    def around_ledger_write(function):
        for name in ("switch", "reassign"):
            method = getattr(LayerUser.objects, name)

            def write(*args, method=method, **kwargs):
                return function(partial(method, *args, **kwargs))

            monkeypatch.setattr(LayerUser.objects, name, write)

    return around_ledger_write


# Counters and clocks


@pytest.fixture
def parsed(monkeypatch):
    """The list of stored private keys that were parsed so far."""
    seen = []

    def parse(der):
        seen.append(der)
        return load_stored_private_key(der)

    monkeypatch.setattr(PARSE_STORED_KEY, parse)
    return seen


@pytest.fixture
def rate_clock(monkeypatch):
    """The clock of rate limits, stopped five seconds after the start of a minute."""

    class Clock:
        now = 1_795_000_000 // 60 * 60 + 5

        def time(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(RATE_CLOCK, clock)
    return clock


# State of the process


def reset_process_state() -> None:
    """Reset to the state of a new process: no key loaded or used, no query compiled."""
    clear_loaded_keys()
    for query in (issuing._first_two, issuing._with_app_id):
        query._statements.clear()
    key_usage._attempts.clear()


def record_key_use(key: Any) -> None:
    """Record a use of the key, like the issuing code does."""
    key_usage.record_use(key)


def end_pause_of_key_use() -> None:
    """Move time past the interval after which a process records a use again."""
    for name in key_usage._attempts:
        key_usage._attempts[name] -= key_usage.SAMPLE.total_seconds()


def fill_disk_of_survey(monkeypatch: Any) -> None:
    """Let the temporary file of a survey have at most 20 KiB."""
    monkeypatch.setattr(
        SURVEY_TABLES, f"PRAGMA max_page_count = 5; {collisions._TABLES}"
    )


def remembered_key_uses() -> int:
    """Return the number of keys whose last recording time the process holds."""
    return len(key_usage._attempts)


def encryption_keys() -> object:
    """Return the encryption keys that the package derives from ``KEY_ENCRYPTION_KEYS``."""
    return encryption._encryption_keys()


def rsa_key_of(private_key: PrivateKey) -> RSAPrivateKey:
    """Return the key as an object of cryptography."""
    return private_key._key


def overdue_calls(backend: Any) -> Any:
    """Return the calls of a signing backend that timed out."""
    return backend.slots._timed_out


# Optional parts, imported only by their tests


def stop_recording() -> None:
    """Disconnect the audit receivers."""
    from django_layer_identity.audit import recording

    recording.identity_token_issued.disconnect(recording.record)
    recording.identity_token_refused.disconnect(recording.record)


def reopen_tokens() -> None:  # pragma: no cover  # needs a token
    """Reset the PKCS#11 modules, so that each token is opened again."""
    for module in _pkcs11_modules():
        module.reset()
    clear_refused_pins()


def clear_refused_pins() -> None:
    """Clear this process's record of refused PINs, but not the cache."""
    from django_layer_identity.keys import pkcs11

    pkcs11._refused.clear()


def expect_initialized_tokens() -> None:  # pragma: no cover  # needs a token
    """Make the PKCS#11 modules skip their next initialization."""
    for module in _pkcs11_modules():
        module._needs_reinit = False


def _pkcs11_modules() -> Any:  # pragma: no cover  # needs a token
    from django_layer_identity.keys import pkcs11

    return pkcs11._modules.values()
