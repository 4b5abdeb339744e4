"""How databases compare logins, and how many passwords of an account are tried."""

from __future__ import annotations

import unicodedata
from itertools import islice, product

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import connections

from tests.endpoint import (
    NONCE,
    URL,
    authentication_failed,
    configure,
    log_in,
    read,
)
from tests.services import routing
from tests.services.conftest import need

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
COLLATIONS = [
    ("utf8mb4_bin", "sydney"),
    ("utf8mb4_general_ci", "sydney"),
    ("utf8mb4_unicode_ci", "sydney"),
    ("utf8mb4_unicode_ci", "\u05e9\u05dc\u05d5\u05dd"),  # the last letter has two forms
    ("latin1_swedish_ci", "sydney"),
]
ENDS = ["", " ", "  "]  # MariaDB ignores trailing spaces
MOST = 400  # spellings to try
CHARSET_AND_COLLATION = (
    "SELECT character_set_name, collation_name FROM information_schema.columns WHERE "
    "table_schema = DATABASE() AND table_name = 'auth_user' AND column_name = 'username'"
)


class Counting(ModelBackend):
    """Counts how often a password of an account is checked."""

    compared = 0

    def authenticate(self, request, username, password):
        Counting.compared += User.objects.filter(username=username).exists()


@pytest.fixture
def guesses(settings, rate_clock, client):
    """Guess with each spelling until it is throttled, always from a new address."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Counting"]
    configure(settings, AUTHENTICATION_CLASSES=[BODY])

    def guesses(spellings):
        Counting.compared, tried = 0, 0
        for spelling in spellings:
            body = {"nonce": NONCE, "username": spelling, "password": "wrong"}
            status = 403
            while status == 403:
                tried += 1
                address = f"10.{tried >> 16}.{tried >> 8 & 255}.{tried & 255}"
                status, _ = read(client.post(URL, body, REMOTE_ADDR=address))
            assert status == 429
        return Counting.compared

    return guesses


@pytest.fixture
def mariadb(request):
    """A cursor of MariaDB, which also stores the users."""
    need("mariadb")
    token = routing.database.set("mariadb")
    request.getfixturevalue("db")
    with connections["mariadb"].cursor() as cursor:
        cursor.execute(CHARSET_AND_COLLATION)
        before = cursor.fetchone()
        yield cursor
        User.objects.all().delete()  # other charsets cannot store their names
        collate(cursor, *before)
    routing.database.reset(token)


def collate(cursor, charset, collation):
    cursor.execute(
        "ALTER TABLE auth_user MODIFY username varchar(150) "
        f"CHARACTER SET {charset} COLLATE {collation} NOT NULL"
    )


def spellings_of(cursor, login, collation):
    """Return spellings that look different, but that the collation considers equal."""
    charset = collation.partition("_")[0]
    letters = [equal_to(cursor, letter, charset, collation) for letter in login]
    return ["".join(spelling) for spelling in islice(product(*letters, ENDS), MOST)]


def equal_to(cursor, letter, charset, collation):
    text = f"CONVERT(CHAR(seq USING utf32) USING {charset})"
    cursor.execute(
        "SELECT seq FROM seq_33_to_131071 WHERE (seq < 0xd800 OR seq > 0xdfff) "  # noqa: S608
        f"AND {text} COLLATE {collation} = %s",
        [letter],
    )
    found = {plain(letter): letter}
    for (code,) in cursor.fetchall():
        found.setdefault(plain(chr(code)), chr(code))
    return list(found.values())


def plain(text):
    letters = unicodedata.normalize("NFKD", text)
    return "".join(one for one in letters if not unicodedata.combining(one)).casefold()


@pytest.fixture
def report(show):
    def report(name, login, spellings, guessed):
        show(
            [
                f"{name}, {login!r} in {len(spellings)} spellings: {guessed} guesses "
                f"a minute, {guessed * 60} an hour"
            ]
        )

    return report


def test_an_account_has_twenty_guesses_a_minute(database, guesses, report):
    User.objects.create_user("sydney")
    spellings = ["sydney", "Sydney", "sydne\u00fd", "s\u00fcdney", "sydney "]

    guessed = guesses(spellings)

    report(database.display_name, "sydney", spellings, guessed)
    assert guessed == 20


@pytest.mark.parametrize(("collation", "login"), COLLATIONS)
def test_an_account_has_twenty_guesses_a_minute_under_each_collation(
    mariadb, guesses, report, collation, login
):
    collate(mariadb, collation.partition("_")[0], collation)
    User.objects.create_user(login)
    spellings = spellings_of(mariadb, login, collation)

    guessed = guesses(spellings)

    report(f"MariaDB, {collation}", login, spellings, guessed)
    assert guessed == 20


@pytest.mark.parametrize("login", ["\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "\u2460"])
def test_a_login_that_the_charset_cannot_hold_is_refused(
    mariadb, settings, client, login
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])
    collate(mariadb, "latin1", "latin1_swedish_ci")

    response = log_in(client, {"username": login, "password": "wrong"})

    assert read(response) == authentication_failed()
