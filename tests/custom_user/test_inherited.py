"""Proxies of the user model, and multi-table inheritance."""

from __future__ import annotations

import pytest

from django_layer_identity import ledger
from django_layer_identity.exceptions import AuthenticationFailed, LedgerConflict
from django_layer_identity.mapping.users import users_by_pk
from django_layer_identity.models import LayerUser
from tests.custom_user.models import Employee, Neighbour, Person, Worker
from tests.endpoint import NONCE, ask, read
from tests.ledger.locks import locks_and_writes, row_locks  # noqa: F401
from tests.ledger.users import assert_refused, change_email, issued_id

OWN_KEY = "Expected an instance of AUTH_USER_MODEL, not Worker."


@pytest.fixture
def alice(create_user):
    return create_user("alice@example.com")


@pytest.fixture
def worker(alice):
    """Another user, whose primary key equals Alice's in the parent table."""
    return Worker.objects.create(email="bob@example.com", badge=alice.pk)


@pytest.mark.parametrize("model", [Employee, Neighbour])
def test_instances_of_subclasses_and_proxies_are_the_same_user(key, model):
    seen = model.objects.create(email="alice@example.com")
    alice = Person.objects.get(pk=seen.pk)

    assert issued_id(seen) == "alice@example.com"
    change_email(alice, "liddell@example.com")

    assert issued_id(alice) == "alice@example.com"
    assert LayerUser.objects.get().owner == alice


@pytest.mark.usefixtures("row_locks")
@pytest.mark.parametrize("model", [Person, Employee, Neighbour])
def test_deleting_an_instance_of_a_subclass_or_proxy_locks_the_user(key, model):
    seen = model.objects.create(email="alice@example.com")
    issued_id(seen)

    assert locks_and_writes(seen.delete)[:2] == ["lock", "write"]


def test_a_primary_key_of_another_table_gets_no_token(key, alice, worker):
    issued_id(alice)

    assert_refused(AuthenticationFailed, worker)
    status, body = read(ask(worker, nonce=NONCE))

    assert (status, body["code"]) == (403, "authentication_failed")
    assert issued_id(Person.objects.get(pk=worker.person_id)) == "bob@example.com"


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_a_primary_key_of_another_table_cannot_get_an_id(app, worker, operation):
    with pytest.raises(LedgerConflict, match=OWN_KEY):
        operation(app, worker, "auth0|17")

    assert not LayerUser.objects.exists()


def test_an_id_is_not_reassigned_to_a_primary_key_of_another_table(app, alice, worker):
    ledger.import_user_id(app, worker.person, "auth0|17")

    with pytest.raises(LedgerConflict, match=OWN_KEY):
        ledger.reassign(LayerUser.objects.get(), worker, reason="The same person.")

    assert LayerUser.objects.get().owner == worker.person


def test_users_with_an_inherited_primary_key_are_found_by_its_text(
    settings, alice, django_assert_num_queries
):
    employee = Employee.objects.create(email="bob@example.com")
    settings.AUTH_USER_MODEL = Employee._meta.label

    with django_assert_num_queries(1):
        found = users_by_pk([str(employee.pk), str(alice.pk), "x"])

    assert found == {str(employee.pk): employee}
