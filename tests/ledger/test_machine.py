"""Users are created, changed, deleted and created again: no two ever share an ID."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import settings as exploration
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from django_layer_identity import ledger
from django_layer_identity.exceptions import LedgerConflict, Refusal
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerApp, LayerUser
from tests.endpoint import configure

# So few that users collide: in case, in Unicode form, by a trailing space.
EMAILS = st.sampled_from(
    ["", "a@x.org", "A@x.org", "é@x.org", "e\u0301@x.org", "a@x.org "]
)
NORMALIZERS = st.sampled_from([None, "casefold"])
CHANGES = st.sampled_from(["keep", "follow", "refuse"])
EXPECTED = st.sampled_from([None, "a@x.org", "é@x.org"])


class UserLives(RuleBasedStateMachine):
    """A person is one created user; another person may get the primary key later."""

    people = Bundle("people")
    freed = Bundle("freed")  # primary keys of deleted users

    def __init__(self, layer_identity):
        super().__init__()
        self.layer_identity = layer_identity  # the settings
        self.owners = {}  # Layer user ID -> the person who got it
        self.transaction = transaction.atomic()
        self.transaction.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @initialize(change=CHANGES, normalizer=NORMALIZERS)
    def start(self, change, normalizer):
        self.configure(change, normalizer)

    @rule(change=CHANGES, normalizer=NORMALIZERS)
    def configure(self, change, normalizer):
        self.layer_identity.update(USER_ID_CHANGE=change, USER_ID_NORMALIZER=normalizer)

    @rule(target=people, email=EMAILS)
    def create_person(self, email):
        return self.create(email)

    @rule(target=people, email=EMAILS, pk=consumes(freed))
    def create_person_with_a_freed_primary_key(self, email, pk):
        return self.create(email, pk=pk)

    def create(self, email, **key):
        person = str(uuid4())
        user = User.objects.create(username=person, email=email, **key)
        return person, user.pk

    @rule(person=people, email=EMAILS)
    def change_email(self, person, email):
        User.objects.filter(username=person[0]).update(email=email)

    @rule(target=freed, person=consumes(people), by_hand=st.booleans())
    def delete_person(self, person, by_hand):
        user = User.objects.filter(username=person[0])
        if by_hand:
            user.get().delete()
        else:
            user.delete()
        return person[1]

    @rule(person=people, expected=EXPECTED)
    def ask_for_token(self, person, expected):
        before = list(LayerUser.objects.values())
        user = User.objects.get(username=person[0])
        try:
            issued = issue_identity_token(user, uuid4().hex, expected_user_id=expected)
        except Refusal:
            assert list(LayerUser.objects.values()) == before
            return
        assert expected in (None, issued.user_id)
        assert self.owners.setdefault(issued.user_id, person) == person

    @rule(
        person=people,
        user_id=EMAILS.filter(bool),
        operation=st.sampled_from(["import_user_id", "rename"]),
    )
    def import_or_rename(self, person, user_id, operation):
        app, user = LayerApp.objects.get(), User.objects.get(username=person[0])
        try:
            getattr(ledger, operation)(app, user, user_id)
        except LedgerConflict:
            return
        assert self.owners.setdefault(user_id, person) == person

    @rule(person=people, user_id=EMAILS.filter(bool))
    def reassign(self, person, user_id):
        entry = LayerUser.objects.find(LayerApp.objects.get(), user_id)
        if entry is None or entry.current_for_id == person[1]:
            return
        user = User.objects.get(username=person[0])
        ledger.reassign(entry, user, reason="Requested by the user.", user_id=user_id)
        self.owners[user_id] = person

    @invariant()
    def each_entry_has_its_owner(self):
        alive = dict(User.objects.values_list("username", "pk"))
        held = LayerUser.objects.exclude(owner=None).values_list("user_id", "owner")
        assert dict(held) == {
            user_id: pk for user_id, (name, pk) in self.owners.items() if name in alive
        }

    @invariant()
    def no_id_is_ever_removed(self):
        assert LayerUser.objects.count() == len(self.owners)


@pytest.mark.django_db
def test_no_two_users_ever_share_an_id(settings, key):
    configure(settings, USER_ID="email")

    run_state_machine_as_test(
        lambda: UserLives(settings.LAYER_IDENTITY),
        settings=exploration(
            max_examples=100,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )
