"""Life-cycle transitions in random order: the invariants always hold."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from django_layer_identity import keyring
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.keyring import reencrypt_private_keys
from django_layer_identity.keys.encryption import decrypt_private_key
from django_layer_identity.keys.rsa import verify_signature
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, PROVIDER_ID
from tests.key_pairs import load_private_key
from tests.keys.test_rsa import as_pem

PAIRS = [load_private_key(name) for name in ("first", "second", "third")]
IDS = [UUID(int=number) for number in range(1, 4)]
ENTRIES = [f"entry {number} of more than thirty-two characters" for number in range(4)]

key_numbers = st.integers(0, len(PAIRS) - 1)


@dataclass(frozen=True)
class Expected:
    """The expected state of a key."""

    key_id: UUID | None = None
    state: str = "draft"
    was_active: bool = False
    is_tested: bool = False
    is_destroyed: bool = False

    @property
    def can_sign(self):
        return self.key_id and not self.is_destroyed


class KeyLifeCycles(RuleBasedStateMachine):
    """Three key pairs of one app; transitions may run on stale objects."""

    @initialize()
    def begin(self):
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.entries = [ENTRIES[0]]
        configured = {"KEY_ENCRYPTION_KEYS": self.entries}
        self.settings = override_settings(LAYER_IDENTITY=configured)
        self.settings.enable()
        self.app = LayerApp.objects.create(
            name="M", app_id=APP_ID, provider_id=PROVIDER_ID
        )
        self.was_any_active = False
        self.expected: dict[int, Expected] = {}
        self.old: dict[int, list[SigningKey]] = {number: [] for number in range(3)}

    def teardown(self):
        self.settings.disable()
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    def key(self, number, is_old=False):
        """Return the key as it is stored, or the object that was loaded first."""
        if is_old and self.old[number]:
            return self.old[number][0]
        key = SigningKey.objects.get(fingerprint=PAIRS[number].fingerprint)
        self.old[number].append(key)
        return key

    def run(self, is_allowed, function, *args, **kwargs):
        """Run the function; check that it is refused if, and only if, it is not allowed."""
        outcome = nullcontext() if is_allowed else pytest.raises(LayerIdentityError)
        with outcome, transaction.atomic():
            function(*args, **kwargs)

    def change(self, number, is_allowed, **changes):
        if is_allowed:
            self.expected[number] = replace(self.expected[number], **changes)
            self.was_any_active |= self.expected[number].was_active

    def is_free(self, key_id, number):
        others = {n: key.key_id for n, key in self.expected.items() if n != number}
        return key_id not in others.values()

    def retire_active(self):
        for number, key in self.expected.items():
            if key.state == "active":
                self.expected[number] = replace(key, state="retired")

    @rule(
        number=key_numbers,
        key_id=st.none() | st.sampled_from(IDS),
        activate=st.booleans(),
    )
    def import_key(self, number, key_id, activate):
        is_free = key_id is None or self.is_free(key_id, number)
        is_allowed = number not in self.expected and is_free
        is_allowed = is_allowed and (key_id is not None or not activate)
        self.run(
            is_allowed,
            keyring.import_private_key,
            *(self.app, as_pem(PAIRS[number])),
            key_id=key_id,
            activate=activate,
        )
        if is_allowed:
            state = "ready" if key_id else "draft"
            self.old[number] = []
            self.expected[number] = Expected(
                key_id, state, is_tested=key_id is not None
            )
            if activate:
                self.retire_active()
                self.change(number, True, state="active", was_active=True)
            self.key(number)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), key_id=st.sampled_from(IDS), is_old=st.booleans())
    def set_id(self, data, key_id, is_old):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        known = self.expected[number]
        is_open = not known.was_active and known.state != "revoked"
        is_allowed = is_open and self.is_free(key_id, number)
        self.run(is_allowed, self.key(number, is_old).set_key_id, key_id)
        state = "ready" if known.is_tested else "draft"
        self.change(number, is_allowed, key_id=key_id, state=state)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), is_old=st.booleans())
    def self_test(self, data, is_old):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        known = self.expected[number]
        is_allowed = bool(known.can_sign)
        self.run(is_allowed, self.key(number, is_old).run_self_test)
        state = "ready" if known.state == "draft" else known.state
        self.change(number, is_allowed, is_tested=True, state=state)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), is_old=st.booleans())
    def activate(self, data, is_old):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        is_allowed = bool(self.expected[number].can_sign)
        self.run(is_allowed, self.key(number, is_old).activate)
        if is_allowed:
            self.retire_active()
        active = {"state": "active", "was_active": True, "is_tested": True}
        self.change(number, is_allowed, **active)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), is_old=st.booleans())
    def retire(self, data, is_old):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        is_allowed = self.expected[number].state == "active"
        self.run(is_allowed, self.key(number, is_old).retire)
        self.change(number, is_allowed, state="retired")

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), is_old=st.booleans())
    def revoke(self, data, is_old):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        self.run(True, self.key(number, is_old).revoke, "leaked")
        self.change(number, True, state="revoked", is_destroyed=True)

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), is_old=st.booleans())
    def destroy(self, data, is_old):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        is_allowed = self.expected[number].state == "retired"
        self.run(is_allowed, self.key(number, is_old).destroy_private_key)
        self.change(number, is_allowed, is_destroyed=True)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def delete(self, data):
        number = data.draw(st.sampled_from(sorted(self.expected)))
        is_allowed = self.expected[number].state != "active"
        self.run(is_allowed, self.key(number).delete)
        if is_allowed:
            del self.expected[number]

    @rule(entry=st.sampled_from(ENTRIES))
    def reencrypt(self, entry):
        self.entries[:] = [entry, *self.entries]
        assert reencrypt_private_keys().failures == []
        self.entries[:] = [entry]

    @invariant()
    def keys_have_the_expected_state(self):
        assert {
            key.fingerprint: key.state.value for key in SigningKey.objects.all()
        } == {
            PAIRS[number].fingerprint: key.state
            for number, key in self.expected.items()
        }
        for number, known in self.expected.items():
            key = self.key(number)
            assert key.key_id == known.key_id
            assert bool(key.encrypted_private_key) == (not known.is_destroyed)

    @invariant()
    def at_most_one_key_is_active_and_it_signs(self):
        for key in SigningKey.objects.exclude(active_for=None):
            signature = key.load_signer().sign(b"message")
            assert verify_signature(key.public_key, b"message", signature)
            assert LayerApp.objects.get(active_key=key) == self.app
        assert SigningKey.objects.exclude(active_for=None).count() <= 1

    @invariant()
    def every_private_key_is_encrypted_with_the_current_entry(self):
        for key in SigningKey.objects.exclude(encrypted_private_key=""):
            der = decrypt_private_key(
                key.encrypted_private_key, app=key.app_id, fingerprint=key.fingerprint
            )
            assert der in [pair.to_der() for pair in PAIRS]

    @invariant()
    def saving_an_old_object_undoes_nothing(self):
        for number in self.expected:
            before = SigningKey.objects.values().get(
                fingerprint=PAIRS[number].fingerprint
            )
            old = self.key(number, is_old=True)
            life_cycle = (
                "state",
                "key_id",
                "tested_at",
                "activated_at",
                "destroyed_at",
            )
            stale = any(
                getattr(old, n) != getattr(self.key(number), n) for n in life_cycle
            )
            if stale and before["activated_at"]:
                with pytest.raises(LayerIdentityError):
                    old.save()

    @invariant()
    def ids_are_frozen_once_a_key_was_active(self):
        is_frozen = LayerApp.objects.get().frozen_at is not None
        assert is_frozen == self.was_any_active


@pytest.mark.django_db
def test_no_order_of_transitions_breaks_an_invariant():
    run_state_machine_as_test(
        KeyLifeCycles,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
