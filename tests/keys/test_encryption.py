from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import (
    ConfigurationError,
    DamagedCiphertext,
    SwappedCiphertext,
    WrongEncryptionKey,
)
from django_layer_identity.keys.encryption import (
    decrypt_private_key,
    encrypt_private_key,
    has_encryption_key,
    new_encryption_key,
    reencrypt_private_key,
)

NEW = "a new entry of more than thirty-two characters"
OLD = "an old entry of more than thirty-two characters"
ID, OLD_ID = (
    "265818783eb54ea6",
    "6faccf8a11ed4616",
)  # HKDF-SHA256 of the entries, bytes 32 to 40
OWNER = {"app": 7, "fingerprint": "f" * 64}


@pytest.fixture(autouse=True)
def entries(settings):
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": [NEW, OLD]}
    return settings.LAYER_IDENTITY["KEY_ENCRYPTION_KEYS"]


def test_an_encrypted_key_can_be_decrypted():
    ciphertext = encrypt_private_key(b"the key", **OWNER)

    assert decrypt_private_key(ciphertext, **OWNER) == b"the key"


def test_the_ciphertext_has_version_and_entry_and_does_not_show_the_key():
    version, entry, token = encrypt_private_key(b"the key", **OWNER).split(":")

    assert version == "lid1"
    assert entry == ID
    assert token.startswith("gAAAA")  # Fernet, version 128
    assert b"the key" not in token.encode()


def test_an_entry_itself_is_not_used_as_a_key():
    token = encrypt_private_key(b"the key", **OWNER).split(":")[2]

    with pytest.raises(ValueError, match="32 url-safe base64-encoded bytes"):
        Fernet(NEW).decrypt(token)


def test_the_first_entry_encrypts_and_all_decrypt(entries):
    entries[:] = [OLD]
    ciphertext = encrypt_private_key(b"the key", **OWNER)
    entries[:] = [NEW, "", OLD]

    assert decrypt_private_key(ciphertext, **OWNER) == b"the key"
    assert encrypt_private_key(b"", **OWNER)[:22] != ciphertext[:22]


def test_white_space_around_an_entry_does_not_count(entries):
    entries[:] = [NEW]
    ciphertext = encrypt_private_key(b"the key", **OWNER)
    entries[:] = [f"\n{NEW} \r\n"]

    assert decrypt_private_key(ciphertext, **OWNER) == b"the key"
    assert encrypt_private_key(b"", **OWNER)[:22] == ciphertext[:22]


def test_a_missing_entry_is_named_with_its_setting(entries):
    ciphertext = encrypt_private_key(b"the key", **OWNER)
    entries[:] = [OLD]

    with pytest.raises(WrongEncryptionKey) as caught:
        decrypt_private_key(ciphertext, **OWNER)

    assert str(caught.value) == (
        "The stored private key of signing key ffffffffffffffff (Layer app 7) was "
        "encrypted with an entry (ID '265818783eb54ea6') that is not in "
        "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']. Put that entry back. If it is lost, "
        "import the same private key again. If the private key is lost too, activate "
        "another key."
    )


def test_an_invalid_token_with_an_unknown_entry_is_not_decrypted():
    ciphertext = encrypt_private_key(b"the key", **OWNER).replace(ID, "zz")

    with pytest.raises(
        WrongEncryptionKey, match=r"an entry \(ID 'zz'\) that is not in"
    ):
        decrypt_private_key(f"{ciphertext}é", **OWNER)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: text[:-10], id="cut-off"),
        pytest.param(lambda text: text[:-10] + "A" * 10, id="altered"),
        pytest.param(lambda text: text.replace("lid1", "lid2"), id="other-version"),
        pytest.param(lambda text: text.rsplit(":", 1)[0], id="no-token"),
        pytest.param(lambda text: text + "é", id="not-ascii"),
        pytest.param(lambda text: text.replace(ID, "zz"), id="not-hex-digits"),
        pytest.param(lambda text: text.replace(ID, ""), id="no-id"),
        pytest.param(lambda text: text.replace(ID, ID[:-1]), id="short-id"),
        pytest.param(lambda text: text.replace(ID, ID[:-1] + "7"), id="other-id"),
        pytest.param(lambda text: text.replace(ID, OLD_ID), id="id-of-another"),
    ],
)
def test_a_damaged_row_is_recognized(damage):
    ciphertext = damage(encrypt_private_key(b"the key", **OWNER))

    with pytest.raises(DamagedCiphertext) as caught:
        decrypt_private_key(ciphertext, **OWNER)

    assert str(caught.value) == (
        "The stored private key of signing key ffffffffffffffff (Layer app 7) is "
        "damaged. Import the same private key again, restore that row from a backup, or "
        "revoke the key."
    )


