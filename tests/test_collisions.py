"""Before going live: users with colliding Layer user IDs, and users without one."""

from __future__ import annotations

import json
import os
import sys
import tracemalloc

import pytest
from django.contrib.auth.models import User
from django.core.management import (
    CommandError,
    call_command,
    execute_from_command_line,
)
from django.db import OperationalError, ProgrammingError
from django.db.models import QuerySet

from django_layer_identity.collisions import Group, Unusable, survey_users
from django_layer_identity.exceptions import ConfigurationError, SurveyFailed
from django_layer_identity.models import LayerApp, LayerUser
from tests import internals
from tests.conftest import APP_ID
from tests.endpoint import configure
from tests.internals import SURVEY_FOLDER_ACCESS, fill_disk_of_survey
from tests.models import Member, Profile

pytestmark = pytest.mark.django_db
DATABASE_FAILED = (
    "The database failed, so the command did not finish. If a table or a column is missing, "
    "run “manage.py migrate”. If the database was busy or unavailable, run the command again."
)


@pytest.fixture
def create_users(settings):
    """Return a function that creates users with these e-mail addresses as user IDs."""
    configure(settings, USER_ID="email")

    def create_users(*emails):
        return User.objects.bulk_create(
            User(pk=number, username=f"user-{number}", email=email)
            for number, email in enumerate(emails, start=1)
        )

    return create_users


def found(**options):
    with survey_users(LayerApp(), **options) as survey:
        groups, unusable = list(survey.groups()), list(survey.unusable())
        assert (survey.group_count, survey.unusable_count) == (
            len(groups),
            len(unusable),
        )
        return groups, unusable


def test_users_with_different_ids_are_accepted(create_users):
    create_users("alice@example.com", "bob@example.com", "1234567", "12345678")

    assert found() == ([], [])


@pytest.mark.parametrize(
    ("emails", "difference"),
    [
        (("alice@x.com", "alice@x.com"), "same"),
        (("alice@x.com", "Alice@x.com"), "case"),
        (("straße", "STRASSE"), "case"),
        (("alice@x.com", "alice@x.com "), "white space"),
        (("alice@x.com", "\u3000ａlice@x.com"), "white space"),
        (("alice@x.com", "Alice@x.com "), "case"),
        (("zoë@x.com", "zoe\u0308@x.com"), "Unicode form"),
        (("alice@x.com", "ａlice@x.com"), "Unicode form"),
        (("alice@x.com", "ali\u200bce@x.com"), "Unicode form"),
        (("alice@x.com", "\u202aALICE@x.com"), "case"),
        (("+442070313000", "+44 20 7031-3000"), "phone format"),
        (("+442070313000", "0044 (20) 7031.3000"), "phone format"),
        (("+442070313000", "+44 (0)20 7031 3000"), "phone format"),
        (("020 7031 3000", "02070313000"), "phone format"),
        (("+999 1234567", "009991234567"), "phone format"),
    ],
)
def test_the_same_or_similar_ids_form_a_group(create_users, emails, difference):
    create_users("another@x.com", *emails, "+442070313001", "3001")

    users = [(2, emails[0]), (3, emails[1])]
    same = 2 if difference == "same" else 0
    assert found() == ([Group(difference, 2, same, users)], [])


def test_national_numbers_are_compared_with_their_region(create_users, settings):
    create_users("020 7031 3000", "+442070313000")
    assert found() == ([], [])

    configure(settings, PHONE_REGION="GB")
    users = [(1, "020 7031 3000"), (2, "+442070313000")]
    assert found() == ([Group("phone format", 2, 0, users)], [])


