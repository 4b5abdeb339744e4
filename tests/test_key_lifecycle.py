"""The lifecycle of a signing key: allowed, refused and irreversible transitions."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.template import Context, Template
from django.utils import timezone

from django_layer_identity import keyring
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.exceptions import (
    DamagedCiphertext,
    InvalidKey,
    InvalidReason,
    KeyExists,
    KeyStateError,
    NotFound,
    WrongEncryptionKey,
)
from django_layer_identity.models import (
    LayerApp,
    LayerUser,
    SigningKey,
    SpentNonce,
)
from tests import internals
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import configure


def refusal_message(operation, *args, kind=KeyStateError):
    with pytest.raises(kind) as caught:
        operation(*args)
    return str(caught.value)


def stored(key):
    return SigningKey.objects.get(pk=key.pk)


@pytest.fixture
def other_app(db):
    return LayerApp.objects.create(
        name="Test", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )


@pytest.fixture
def retired(key):
    key.retire()
    return key


def test_a_draft_becomes_ready_with_its_id_and_a_self_test(draft):
    assert draft.state == "draft"

    draft.set_key_id(str(OTHER_KEY_ID).upper())

    draft.refresh_from_db()
    assert draft.key_id == OTHER_KEY_ID
    assert draft.state == "draft"

    draft.run_self_test()

    draft.refresh_from_db()
    assert draft.tested_at is not None
    assert draft.state == "ready"


def test_a_wrong_id_can_be_corrected_until_tokens_were_signed(draft):
    draft.set_key_id(KEY_ID)
    draft.set_key_id(OTHER_KEY_ID)
    draft.activate()

    assert refusal_message(draft.set_key_id, KEY_ID) == (
        "The key ID cannot change, because this key was active or is revoked."
    )


def test_a_revoked_draft_cannot_get_a_key_id(draft):
    draft.revoke("leaked")

    assert refusal_message(draft.set_key_id, KEY_ID) == (
        "The key ID cannot change, because this key was active or is revoked."
    )
    assert stored(draft).key_id is None


def test_activating_retires_the_former_key(key, draft):
    draft.set_key_id(OTHER_KEY_ID)
    draft.activate()

    key.refresh_from_db()
    assert (draft.state, key.state) == ("active", "retired")
    assert key.retired_at == draft.activated_at
    assert LayerApp.objects.get().active_key == draft


def test_a_retired_key_can_be_activated_again(key, draft):
    draft.set_key_id(OTHER_KEY_ID)
    draft.activate()
    key.activate()

    draft.refresh_from_db()
    assert (draft.state, key.state) == ("retired", "active")


def test_activating_an_active_key_changes_nothing(key):
    since = key.activated_at

    key.activate()

    assert key.activated_at == since
    assert key.state == "active"


def test_activating_an_active_key_retires_no_key(key):
    assert key.activate_replacing(key.pk) is None


def test_each_app_has_its_own_active_key(key, other_app, other_private_key):
    other = SigningKey.from_private_key(other_app, other_private_key, key_id=KEY_ID)
    other.save()
    other.activate()

    key.refresh_from_db()
    assert (key.state, other.state) == ("active", "active")


def test_a_draft_is_not_activated(draft):
    assert refusal_message(draft.activate) == (
        "Enter a key ID for this key first (layer_key_set_id)."
    )
    assert draft.state == "draft"


def test_a_key_that_cannot_be_decrypted_is_not_activated(key, draft, settings):
    draft.set_key_id(OTHER_KEY_ID)
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": ["x" * 32]}

    with pytest.raises(WrongEncryptionKey):
        draft.activate()

    key.refresh_from_db()
    assert key.state == "active"


def test_a_public_key_that_does_not_match_is_not_activated(key, draft):
    draft.set_key_id(OTHER_KEY_ID)
    SigningKey.objects.filter(pk=draft.pk).update(public_key=key.public_key)

    assert refusal_message(draft.activate) == (
        "The public key does not belong to the private key."
    )
    key.refresh_from_db()
    assert key.state == "active"


def test_after_a_retirement_the_app_has_no_active_key(key):
    key.retire()

    assert key.state == "retired"
    with pytest.raises(SigningKey.DoesNotExist):
        LayerApp.objects.get().active_key  # noqa: B018


def test_only_an_active_key_can_be_retired(draft):
    assert (
        refusal_message(draft.retire)
        == "Only an active key can be retired. This key is draft."
    )


def test_revoking_destroys_the_private_key(key):
    key.revoke("leaked")

    key.refresh_from_db()
    assert key.state == "revoked"
    assert key.encrypted_private_key == ""
    assert key.public_key != ""


def test_revoking_is_permanent(key):
    key.revoke("leaked")
    since = key.revoked_at
    key.revoke("leaked")

    assert key.revoked_at == since
    assert (
        refusal_message(key.activate)
        == "A revoked key cannot sign. Activate another key."
    )
    assert refusal_message(key.set_key_id, OTHER_KEY_ID) == (
        "The key ID cannot change, because this key was active or is revoked."
    )
    assert (
        refusal_message(key.retire)
        == "Only an active key can be retired. This key is revoked."
    )


def test_a_stale_object_cannot_activate_a_revoked_key(key):
    stale = SigningKey.objects.get()
    key.revoke("leaked")

    assert (
        refusal_message(stale.activate)
        == "A revoked key cannot sign. Activate another key."
    )
    assert SigningKey.objects.get().state == "revoked"


def test_a_stale_object_cannot_retire_a_revoked_key(key):
    stale = stored(key)
    key.revoke("leaked")

    assert (
        refusal_message(stale.retire)
        == "Only an active key can be retired. This key is revoked."
    )
    assert stored(key).state == "revoked"


def test_a_self_test_is_recorded_and_activates_nothing(draft):
    draft.set_key_id(OTHER_KEY_ID)
    draft.run_self_test()

    assert stored(draft).tested_at == draft.tested_at is not None
    assert stored(draft).state == "ready"


def test_a_failed_self_test_is_not_recorded(draft, key):
    draft.set_key_id(OTHER_KEY_ID)
    SigningKey.objects.filter(pk=draft.pk).update(public_key=key.public_key)

    assert refusal_message(draft.run_self_test) == (
        "The public key does not belong to the private key."
    )
    assert (stored(draft).state, draft.state) == ("draft", "draft")


def test_a_self_test_of_a_loaded_key_decrypts_the_stored_key(key):
    key.load_signer()
    SigningKey.objects.update(encrypted_private_key="damaged")

    refusal_message(key.run_self_test, kind=DamagedCiphertext)


def test_a_self_test_needs_a_key_id(draft):
    assert refusal_message(draft.run_self_test) == (
        "Enter a key ID for this key first (layer_key_set_id)."
    )


def test_activating_runs_the_self_test(draft):
    draft.set_key_id(OTHER_KEY_ID)
    draft.activate()

    assert stored(draft).tested_at is not None


# Revoke


@pytest.mark.parametrize("state", ["draft", "ready", "active", "retired", "destroyed"])
def test_a_key_is_revoked_from_any_state(draft, state):
    if state != "draft":
        draft.set_key_id(OTHER_KEY_ID)
        draft.run_self_test()
    if state in ("active", "retired", "destroyed"):
        draft.activate()
    if state in ("retired", "destroyed"):
        draft.retire()
    if state == "destroyed":
        draft.destroy_private_key()

    draft.revoke("  The laptop it was on is lost. ")

    key = stored(draft)
    assert (key.state, key.active_for) == ("revoked", None)
    assert key.revocation_reason == "The laptop it was on is lost."
    assert key.encrypted_private_key == ""
    assert key.destroyed_at is not None


@pytest.mark.parametrize(
    "reason", ["", "  \n", "x" * 201], ids=["none", "blank", "long"]
)
def test_a_key_is_not_revoked_without_a_reason(key, reason):
    assert refusal_message(key.revoke, reason, kind=InvalidReason) == (
        "Give a reason of 1 to 200 characters."
    )
    assert stored(key).state == "active"


@pytest.mark.parametrize(
    "reason",
    ["-----BEGIN PRIVATE KEY-----", "M" * 65, "M" * 64 + "\n" + "M" * 64],
    ids=["beginning", "run", "lines"],
)
def test_a_reason_must_not_contain_a_private_key(key, reason):
    assert refusal_message(key.revoke, reason, kind=InvalidReason) == (
        "A reason must not contain a private key or a part of one."
    )
    assert stored(key).state == "active"


def test_a_reason_can_contain_a_fingerprint(key):
    key.revoke(f"Replaced by {key.fingerprint}.")

    assert stored(key).state == "revoked"


def test_a_key_revoked_twice_keeps_its_first_reason(key):
    key.revoke("first")
    key.revoke("second")

    assert stored(key).revocation_reason == "first"


# Destroy


def test_the_private_key_of_a_retired_key_can_be_destroyed(retired):
    retired.destroy_private_key()

    key = stored(retired)
    assert (key.state, key.encrypted_private_key) == ("retired", "")
    assert (
        refusal_message(key.activate)
        == "The private key of this key was destroyed. Activate another key."
    )


def test_destroying_twice_keeps_the_first_time(retired):
    retired.destroy_private_key()
    since = retired.destroyed_at
    retired.destroy_private_key()

    assert stored(retired).destroyed_at == since


def test_only_the_private_key_of_a_retired_key_can_be_destroyed(key, draft):
    assert (
        refusal_message(key.destroy_private_key)
        == "Only a retired key's private key can be destroyed. This key is active."
    )
    assert (
        refusal_message(draft.destroy_private_key)
        == "Only a retired key's private key can be destroyed. This key is draft."
    )
    assert stored(key).encrypted_private_key != ""


def test_a_private_key_in_a_signing_backend_is_not_destroyed(retired):
    SigningKey.objects.update(signer="hsm", encrypted_private_key="")

    assert refusal_message(retired.destroy_private_key) == (
        "The signing backend 'hsm' holds the private key: destroy it there."
    )

    retired.revoke("leaked")

    assert (stored(retired).state, stored(retired).destroyed_at) == ("revoked", None)


# Delete


def test_an_active_key_is_not_deleted(key):
    message = "An active key cannot be deleted. Retire or revoke it first."

    assert refusal_message(key.delete) == message
    assert refusal_message(SigningKey.objects.all().delete) == message
    assert stored(key) == key


def test_a_queryset_with_an_active_key_deletes_no_key(key, draft):
    refusal_message(SigningKey.objects.all().delete)

    assert SigningKey.objects.count() == 2


def test_a_key_that_matches_later_is_not_deleted(key, draft):
    SigningKey.objects.filter(pk=draft.pk).update(bits=3072)
    found = SigningKey.objects.filter(bits=3072)

    def match_the_other_key(execute, sql, *args):
        if "DELETE" in sql:
            with connection.cursor() as cursor:
                cursor.cursor.execute(
                    "UPDATE layer_identity_signingkey SET bits = 3072"
                )
        return execute(sql, *args)

    with connection.execute_wrapper(match_the_other_key):
        found.delete()

    assert list(SigningKey.objects.all()) == [key]


def test_a_key_that_is_not_active_is_deleted(retired):
    assert retired.delete() == (1, {"layer_identity.SigningKey": 1})

    assert retired.pk is None
    assert not SigningKey.objects.exists()


def test_a_queryset_is_empty_after_its_deletion(retired):
    found = SigningKey.objects.filter(pk=retired.pk)
    assert list(found) == [retired]

    found.delete()

    assert list(found) == []


def test_a_deleted_key_is_not_found(retired):
    stale = stored(retired)
    retired.delete()

    assert (
        refusal_message(stale.activate, kind=NotFound)
        == "This signing key was deleted."
    )


# Save


def test_saving_a_stale_object_does_not_restore_a_revoked_key(key):
    stale = stored(key)
    key.revoke("leaked")

    assert refusal_message(stale.save) == (
        "save() cannot change active_for_id, revoked_at, revocation_reason, destroyed_at, "
        "encrypted_private_key. Call refresh_from_db() first, then a method such as "
        "set_key_id(), activate() or retire()."
    )
    assert stored(key).state == "revoked"


def test_saving_a_stale_object_does_not_undo_a_reencryption(key, settings):
    stale = stored(key)
    [entry] = settings.LAYER_IDENTITY["KEY_ENCRYPTION_KEYS"]
    new = "a new entry for tests, longer than 32 characters"
    configure(settings, KEY_ENCRYPTION_KEYS=[new, entry])
    call_command("layer_key_reencrypt", stdout=StringIO(), stderr=StringIO())

    assert refusal_message(stale.save).startswith(
        "save() cannot change encrypted_private_key. "
    )
    configure(settings, KEY_ENCRYPTION_KEYS=[new])
    stored(key).load_signer()


def test_an_active_key_that_is_activated_again_can_be_saved(key):
    key.activate()
    key.save()

    assert stored(key).tested_at == key.tested_at


def test_a_damaged_public_key_is_reported(key):
    SigningKey.objects.filter(pk=key.pk).update(public_key="damaged")

    with pytest.raises(
        InvalidKey,
        match=r"^The stored public key is damaged\. Restore that row from a backup\.$",
    ):
        key.run_self_test()


def test_saving_cannot_change_the_id_of_a_key_that_was_active(retired):
    retired.key_id = OTHER_KEY_ID

    assert refusal_message(retired.save) == (
        "save() cannot change key_id. Call refresh_from_db() first, then a method such "
        "as set_key_id(), activate() or retire()."
    )
    assert stored(retired).key_id == KEY_ID


def test_a_key_id_that_is_given_as_text_is_compared_as_a_uuid(retired):
    retired.key_id = str(KEY_ID).upper()
    retired.save()

    assert stored(retired).key_id == KEY_ID


def test_saving_can_change_the_id_of_a_key_that_was_never_active(draft):
    draft.key_id = OTHER_KEY_ID
    draft.save()

    assert stored(draft).key_id == OTHER_KEY_ID


def test_fields_outside_the_life_cycle_can_be_saved(key):
    key.last_used_at = key.activated_at
    key.save()

    assert stored(key).last_used_at == key.activated_at


@pytest.mark.parametrize(
    "field", ["tested_at", "activated_at", "retired_at", "revoked_at", "destroyed_at"]
)
def test_a_new_key_must_be_a_draft(app, private_key, field):
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    setattr(key, field, timezone.now())

    assert refusal_message(key.save) == (
        f"A new key must not have {field}. Save the key first, then call a method such as "
        "activate(), retire() or revoke()."
    )
    assert not SigningKey.objects.exists()


def test_a_new_key_must_not_be_active_or_revoked(app, private_key):
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.active_for, key.revocation_reason = app, "leaked"

    assert refusal_message(key.save) == (
        "A new key must not have active_for_id, revocation_reason. Save the key first, "
        "then call a method such as activate(), retire() or revoke()."
    )


def test_a_refused_transition_leaves_the_object_unchanged(key, draft):
    with pytest.raises(KeyExists):
        draft.set_key_id(KEY_ID)

    assert draft.key_id is None


def test_an_activation_is_refused_if_the_active_key_has_changed(key, draft):
    draft.set_key_id(OTHER_KEY_ID)

    assert refusal_message(draft.activate_replacing, None) == (
        f"Another key ({KEY_ID}) was activated at the same time. Reload and try again."
    )
    assert (stored(key).state, stored(draft).state) == ("active", "draft")


def test_a_key_can_replace_a_key_that_was_revoked_in_the_meantime(key, draft):
    draft.set_key_id(OTHER_KEY_ID)
    former = key.pk
    key.revoke("leaked")

    draft.activate_replacing(former)

    assert stored(draft).state == "active"


@pytest.mark.django_db(transaction=True)
def test_a_retried_activation_does_not_reload_the_former_key(
    retired, draft, before_key_lock, monkeypatch
):
    draft.set_key_id(OTHER_KEY_ID)

    def lose(key):
        raise OperationalError("database is locked")

    before_key_lock(lose)
    monkeypatch.setattr(internals.RETRY_SLEEP, lambda pause: stored(retired).activate())

    assert refusal_message(draft.activate) == (
        f"Another key ({KEY_ID}) was activated at the same time. Reload and try again."
    )
    assert stored(retired).state == "active"


def test_a_new_key_does_not_replace_a_key_activated_in_the_meantime(
    key, before_key_write
):
    key.retire()
    before_key_write(key.activate)

    with pytest.raises(KeyStateError, match=f"Another key .{KEY_ID}. was activated"):
        keyring.generate_private_key(key.app, key_id=OTHER_KEY_ID, activate=True)
    assert SigningKey.objects.get() == key


@pytest.mark.django_db(transaction=True)
def test_a_transition_is_retried_when_the_database_is_busy(key, before_key_lock):
    def fail(key):
        raise OperationalError("database is locked")

    before_key_lock(fail)
    key.retire()

    assert stored(key).state == "retired"


@pytest.mark.parametrize("fixture", ["draft", "key", "retired"])
def test_a_template_cannot_change_a_key(request, fixture):
    key = request.getfixturevalue(fixture)
    before = SigningKey.objects.values().get()
    template = Template(
        "{{ key.retire }}{{ key.destroy_private_key }}{{ key.activate }}"
        "{{ key.run_self_test }}{{ key.reencrypt_private_key }}"
    )

    assert template.render(Context({"key": key})) == ""
    assert SigningKey.objects.values().get() == before


@pytest.mark.parametrize(
    "method",
    [
        *(SigningKey.save, SigningKey.delete, SigningKey.save_unique),
        *(SigningKey.set_key_id, SigningKey.run_self_test, SigningKey.revoke),
        *(SigningKey.objects.all().delete, LayerApp.save),
        *(LayerApp.objects.all().update, LayerApp.objects.update),
        *(LayerApp.objects.freeze, LayerApp.objects.get_or_create_exact),
        *(LayerUser.objects.switch, LayerUser.objects.reassign),
        *(SpentNonce.objects.reserve, SpentNonce.objects.purge),
        *(AuditEntry.objects.purge, AuditEntry.objects.all().purge),
    ],
    ids=lambda method: method.__qualname__,
)
def test_templates_do_not_call_a_method_that_writes(method):
    assert method.alters_data