def test_reencryption_detects_a_damaged_row_of_the_first_entry():
    ciphertext = encrypt_private_key(b"the key", **OWNER)

    with pytest.raises(DamagedCiphertext):
        reencrypt_private_key(ciphertext[:-10], **OWNER)


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({"app": 8}, "signing key ffffffffffffffff (Layer app 8)"),
        ({"fingerprint": "e" * 64}, "signing key eeeeeeeeeeeeeeee (Layer app 7)"),
    ],
)
def test_a_swapped_row_is_recognized(other, name):
    ciphertext = encrypt_private_key(b"the key", **OWNER)

    with pytest.raises(SwappedCiphertext) as caught:
        decrypt_private_key(ciphertext, **{**OWNER, **other})

    assert str(caught.value) == (
        f"The stored private key of {name} belongs to "
        "signing key ffffffffffffffff (Layer app 7). "
        "Import the same private key again, restore that row from a backup, or revoke "
        "the key."
    )


HOW_TO_SET_IT = (
    "Set it to its previous value: no other value decrypts the stored private keys. Only "
    "if that value is lost, or in a new installation, create an entry with “manage.py "
    "layer_encryption_key”, store it, and import the private keys again."
)


@pytest.mark.parametrize("empty", [[], [""], [" \n"], [None]])
def test_encryption_without_an_entry_is_refused(entries, empty):
    entries[:] = empty

    with pytest.raises(ConfigurationError) as caught:
        encrypt_private_key(b"the key", **OWNER)

    assert str(caught.value) == (
        "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty, so private keys cannot be "
        "encrypted or decrypted. If it comes from an environment variable, check that "
        f"the variable is set here. {HOW_TO_SET_IT}"
    )


@pytest.mark.parametrize(
    ("invalid", "problem"),
    [
        (["x" * 31], "Entry 1 of {} has 31 characters. It must have 32 or more."),
        ([b"x" * 32], "Entry 1 of {} must be a string, not bytes."),
        ("x" * 32, "{} must be a list of strings, not str."),
    ],
)
def test_an_invalid_setting_is_refused(settings, invalid, problem):
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": invalid}

    with pytest.raises(ConfigurationError) as caught:
        encrypt_private_key(b"the key", **OWNER)

    text = problem.format("LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']")
    assert str(caught.value) == f"{text} {HOW_TO_SET_IT}"


def test_a_new_entry_is_long_enough_and_unique():
    assert len(new_encryption_key()) == 43
    assert new_encryption_key() != new_encryption_key()


def fail(*args):
    raise RuntimeError


def reported(caught, rf):
    """Return the variables that an error report shows for each frame of the package."""
    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()
    ours = [frame for frame in frames if "keys/encryption.py" in frame["filename"]]
    return [frame["vars"] for frame in ours]


def test_an_error_report_of_failed_encryption_does_not_show_the_key(monkeypatch, rf):
    monkeypatch.setattr(Fernet, "encrypt", fail)

    with pytest.raises(RuntimeError) as caught:
        encrypt_private_key(b"the key", **OWNER)

    shown = reported(caught, rf)
    assert shown != []
    assert [value for values in shown for value in values] == []


@pytest.mark.parametrize("place", [f"{Fernet.__module__}.Fernet.encrypt", "json.loads"])
def test_an_error_report_of_failed_reencryption_does_not_show_the_key(
    entries, monkeypatch, rf, place
):
    entries[:] = [OLD]
    ciphertext = encrypt_private_key(b"the key", **OWNER)
    entries[:] = [NEW, OLD]
    monkeypatch.setattr(place, fail)

    with pytest.raises(RuntimeError) as caught:
        reencrypt_private_key(ciphertext, **OWNER)

    shown = reported(caught, rf)
    assert shown != []
    assert [value for values in shown for value in values] == []


def test_it_is_known_without_decrypting_which_entry_encrypted_a_key(entries):
    ciphertext = encrypt_private_key(b"the key", **OWNER)
    entries[:] = [OLD, NEW]
    known = has_encryption_key(ciphertext)
    entries[:] = [OLD]
    unknown = has_encryption_key(ciphertext)

    assert (known, unknown) == (True, False)


@pytest.mark.parametrize("left", [[], ["short"]])
def test_without_a_valid_entry_no_key_can_be_decrypted(entries, left):
    ciphertext = encrypt_private_key(b"the key", **OWNER)
    entries[:] = left

    assert not has_encryption_key(ciphertext)


def test_a_text_of_another_version_has_no_encryption_key():
    ciphertext = encrypt_private_key(b"the key", **OWNER)

    assert not has_encryption_key(ciphertext.replace("lid1", "lid2"))
