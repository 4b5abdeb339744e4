"""Layer user IDs that are already in use: imported from a file, and renamed."""

from __future__ import annotations

import io
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from django_layer_identity.exceptions import ImportFailed, UserIDTaken
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.ledger_import import import_user_ids
from django_layer_identity.management.progress import Progress
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerApp, LayerUser
from tests.conftest import APP_ID
from tests.endpoint import NONCE, configure
from tests.models import Device, Member


@pytest.fixture
def csv_file(tmp_path):
    """Return a function that writes lines to a file and returns its path."""

    def csv_file(*lines, **options):
        path = tmp_path / "users.csv"
        path.write_text("".join(f"{line}\n" for line in lines), **options)
        return str(path)

    return csv_file


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob")


def entries():
    return sorted(LayerUser.objects.values_list("owner__username", "user_id"))


def error(*args):
    with pytest.raises(CommandError) as caught:
        call_command(*args)
    return str(caught.value).splitlines()


def problems(capsys, *args):
    """Return the messages about invalid lines. Check that all lines are counted."""
    summary = error("layer_user_import", *args)
    lines = capsys.readouterr().err.splitlines()
    assert summary == [f"Nothing was imported. Invalid lines: {len(lines)}."]
    return lines


def import_ids(*args):
    return call_command("layer_user_import", *args)


def test_ids_in_use_are_imported(key, alice, bob, csv_file, capsys):
    import_ids(csv_file("alice,a-1", 'bob,"b, the 2nd"'))

    assert capsys.readouterr() == ("2 imported\n", "")
    assert entries() == [("alice", "a-1"), ("bob", "b, the 2nd")]
    assert issue_identity_token(alice, NONCE).user_id == "a-1"


def test_an_imported_id_is_refused_to_other_users(settings, key, alice, bob, csv_file):
    configure(settings, USER_ID=lambda context: "a-1")
    import_ids(csv_file("alice,a-1"))

    with pytest.raises(UserIDTaken):
        issue_identity_token(bob, NONCE)


