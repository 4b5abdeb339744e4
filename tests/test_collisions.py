"""Before going live: whose Layer user IDs collide, and who has none."""

from __future__ import annotations

import json
import sys
import tracemalloc

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from django_layer_identity.collisions import Group, Unusable, survey_users
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.models import LayerApp, LayerUser
from tests import internals
from tests.conftest import APP_ID
from tests.endpoint import configure
from tests.models import Member, Profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(settings):
    """Make users with these e-mail addresses; the address is the Layer user ID."""
    configure(settings, USER_ID="email")

    def people(*emails):
        return User.objects.bulk_create(
            User(pk=number, username=f"user-{number}", email=email)
            for number, email in enumerate(emails, start=1)
        )

    return people


def found(**options):
    with survey_users(LayerApp(), **options) as survey:
        groups, unusable = list(survey.groups()), list(survey.unusable())
        assert (survey.group_count, survey.unusable_count) == (
            len(groups),
            len(unusable),
        )
        return groups, unusable


def test_users_with_an_id_each_are_fine(people):
    people("alice@example.com", "bob@example.com", "1234567", "12345678")

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
def test_ids_that_are_the_same_or_look_so_are_a_group(people, emails, difference):
    people("another@x.com", *emails, "+442070313001", "3001")

    users = [(2, emails[0]), (3, emails[1])]
    same = 2 if difference == "same" else 0
    assert found() == ([Group(difference, 2, same, users)], [])


def test_national_numbers_are_told_apart_by_their_region(people, settings):
    people("020 7031 3000", "+442070313000")
    assert found() == ([], [])

    configure(settings, PHONE_REGION="GB")
    users = [(1, "020 7031 3000"), (2, "+442070313000")]
    assert found() == ([Group("phone format", 2, 0, users)], [])


