"""The commands for Layer user IDs, on each database."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from django_layer_identity.collisions import survey_users
from django_layer_identity.models import LayerApp, LayerUser
from tests import internals
from tests.conftest import APP_ID, PROVIDER_ID
from tests.endpoint import configure

pytestmark = [pytest.mark.service, pytest.mark.django_db(databases="__all__")]


@pytest.fixture
def layer_app(database):
    return LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)


def test_collisions_extend_over_pages(database, settings, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 3)
    configure(settings, USER_ID="email")
    emails = [
        "a@x",
        "é@x",
        "b@x",
        "e\u0301@x",
        "A@x",
        "",
        "😀@x",
        "😁@x",
        "a@x",
        "a@x ",
    ]
    User.objects.bulk_create(
        User(username=f"user-{number}", email=email)
        for number, email in enumerate(emails)
    )

    with survey_users(LayerApp()) as survey:
        groups = {
            (group.difference, tuple(user_id for _pk, user_id in group.users))
            for group in survey.groups()
        }
        reasons = [user.reason for user in survey.unusable()]

    assert groups == {
        ("Unicode form", ("é@x", "e\u0301@x")),
        ("case", ("a@x", "A@x", "a@x", "a@x ")),
    }
    assert reasons == ["A Layer user ID must not be blank."]


def test_all_ids_are_imported_or_none(layer_app, tmp_path, capsys):
    for name in ("alice", "bob", "carol"):
        User.objects.create(username=name)
    path = tmp_path / "users.csv"

    path.write_text("alice,é\nbob,e\u0301\ncarol,é\n")
    with pytest.raises(CommandError, match=r"Invalid lines: 1\."):
        call_command("layer_user_import", str(path))
    assert capsys.readouterr().err == (
        "line 3: The Layer user ID belongs, or belonged, to another user.\n"
    )
    assert not LayerUser.objects.exists()

    path.write_text("alice,a\nbob,A\ncarol,a \n")
    call_command("layer_user_import", str(path), exact=True)
    given = LayerUser.objects.values_list("owner__username", "user_id")
    assert sorted(given) == [("alice", "a"), ("bob", "A"), ("carol", "a ")]


def test_a_user_whose_name_has_a_nul_character_is_not_found(
    layer_app, tmp_path, capsys
):
    User.objects.create(username="alice")
    path = tmp_path / "ids.csv"
    path.write_text("alice,a-1\nb\0ob,b-2\n")

    with pytest.raises(CommandError):
        call_command("layer_user_import", str(path))

    assert capsys.readouterr().err == "line 2: There is no user with this name.\n"