def test_importing_the_same_file_again_changes_nothing(
    app, alice, bob, csv_file, capsys
):
    path = csv_file("alice,a-1", "bob,b-2")
    import_ids(path)
    before = list(LayerUser.objects.order_by("pk").values())

    import_ids(path)

    assert capsys.readouterr().out == "2 imported\n2 imported\n"
    assert list(LayerUser.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_header_and_empty_lines_are_skipped(app, alice, csv_file, encoding):
    import_ids(csv_file("user,user_id", "", "alice,zoë", "", encoding=encoding))

    assert entries() == [("alice", "zoë")]


def test_a_header_is_recognized_in_the_first_line_only(app, alice, csv_file, capsys):
    assert problems(capsys, csv_file("alice,a-1", "user,user_id")) == [
        "line 2: There is no user 'user'."
    ]


def standard_input(monkeypatch, content):
    """Replace standard input with these bytes, in a locale with Latin-1."""
    stdin = io.TextIOWrapper(io.BytesIO(content), encoding="latin-1")
    monkeypatch.setattr("sys.stdin", stdin)
    return stdin


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_standard_input_is_read_like_a_file(app, alice, monkeypatch, mark):
    content = mark + "user,user_id\r\nalice,zoë\r\n".encode()
    stdin = standard_input(monkeypatch, content)

    import_ids("-")

    assert entries() == [("alice", "zoë")]
    assert not stdin.buffer.closed


def test_line_breaks_in_standard_input_are_not_changed(app, monkeypatch, capsys):
    standard_input(monkeypatch, b'"alice\r",a-1\r\n')

    assert problems(capsys, "-") == [r"line 2: There is no user 'alice\r'."]


def test_binary_standard_input_is_refused(app, monkeypatch):
    standard_input(monkeypatch, "alice,zoë\n".encode("latin-1"))

    assert error("layer_user_import", "-") == [
        "Standard input is not text in UTF-8. Save it as UTF-8; spreadsheets call this "
        "“CSV UTF-8”."
    ]


def test_standard_input_can_be_a_text_stream(app, alice, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("alice,a-1\n"))

    import_ids("-", "--app", str(APP_ID))

    assert entries() == [("alice", "a-1")]


def test_a_dry_run_changes_nothing(app, alice, bob, csv_file, capsys):
    import_ids("--dry-run", csv_file("alice,a-1", "bob,b-2"))

    assert capsys.readouterr().out == "2 can be imported\n"
    assert entries() == []


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_each_invalid_line_is_reported_and_nothing_is_imported(
    app, alice, bob, csv_file, capsys, options
):
    carol = User.objects.create_user("carol")
    LayerUser.objects.switch(app.pk, carol.pk, "c-3", old=None, new=None)
    path = csv_file(
        "alice,a-1",
        "bob,a-1",
        "alice,a-2",
        "bob,c-3",
        "carol,c-4",
        "dave,d-4",
        "bob",
        "bob,b-2,b-3",
        "bob,",
        "bob,None",
        f"bob,{'x' * 129}",
        'bob,"b\n2"',
    )

    assert problems(capsys, *options, path) == [
        "line 2: The Layer user ID belongs, or belonged, to another user.",
        "line 3: This user already has another Layer user ID. Use layer_user_rename to change it.",
        "line 4: The Layer user ID belongs, or belonged, to another user.",
        "line 5: This user already has another Layer user ID. Use layer_user_rename to change it.",
        "line 6: There is no user 'dave'.",
        "line 7: expected two columns, a user and a Layer user ID, not 1.",
        "line 8: expected two columns, a user and a Layer user ID, not 3.",
        "line 9: A Layer user ID must not be blank.",
        'line 10: "None" is a missing value, not a Layer user ID.',
        "line 11: A Layer user ID must have at most 128 characters.",
        "line 13: A Layer user ID must not contain control characters.",
    ]
    assert entries() == [("carol", "c-3")]


def test_all_of_many_problems_are_reported(app, csv_file, capsys):
    assert problems(capsys, csv_file(*["unknown,x"] * 103)) == [
        f"line {number}: There is no user 'unknown'." for number in range(1, 104)
    ]


def test_a_problem_is_reported_when_it_is_found(app, alice):
    reported = []

    def lines():
        yield "unknown,x\n"
        yield "alice,a-1\n"
        assert reported == [(1, "There is no user 'unknown'.")]

    with pytest.raises(ImportFailed):
        import_user_ids(
            app, lines(), on_problem=lambda *problem: reported.append(problem)
        )

    assert len(reported) == 1


def test_a_problem_replaces_the_progress_line(app, csv_file, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    error("layer_user_import", csv_file(*["unknown,x"] * 2))

    assert terminal.getvalue() == (
        "line 1: There is no user 'unknown'.\n\r0\r \r"
        "line 2: There is no user 'unknown'.\n\r0\n"
    )


def test_a_name_of_several_users_is_refused(
    app, alice, bob, csv_file, monkeypatch, capsys
):
    User.objects.update(first_name="Zoe")
    monkeypatch.setattr(User, "USERNAME_FIELD", "first_name")
    several = "Several users are called 'Zoe'."

    assert problems(capsys, csv_file("Zoe,a-1")) == [f"line 1: {several}"]
    assert error("layer_user_rename", "Zoe", "a-1") == [several]


@pytest.mark.django_db(transaction=True)
def test_a_user_deleted_during_the_import_is_reported(app, alice, bob):
    def delete(line):
        User.objects.filter(pk=alice.pk)._raw_delete("default")

    with pytest.raises(ImportFailed, match="a user was deleted during the import"):
        import_user_ids(app, ["alice,a-1\n", "bob,b-2\n"], progress=delete)

    assert entries() == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'alice,a-1\n"alice', "line 2: not valid CSV: unexpected end of data."),
        (b'alice,"a"b\n', "line 1: not valid CSV: ',' expected after '\"'."),
        (
            b"alice," + b"x" * 140_000,
            "line 1: not valid CSV: field larger than field limit (131072).",
        ),
    ],
)
def test_invalid_csv_is_reported(app, alice, tmp_path, capsys, content, problem):
    path = tmp_path / "users.csv"
    path.write_bytes(content)

    assert problems(capsys, str(path)) == [problem]
    assert entries() == []


