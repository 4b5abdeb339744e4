"""USER_ID_VERIFIED and USER_ID_NORMALIZER decide which users share an ID."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from django_layer_identity.exceptions import UserIDTaken, UserIDUnavailable
from tests.endpoint import NONCE, ask, configure, read, refusal
from tests.ledger.users import change_email, create_user, entries, issued_id
from tests.models import Profile

UNVERIFIED = "This user's Layer user ID is not verified: verify it, then try again."
FOLDED = "django_layer_identity.mapping.normalizers:email_casefold"


@pytest.fixture
def verification(settings, email_ids):
    """A project in which a user with a profile has a verified address."""
    configure(
        settings, USER_ID_VERIFIED=lambda context: hasattr(context.user, "profile")
    )


def verify(user):
    Profile.objects.create(user=user)
    user.refresh_from_db()


def test_an_unverified_user_is_refused_and_nothing_is_written(verification):
    alice = create_user("alice", "alice@example.com")

    answer = read(ask(alice, nonce=NONCE))

    assert answer == refusal(409, "user_id_unavailable", UNVERIFIED)
    assert entries() == []


def test_an_unverified_user_cannot_take_the_address_of_another(verification):
    mallory = create_user("mallory", "bob@example.com")
    bob = create_user("bob", "bob@example.com")
    with pytest.raises(UserIDUnavailable):
        issued_id(mallory)

    verify(bob)

    assert issued_id(bob) == "bob@example.com"
    verify(mallory)
    with pytest.raises(UserIDTaken):
        issued_id(mallory)
    assert entries() == [("bob@example.com", bob.pk, True)]


def test_the_current_id_is_kept_while_a_new_address_is_unverified(verification):
    alice = create_user("alice", "alice@example.com")
    verify(alice)
    issued_id(alice)

    change_email(alice, "bob@example.com")
    Profile.objects.all().delete()

    assert issued_id(User.objects.get(pk=alice.pk)) == "alice@example.com"


def test_a_change_to_an_unverified_address_is_refused(settings, verification):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    verify(alice)
    issued_id(alice)

    change_email(alice, "bob@example.com")
    Profile.objects.all().delete()

    with pytest.raises(UserIDUnavailable):
        issued_id(User.objects.get(pk=alice.pk))
    assert entries() == [("alice@example.com", alice.pk, True)]


def normalized(settings, normalizer, *values, **changes):
    """Return the user ID or the code for users with these e-mail addresses, in order."""
    configure(settings, USER_ID="email", USER_ID_NORMALIZER=normalizer, **changes)
    answers = []
    for number, value in enumerate(values):
        _status, body = read(
            ask(create_user(f"user-{number}", value), nonce=f"{number}")
        )
        answers.append(body.get("user_id", body.get("code")))
    return answers


@pytest.mark.parametrize(
    ("normalizer", "values", "answers"),
    [
        (None, ["a@x.com", "A@x.com"], ["a@x.com", "A@x.com"]),
        ("email", ["a@x.com", "A@x.com"], ["a@x.com", "A@x.com"]),
        ("email", ["a@x.com", "a@X.COM"], ["a@x.com", "user_id_taken"]),
        (
            "email",
            ["a@bücher.de", "a@xn--bcher-kva.de"],
            ["a@xn--bcher-kva.de", "user_id_taken"],
        ),
        (
            "email",
            ["a@straße.de", "a@strasse.de"],
            ["a@xn--strae-oqa.de", "a@strasse.de"],
        ),
        ("email", ["é@x.com", "e\u0301@x.com"], ["é@x.com", "user_id_taken"]),
        (FOLDED, ["a@x.com", "A@X.com"], ["a@x.com", "user_id_taken"]),
        ("casefold", ["Alice", "ALICE"], ["alice", "user_id_taken"]),
        (
            "phone",
            ["+44 20 7031 3000", "+442070313000"],
            ["+442070313000", "user_id_taken"],
        ),
        (
            "phone",
            ["020 7031 3000", "+442070313000"],
            ["user_id_unavailable", "+442070313000"],
        ),
    ],
    ids=ascii,
)
def test_spellings_are_the_same_id_after_normalization(
    settings, key, normalizer, values, answers
):
    assert normalized(settings, normalizer, *values) == answers


def test_a_national_number_is_normalized_with_its_region(settings, key):
    values = ["020 7031 3000", "+44 (0)20 7031-3000", "0161 496 0000"]

    assert normalized(settings, "phone", *values, PHONE_REGION="GB") == [
        "+442070313000",
        "user_id_taken",
        "+441614960000",
    ]


@pytest.mark.parametrize("normalizer", [None, "email", "phone", "casefold"])
@pytest.mark.parametrize("value", [None, "", "  ", "None", "a\nb"])
def test_a_user_without_an_address_is_refused_and_nothing_is_written(
    settings, key, normalizer, value
):
    configure(settings, USER_ID="email", USER_ID_NORMALIZER=normalizer)
    alice = create_user("alice")
    alice.email = value  # None: the field of another project may be nullable

    status, body = read(ask(alice, nonce=NONCE))

    assert (status, body["code"]) == (409, "user_id_unavailable")
    assert entries() == []


def test_of_two_users_with_one_address_only_the_first_gets_a_token(email_ids):
    first = create_user("alice", "alice@example.com")
    second = create_user("alice-2", "alice@example.com")

    assert issued_id(first) == "alice@example.com"
    for _ in range(2):
        with pytest.raises(UserIDTaken):
            issued_id(second)
    assert issued_id(first) == "alice@example.com"