def test_phone_numbers_are_compared_without_the_extra_too(people, monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    people("+442070313000", "0044 (20) 7031.3000")

    [group], unusable = found()
    assert (group.difference, group.count, unusable) == ("phone format", 2, [])


def test_what_is_normalized_is_the_same(people, settings):
    configure(settings, USER_ID="email", USER_ID_NORMALIZER="casefold")
    people("Alice", "alice", "ALICE")

    users = [(1, "alice"), (2, "alice"), (3, "alice")]
    assert found() == ([Group("same", 3, 3, users)], [])


def test_who_shares_an_id_exactly_is_counted_among_those_who_look_alike(people):
    people("a", "A", "b", "a", "B", "A", "A ", "b ", "a ", "A")

    groups, _unusable = found()
    assert sorted((len(g.users), g.difference, g.same) for g in groups) == [
        (3, "case", 0),
        (7, "case", 5),
    ]


def test_of_a_large_group_the_first_twenty_are_shown(people):
    people(*["alice@x.com"] * 30)

    [group], _unusable = found()
    assert (group.count, group.users) == (
        30,
        [(n, "alice@x.com") for n in range(1, 21)],
    )


def test_a_group_of_everybody_takes_no_memory(people, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 50)
    people(*(f"{'A' * (n % 100)}{'a' * (100 - n % 100)}@x.com" for n in range(4000)))

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
def test_the_last_of_a_large_group_counts_as_well(people, last, difference):
    people(*["aé@x.com"] * 30, last, *["aé@x.com"] * 30)

    [group], _unusable = found()
    assert (group.difference, group.count) == (difference, 61)


def test_groups_reach_over_pages(people, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 2)
    people("a", "b", "A", "c", "B", "d", "b")

    groups, _unusable = found()

    members = sorted([pk for pk, _user_id in group.users] for group in groups)
    assert members == [[1, 3], [2, 5, 7]]


def test_users_deleted_meanwhile_are_no_group(people):
    people("a", "A", "b", "B", "B", "c", "C")

    with survey_users(LayerApp()) as survey:
        User.objects.filter(pk__in=[1, 5]).delete()
        User.objects.filter(pk__in=[6, 7]).update(email="")
        groups = list(survey.groups())

    assert groups == [Group("case", 2, 0, [(3, "b"), (4, "B")])]


def raise_for_bob(context):
    if context.user.email == "bob":
        raise LookupError("the directory is down")
    return context.user.email


def test_users_without_an_id_are_listed_with_the_reason(people, settings):
    configure(
        settings,
        USER_ID=raise_for_bob,
        USER_ID_VERIFIED=lambda context: context.user.email != "unproved",
    )
    people("", "alice", "bob", "x" * 129, "unproved")

    assert found() == (
        [],
        [
            Unusable(1, "A Layer user ID is not blank."),
            Unusable(3, "USER_ID failed: LookupError."),
            Unusable(4, "A Layer user ID has at most 128 characters."),
            Unusable(
                5,
                "This user's Layer user ID is not verified: confirm it, then try again.",
            ),
        ],
    )


def test_a_setting_that_is_of_no_use_is_said_once(people, settings):
    configure(settings, USER_ID="nickname")
    people("alice", "bob")

    with pytest.raises(ConfigurationError, match="'nickname' does not exist"):
        found()


def test_text_may_be_the_primary_key(settings):
    settings.AUTH_USER_MODEL = "tests.Member"
    Member.objects.bulk_create([Member(email="alice"), Member(email="Alice")])

    users = [("Alice", "Alice"), ("alice", "alice")]
    assert found() == ([Group("case", 2, 0, users)], [])


def test_related_rows_come_along_with_their_users(
    people, settings, django_assert_num_queries
):
    configure(
        settings,
        USER_ID="profile.phone_number",
        USER_ID_VERIFIED="profile.user.is_active",
    )
    for user in people("a", "b"):
        Profile.objects.create(user=user, phone_number=f"+44207031300{user.pk}")

    with django_assert_num_queries(3):  # how many; the users; no more users
        assert found() == ([], [])


@pytest.mark.parametrize("source", ["username.upper", "get_username.upper"])
def test_a_path_along_no_related_row_needs_no_join(
    people, settings, django_assert_num_queries, source
):
    configure(settings, USER_ID=source)
    people("a", "b")

    with django_assert_num_queries(3):
        assert found() == ([], [])


def test_progress_is_told(people, monkeypatch):
    monkeypatch.setattr(internals.SURVEY_PAGE_SIZE, 2)
    people("a", "b", "c")
    told = []

    found(progress=lambda done, total: told.append((done, total)))

    assert told == [(2, 3), (3, 3)]


def run(capsys, *args):
    """Return standard output, standard error and what made the command fail."""
    try:
        call_command("layer_user_collisions", *args)
    except CommandError as exc:
        return capsys.readouterr().out, str(exc)
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_command_is_content_with_users_that_are_fine(people, capsys):
    people("alice", "bob")

    assert run(capsys) == ("", "2 users, and each has a Layer user ID of his own.\n")


def test_the_command_lists_what_it_found_and_fails(people, capsys):
    people("alice", "Alice", "", *["carol"] * 21)

    out, error = run(capsys)

    assert sorted(out.splitlines()) == sorted(
        [
            "case: 2 users",
            "  1  'alice'",
            "  2  'Alice'",
            "same: 21 users",
            *(f"  {pk}  'carol'" for pk in range(4, 24)),
            "  and 1 more",
            "no usable ID: 3  A Layer user ID is not blank.",
        ]
    )
    assert error == (
        "24 users: 2 groups would collide or look alike, and 1 users have no usable "
        "Layer user ID."
    )


def test_the_command_tells_how_many_share_an_id_among_those_who_look_alike(
    people, capsys
):
    people("alice", "Alice", "alice")

    out, _error = run(capsys)

    assert out == (
        "case: 3 users, of whom 2 share theirs exactly\n"
        "  1  'alice'\n"
        "  2  'Alice'\n"
        "  3  'alice'\n"
    )


def test_the_command_writes_one_json_object_a_line(people, capsys):
    people("alice", "Alice", "", "", "bob")

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
        {"pk": 3, "reason": "A Layer user ID is not blank."},
        {"pk": 4, "reason": "A Layer user ID is not blank."},
    ]


def test_the_command_writes_keys_of_any_kind_as_json(settings, capsys):
    settings.AUTH_USER_MODEL = "tests.Member"
    Member.objects.bulk_create(
        [Member(email="a"), Member(email="A"), Member(email=" ")]
    )

    out, _error = run(capsys, "--json")

    group, unusable = [json.loads(line) for line in out.splitlines()]
    assert group["users"][0] == {"pk": "A", "user_id": "A"}
    assert unusable == {"pk": " ", "reason": "A Layer user ID is not blank."}


def test_the_command_maps_for_one_layer_app(app, people, settings, capsys):
    configure(settings, USER_ID=lambda context: context.app.name)
    people("alice", "bob")

    out, _error = run(capsys, "--app", str(APP_ID))

    assert out == "same: 2 users\n  1  'Messenger'\n  2  'Messenger'\n"


def test_the_command_wants_to_know_which_layer_app(app, people, capsys):
    LayerApp.objects.create(
        name="Other", app_id=app.provider_id, provider_id=app.provider_id
    )

    assert run(capsys) == ("", "Name the Layer app: there is not exactly one.")


def test_nothing_is_written(app, people, capsys):
    people("alice", "bob")

    run(capsys)

    assert not LayerUser.objects.exists()
