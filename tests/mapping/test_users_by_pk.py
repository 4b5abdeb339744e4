"""Users are found by the text of their primary keys."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from django_layer_identity.mapping.users import users_by_pk
from tests.models import Member, Officer


def test_users_are_found_in_one_query(db, django_assert_num_queries):
    alice, bob, _ = (User.objects.create(username=name) for name in ("a", "b", "c"))

    with django_assert_num_queries(1):
        found = users_by_pk([str(alice.pk), str(bob.pk), "4711"])

    assert found == {str(alice.pk): alice, str(bob.pk): bob}


@pytest.mark.parametrize("text", ["x", "", "9" * 40, f"-{'9' * 40}", "1.5", "\0", "²"])
def test_a_text_that_is_not_a_number_is_left_out(db, text):
    alice = User.objects.create(username="alice")

    assert users_by_pk([text, str(alice.pk)]) == {str(alice.pk): alice}


def test_a_primary_key_may_be_a_text(settings, db):
    settings.AUTH_USER_MODEL = "tests.Member"
    member = Member.objects.create(email="alice@example.com")

    assert users_by_pk(["alice@example.com", "x" * 300]) == {
        "alice@example.com": member
    }


def test_a_primary_key_may_be_a_link_to_another_model(settings, db):
    settings.AUTH_USER_MODEL = "tests.Officer"
    officer = Officer.objects.create(number=7)

    assert users_by_pk([str(officer.pk), "x"]) == {str(officer.pk): officer}