def test_an_unreadable_file_is_reported(app, alice, tmp_path):
    missing, binary = tmp_path / "missing.csv", tmp_path / "binary.csv"
    binary.write_bytes(b"alice,a-1\n\xff\xfe")

    assert error("layer_user_import", str(missing)) == [
        f"{missing} cannot be read: No such file or directory."
    ]
    assert error("layer_user_import", str(binary)) == [
        f"{binary} is not text in UTF-8. Save it as UTF-8; spreadsheets call this “CSV "
        "UTF-8”."
    ]
    assert entries() == []


@pytest.mark.parametrize(
    ("line", "separators"),
    [
        ("user;user_id", "semicolons"),
        ('"alice";"a-1"', "semicolons"),
        ("sep=;", "semicolons"),
        ("alice\ta-1", "tabs"),
        ("alice|a-1", "vertical bars"),
    ],
)
def test_a_file_without_commas_is_told_what_is_wanted(
    app, alice, csv_file, capsys, line, separators
):
    assert error("layer_user_import", csv_file(line, "bob,b-2")) == [
        f"Nothing was imported: line 1 has {separators} and no comma. Separate the user "
        "and the Layer user ID by a comma."
    ]
    assert capsys.readouterr() == ("", "")


def test_other_separators_inside_of_an_id_are_accepted(app, alice, csv_file):
    import_ids(csv_file("alice,a;1|2"))

    assert entries() == [("alice", "a;1|2")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_file_in_another_encoding_is_told_what_is_wanted(
    app, alice, csv_file, encoding
):
    path = csv_file("alice,zoë", encoding=encoding)

    assert error("layer_user_import", path) == [
        f"{path} is not text in UTF-8. Save it as UTF-8; spreadsheets call this “CSV "
        "UTF-8”."
    ]
    assert entries() == []


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_told_what_is_wanted(
    app, alice, csv_file, encoding
):
    path = csv_file("alice,a-1", encoding=encoding)

    assert error("layer_user_import", path) == [
        "Nothing was imported: the file is in UTF-16. Save it as UTF-8; spreadsheets "
        "call this “CSV UTF-8”."
    ]


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ("Username,Layer User ID", "Username"),
        ("user,user-id", "user"),
        ("user_id,user", "user_id"),
    ],
)
def test_another_header_is_told_what_is_wanted(app, csv_file, capsys, line, user):
    assert problems(capsys, csv_file(line)) == [
        f"line 1: There is no user '{user}'. A header must be “user,user_id”."
    ]


def test_ids_that_look_like_typing_errors_are_reported(
    app, alice, bob, csv_file, capsys
):
    path = csv_file("alice,a-1", "bob,b-2 ", "bob,b\u200b2", "bob,1.23457E+17")

    assert problems(capsys, path) == [
        "line 2: “b-2 ” begins or ends with white space: remove it. To import it as it "
        "is, use --exact.",
        r"line 3: “b\u200b2” contains invisible characters: remove them. To import it as "
        "it is, use --exact.",
        "line 4: “1.23457E+17” looks like a cell that a spreadsheet changed: format the "
        "column as text, and enter the original ID. To import it as it is, use --exact.",
    ]
    assert entries() == []


def test_exact_imports_ids_as_they_are(app, alice, bob, csv_file):
    import_ids("--exact", csv_file("alice,a-1 ", "bob,42.0"))

    assert entries() == [("alice", "a-1 "), ("bob", "42.0")]


def test_exact_does_not_import_invalid_ids(app, alice, csv_file, capsys):
    assert problems(capsys, "--exact", csv_file("alice, ")) == [
        "line 1: A Layer user ID must not be blank."
    ]


def test_a_rename_to_an_id_that_looks_like_a_typing_error_is_refused(app, alice):
    assert error("layer_user_rename", "alice", "a\u200b1") == [
        r"“a\u200b1” contains invisible characters: remove them. To take it as it is, "
        "use --exact."
    ]
    assert entries() == []


def test_exact_renames_to_the_id_as_it_is(app, alice, capsys):
    call_command("layer_user_rename", "--exact", "alice", "a-1 ")

    assert capsys.readouterr().out == "a-1 \n"
    assert entries() == [("alice", "a-1 ")]


def test_exact_takes_the_user_as_it_is(app, alice):
    User.objects.filter(pk=alice.pk).update(username="alice ")

    assert error("layer_user_rename", "alice ", "a-1") == ["There is no user 'alice'."]

    call_command("layer_user_rename", "--exact", "alice ", "a-1")
    assert entries() == [("alice ", "a-1")]