def test_phone_numbers_are_also_compared_without_the_extra(create_users, monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    create_users("+442070313000", "0044 (20) 7031.3000")

    [group], unusable = found()
    assert (group.difference, group.count, unusable) == ("phone format", 2, [])


def test_normalized_ids_are_compared(create_users, settings):
    configure(settings, USER_ID="email", USER_ID_NORMALIZER="casefold")
    create_users("Alice", "alice", "ALICE")

    users = [(1, "alice"), (2, "alice"), (3, "alice")]
    assert found() == ([Group("same", 3, 3, users)], [])


def test_users_with_exactly_the_same_id_are_counted_in_a_group(create_users):
    create_users("a", "A", "b", "a", "B", "A", "A ", "b ", "a ", "A")

    groups, _unusable = found()
    assert sorted((len(g.users), g.difference, g.same) for g in groups) == [
        (3, "case", 0),
        (7, "case", 5),
    ]


def test_twenty_users_of_a_large_group_are_shown(create_users):
    create_users(*["alice@x.com"] * 30)

    [group], _unusable = found()
    assert (group.count, group.users) == (
        30,
        [(n, "alice@x.com") for n in range(1, 21)],
    )


def test_memory_use_does_not_grow_with_a_group(create_users, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 50)
    create_users(
        *(f"{'A' * (n % 100)}{'a' * (100 - n % 100)}@x.com" for n in range(4000))
    )

    with survey_users(LayerApp()) as survey:
        tracemalloc.start()
        [group] = survey.groups()
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert (group.difference, group.count, len(group.users)) == ("case", 4000, 20)
    assert peak < 500_000  # bytes


@pytest.mark.parametrize(
    ("last", "difference"),
    [("a\u200bé@x.com", "Unicode form"), ("Aé@x.com", "case")],
)
def test_the_last_user_of_a_large_group_counts(create_users, last, difference):
    create_users(*["aé@x.com"] * 30, last, *["aé@x.com"] * 30)

    [group], _unusable = found()
    assert (group.difference, group.count) == (difference, 61)


def test_groups_extend_over_pages(create_users, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 2)
    create_users("a", "b", "A", "c", "B", "d", "b")

    groups, _unusable = found()

    members = sorted([pk for pk, _user_id in group.users] for group in groups)
    assert members == [[1, 3], [2, 5, 7]]


def test_users_deleted_during_the_run_do_not_form_a_group(create_users):
    create_users("a", "A", "b", "B", "B", "c", "C")

    with survey_users(LayerApp()) as survey:
        User.objects.filter(pk__in=[1, 5]).delete()
        User.objects.filter(pk__in=[6, 7]).update(email="")
        groups = list(survey.groups())

    assert groups == [Group("case", 2, 0, [(3, "b"), (4, "B")])]


def raise_for_bob(context):
    if context.user.email == "bob":
        raise LookupError("the directory is down")
    return context.user.email


def test_users_without_an_id_are_listed_with_the_reason(create_users, settings):
    configure(
        settings,
        USER_ID=raise_for_bob,
        USER_ID_VERIFIED=lambda context: context.user.email != "unverified",
    )
    create_users("", "alice", "bob", "x" * 129, "unverified")

    assert found() == (
        [],
        [
            Unusable(1, "A Layer user ID must not be blank."),
            Unusable(3, "USER_ID failed: LookupError."),
            Unusable(4, "A Layer user ID must have at most 128 characters."),
            Unusable(
                5,
                "This user's Layer user ID is not verified: verify it, then try again.",
            ),
        ],
    )


def test_an_invalid_setting_is_reported_once(create_users, settings):
    configure(settings, USER_ID="nickname")
    create_users("alice", "bob")

    with pytest.raises(ConfigurationError, match="'nickname' does not exist"):
        found()


def test_the_primary_key_can_be_text(settings):
    settings.AUTH_USER_MODEL = "tests.Member"
    Member.objects.bulk_create([Member(email="alice"), Member(email="Alice")])

    users = [("Alice", "Alice"), ("alice", "alice")]
    assert found() == ([Group("case", 2, 0, users)], [])


def test_related_rows_are_loaded_with_their_users(
    create_users, settings, django_assert_num_queries
):
    configure(
        settings,
        USER_ID="profile.phone_number",
        USER_ID_VERIFIED="profile.user.is_active",
    )
    for user in create_users("a", "b"):
        Profile.objects.create(user=user, phone_number=f"+44207031300{user.pk}")

    with django_assert_num_queries(3):  # the count, the users, the empty last page
        assert found() == ([], [])


@pytest.mark.parametrize("source", ["username.upper", "get_username.upper"])
def test_a_path_without_relations_needs_no_join(
    create_users, settings, django_assert_num_queries, source
):
    configure(settings, USER_ID=source)
    create_users("a", "b")

    with django_assert_num_queries(3):
        assert found() == ([], [])


def test_progress_is_reported(create_users, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 2)
    create_users("a", "b", "c")
    calls = []

    found(progress=lambda done, total: calls.append((done, total)))

    assert calls == [(2, 3), (3, 3)]


def run(capsys, *args):
    """Return standard output, and standard error or the error message."""
    try:
        call_command("layer_user_collisions", *args)
    except CommandError as exc:
        return capsys.readouterr().out, str(exc)
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_command_succeeds_without_collisions(create_users, capsys):
    create_users("alice", "bob")

    assert run(capsys) == ("", "Users: 2. Each has a different Layer user ID.\n")


def test_the_command_lists_collisions_and_fails(create_users, capsys):
    create_users("alice", "Alice", "", *["carol"] * 21)

    out, error = run(capsys)

    assert sorted(out.splitlines()) == sorted(
        [
            "case: 2 users",
            "  1  'alice'",
            "  2  'Alice'",
            "same: 21 users",
            *(f"  {pk}  'carol'" for pk in range(4, 24)),
            "  and 1 more",
            "no usable ID: 3  A Layer user ID must not be blank.",
        ]
    )
    assert error == (
        "Users: 24. Groups with the same or similar Layer user IDs: 2. Users without a "
        "usable Layer user ID: 1."
    )


def test_the_command_counts_users_with_exactly_the_same_id(create_users, capsys):
    create_users("alice", "Alice", "alice")

    out, _error = run(capsys)

    assert out == (
        "case: 3 users, 2 of them with exactly the same ID\n"
        "  1  'alice'\n"
        "  2  'Alice'\n"
        "  3  'alice'\n"
    )


def test_the_command_writes_one_json_object_per_line(create_users, capsys):
    create_users("alice", "Alice", "", "", "bob")

    out, _error = run(capsys, "--json")

    assert [json.loads(line) for line in out.splitlines()] == [
        {
            "difference": "case",
            "count": 2,
            "same": 0,
            "users": [
                {"pk": 1, "user_id": "alice"},
                {"pk": 2, "user_id": "Alice"},
            ],
        },
        {"pk": 3, "reason": "A Layer user ID must not be blank."},
        {"pk": 4, "reason": "A Layer user ID must not be blank."},
    ]


def test_the_command_writes_keys_of_any_kind_as_json(settings, capsys):
    settings.AUTH_USER_MODEL = "tests.Member"
    Member.objects.bulk_create(
        [Member(email="a"), Member(email="A"), Member(email=" ")]
    )

    out, _error = run(capsys, "--json")

    group, unusable = [json.loads(line) for line in out.splitlines()]
    assert group["users"][0] == {"pk": "A", "user_id": "A"}
    assert unusable == {"pk": " ", "reason": "A Layer user ID must not be blank."}


def test_the_command_maps_users_for_one_layer_app(app, create_users, settings, capsys):
    configure(settings, USER_ID=lambda context: context.app.name)
    create_users("alice", "bob")

    out, _error = run(capsys, "--app", str(APP_ID))

    assert out == "same: 2 users\n  1  'Messenger'\n  2  'Messenger'\n"


def test_the_command_needs_a_layer_app_if_there_are_several(app, create_users, capsys):
    LayerApp.objects.create(
        name="Other", app_id=app.provider_id, provider_id=app.provider_id
    )

    assert run(capsys) == (
        "",
        "There are several Layer apps. Name one by its app ID, in a command with --app.",
    )


# Exit status


def exit_status(*args):
    with pytest.raises(SystemExit) as caught:
        execute_from_command_line(["manage.py", "layer_user_collisions", *args])
    return caught.value.code


@pytest.mark.parametrize("emails", [("alice", "Alice"), ("alice", "")])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_status_is_1_for_collisions_and_unusable_ids(
    create_users, emails, options
):
    create_users(*emails)

    assert exit_status(*options) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--app", "x"], "CommandError: An app ID must be a UUID or have the form "),
        (["--app", str(APP_ID)], "CommandError: There is no Layer app with the app "),
        (["--jsn"], "manage.py layer_user_collisions: error: unrecognized arguments"),
    ],
)
def test_the_exit_status_is_2_for_mistakes(create_users, capsys, args, message):
    create_users("alice", "Alice")

    assert exit_status(*args) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(message)


def test_the_exit_status_is_2_for_errors_of_system_checks(
    create_users, settings, capsys
):
    create_users("alice", "Alice")
    configure(settings, USER_ID_NORMALIZER="unknown")

    assert exit_status() == 2
    assert capsys.readouterr().err.startswith("SystemCheckError: ")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            OperationalError("server closed the connection"),
            f"CommandError: {DATABASE_FAILED} Reason: server closed the connection\n",
        ),
        (
            ProgrammingError("no such table: auth_user"),
            f"CommandError: {DATABASE_FAILED} Reason: no such table: auth_user\n",
        ),
    ],
    ids=["no server", "no table"],
)
def test_the_exit_status_is_2_for_failures(
    create_users, monkeypatch, capsys, failure, message
):
    def fail(*args):
        raise failure

    monkeypatch.setattr(QuerySet, "count", fail)

    assert exit_status("--skip-checks") == 2
    assert capsys.readouterr() == ("", message)


def test_a_reader_that_stops_reading_gets_one_line(create_users, monkeypatch, capsys):
    create_users("alice", "Alice")
    reader, writer = os.pipe()
    os.close(reader)

    with open(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        status = exit_status("--skip-checks")

    assert status == 2
    assert capsys.readouterr().err == (
        "CommandError: Standard output was closed before the end.\n"
    )


# The temporary file


def test_a_full_disk_is_reported_with_the_temporary_folder(
    create_users, monkeypatch, tmp_path, capsys
):
    create_users(*(f"user-{number}" for number in range(2000)))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    fill_disk_of_survey(monkeypatch)

    assert exit_status("--skip-checks") == 2
    assert capsys.readouterr().err == (
        f"CommandError: The temporary file cannot be written in {tmp_path}. Set the "
        "environment variable TMPDIR to a folder that can be written and has enough "
        "space. Reason: database or disk is full.\n"
    )


def test_without_a_writable_folder_each_is_reported(
    create_users, monkeypatch, tmp_path
):
    create_users(*(f"user-{number}" for number in range(2000)))
    monkeypatch.setenv("SQLITE_TMPDIR", "/sqlite")
    monkeypatch.setenv("TMPDIR", "/missing")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SURVEY_FOLDER_ACCESS, lambda name, mode: False)
    fill_disk_of_survey(monkeypatch)

    with pytest.raises(SurveyFailed) as caught:
        found()

    assert str(caught.value).startswith(
        "The temporary file cannot be written in /sqlite, /missing, /var/tmp, /usr/tmp, "
        f"/tmp, {tmp_path}. Set the environment variable TMPDIR"  # noqa: S108
    )


def test_nothing_is_written(app, create_users, capsys):
    create_users("alice", "bob")

    run(capsys)

    assert not LayerUser.objects.exists()