def test_a_user_is_renamed(key, alice, capsys):
    issue_identity_token(alice, NONCE)

    call_command("layer_user_rename", "alice", "a-1")

    assert capsys.readouterr() == ("a-1\n", "")
    assert issue_identity_token(alice, "another nonce").user_id == "a-1"
    assert entries() == [("alice", "a-1"), ("alice", "alice")]


@pytest.mark.parametrize(
    ("change", "consequence"),
    [
        (
            "follow",
            "the next token switches to the ID that USER_ID gives, or is refused with "
            "user_id_taken if that ID belongs to another user",
        ),
        ("refuse", "the next token is refused with user_id_changed"),
    ],
)
def test_a_rename_that_will_not_last_is_reported(
    settings, app, alice, capsys, change, consequence
):
    configure(settings, USER_ID_CHANGE=change)

    call_command("layer_user_rename", "alice", "a-1")

    assert capsys.readouterr() == (
        "a-1\n",
        f"This will not last: LAYER_IDENTITY['USER_ID_CHANGE'] is '{change}'. Unless "
        f"USER_ID gives this user the new ID, {consequence}.\n",
    )


def test_a_renamed_user_can_get_an_old_id_back(key, alice):
    call_command("layer_user_rename", "alice", "a-1")
    call_command("layer_user_rename", "alice", "a-2")
    call_command("layer_user_rename", "alice", "a-1")

    assert issue_identity_token(alice, NONCE).user_id == "a-1"
    assert entries() == [("alice", "a-1"), ("alice", "a-2")]


def test_a_user_is_renamed_in_one_layer_app(app, alice):
    other = LayerApp.objects.create(
        name="Other", app_id=app.provider_id, provider_id=app.provider_id
    )

    call_command("layer_user_rename", "--app", str(APP_ID), "alice", "a-1")

    assert LayerUser.objects.current(app, alice.pk).user_id == "a-1"
    assert LayerUser.objects.current(other, alice.pk) is None


@pytest.mark.parametrize(
    ("user", "user_id", "message"),
    [
        ("bob", "a-1", "The Layer user ID belongs, or belonged, to another user."),
        ("bob", " ", "A Layer user ID must not be blank."),
        ("dave", "d-4", "There is no user 'dave'."),
    ],
)
def test_an_invalid_rename_is_refused(app, alice, bob, user, user_id, message):
    call_command("layer_user_rename", "alice", "a-1")

    assert error("layer_user_rename", user, user_id) == [message]
    assert entries() == [("alice", "a-1")]


def test_a_name_with_a_nul_character_is_not_sent_to_the_database(
    db, django_assert_num_queries
):
    with django_assert_num_queries(0), pytest.raises(LookupError) as caught:
        find_user("ali\0ce")

    assert str(caught.value) == "There is no user with this name."


def test_users_without_natural_keys_are_found_by_primary_key(settings, db):
    settings.AUTH_USER_MODEL = "tests.Device"
    alice = Device.objects.create(udid=UUID(int=5), user_id=1)

    assert find_user("00000000-0000-0000-0000-000000000005") == alice
    for key in ("00000000-0000-0000-0000-000000000006", "unknown"):
        with pytest.raises(LookupError, match=f"There is no user '{key}'."):
            find_user(key)


def test_users_are_found_by_the_username_field(settings, db):
    settings.AUTH_USER_MODEL = "tests.Member"
    alice = Member.objects.create(email="alice@example.com")

    assert find_user("alice@example.com") == alice


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_if_the_total_is_known():
    terminal = Terminal()

    with Progress(terminal) as progress:
        for done in (1, 100, 101, 200):
            progress(done, 200)

    assert terminal.getvalue() == (
        "\r[                                        ]   0 % of 200"
        "\r[####################                    ]  50 % of 200"
        "\r[########################################] 100 % of 200\n"
    )


def test_progress_is_a_count_if_the_total_is_unknown():
    terminal = Terminal()

    with Progress(terminal) as progress:
        for done in (1, 999, 1000, 1001, 25_000):
            progress(done)

    assert terminal.getvalue() == "\r0\r1,000\r25,000\n"


def test_progress_is_shown_on_terminals_only():
    file = io.StringIO()

    with Progress(file) as progress:
        progress(1, 2)

    assert file.getvalue() == ""
