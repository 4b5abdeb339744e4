"""Rate limits: by user, and of wrong passwords by address and login."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.authtoken.models import Token

from django_layer_identity.api.views import IdentityTokenView
from tests import internals
from tests.api.test_classes import Alice, post_to
from tests.endpoint import (
    ALICE,
    BOB,
    JSON,
    NONCE,
    URL,
    ask,
    authentication_failed,
    configure,
    log_in,
    not_authenticated,
    phone_of,
    read,
    refusal,
)

HERE = "tests.api.test_throttling"
BASIC = "rest_framework.authentication.BasicAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"
THROTTLED = refusal(429, "throttled", "Too many requests. Wait before the next one.")
UNAVAILABLE = refusal(
    503, "unavailable", "The service is unavailable. Try again later."
)
WRONG = {"username": "alice", "password": "wrong"}


class Backend(ModelBackend):
    """Counts its calls."""

    asked = 0

    def authenticate(self, request, **credentials):
        Backend.asked += 1
        return super().authenticate(request, **credentials)


@pytest.fixture(autouse=True)
def clock(rate_clock):
    return rate_clock


@pytest.fixture
def passwords(settings, key, alice):
    """Allow passwords in the body, and three failures per minute."""
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.Backend"]
    Backend.asked = 0
    configure(settings, AUTHENTICATION_CLASSES=[SESSION, BODY, BASIC])
    rate(settings, failures="3/min")


def rate(settings, **rates):
    configure(settings, THROTTLE_RATES=rates)


def statuses(answers):
    return [read(answer)[0] for answer in answers]


def test_a_user_has_sixty_tokens_a_minute_by_default(key, alice, clock):
    phone = phone_of(alice)

    answers = [phone.post(URL, {"nonce": NONCE}, format="json") for _ in range(61)]

    assert statuses(answers) == [200] * 60 + [429]
    assert read(answers[-1]) == THROTTLED
    assert answers[-1]["Retry-After"] == "55"


def test_a_user_may_try_again_in_the_next_window(settings, key, alice, clock):
    rate(settings, user="1/min")
    assert statuses([ask(alice, nonce=NONCE), ask(alice, nonce=NONCE)]) == [200, 429]

    clock.now += 54.5
    answer = ask(alice, nonce=NONCE)
    assert read(answer) == THROTTLED
    assert answer["Retry-After"] == "1"

    clock.now += 0.5
    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_each_user_has_a_separate_count(settings, key, alice):
    rate(settings, user="1/h")
    bob = User.objects.create_user("bob")

    answers = [ask(alice, nonce="a"), ask(bob, nonce="b"), ask(alice, nonce="a")]

    assert statuses(answers) == [200, 200, 429]


def test_a_scope_can_be_disabled(settings, passwords, alice, client):
    rate(settings, user=None)
    assert statuses([ask(alice, nonce=NONCE) for _ in range(70)]) == [200] * 70

    rate(settings, failures=None)
    answers = [read(log_in(client, WRONG)) for _ in range(30)]
    assert answers == [authentication_failed()] * 30


def test_the_user_is_counted_before_the_body_is_looked_at(settings, key, alice):
    rate(settings, user="1/min")

    answers = [phone_of(alice).generic("POST", URL, "{", JSON) for _ in range(2)]

    assert statuses(answers) == [400, 429]


def test_inactive_users_are_counted_too(settings, key, alice):
    rate(settings, user="1/min")
    alice.is_active = False

    assert statuses([ask(alice, nonce=NONCE) for _ in range(2)]) == [403, 429]


def test_throttles_of_the_project_also_apply(settings, key, alice):
    settings.REST_FRAMEWORK = {
        "DEFAULT_THROTTLE_CLASSES": ["tests.api.test_classes.BusyForAWhile"]
    }
    rate(settings, user=None)

    assert read(ask(alice, nonce=NONCE)) == THROTTLED


def test_throttle_classes_of_a_view_replace_the_user_throttle(settings, key, alice):
    rate(settings, user="1/min")
    view = IdentityTokenView.as_view(
        authentication_classes=[Alice], throttle_classes=[]
    )

    assert statuses([post_to(view) for _ in range(3)]) == [200, 200, 200]


@pytest.mark.parametrize(
    "rates", [{"user": "often"}, {"failures": 5}, None, ["60/min"]]
)
def test_an_invalid_rate_refuses_all_requests(settings, key, alice, rates):
    configure(settings, THROTTLE_RATES=rates)

    assert read(ask(alice, nonce=NONCE)) == UNAVAILABLE


def test_twenty_wrong_passwords_a_minute_are_tried_by_default(settings, key, client):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])

    answers = [log_in(client, WRONG) for _ in range(21)]

    assert statuses(answers) == [403] * 20 + [429]
    assert read(answers[-1]) == THROTTLED
    assert answers[-1]["Retry-After"] == "55"


def test_a_correct_password_is_not_tried_after_three_wrong_ones(
    passwords, client, clock
):
    answers = [log_in(client, WRONG) for _ in range(3)]
    assert statuses(answers) == [403] * 3

    answer = log_in(client, ALICE)

    assert read(answer) == THROTTLED
    assert answer["Retry-After"] == "55"
    assert Backend.asked == 3

    clock.now += 55
    assert read(log_in(client, ALICE))[0] == 200


def test_a_login_is_counted_across_addresses(passwords, client):
    def guess(host, **body):
        return client.post(
            URL, {"nonce": NONCE, **WRONG, **body}, REMOTE_ADDR=f"192.0.2.{host}"
        )

    spellings = ("alice", "ALICE", "\u24b6lic\u00e9\u0345")
    answers = [guess(host, username=name) for host, name in enumerate(spellings)]
    assert statuses(answers) == [403] * 3

    assert read(guess(9)) == THROTTLED
    assert read(guess(9, username="bob")) == authentication_failed()


def test_an_address_is_counted_across_logins(passwords, client):
    answers = [
        log_in(client, {"username": name, "password": "wrong"})
        for name in ("alice", "bob", "", "carol")
    ]

    assert statuses(answers) == [403, 403, 403, 429]


def test_ipv6_addresses_of_one_network_are_counted_as_one(passwords, client):
    def guess(address, username):
        body = {"nonce": NONCE, "username": username, "password": "wrong"}
        return client.post(URL, body, REMOTE_ADDR=address)

    answers = [guess(f"2001:db8:1:2:{host}::1", f"user-{host}") for host in range(4)]

    assert statuses(answers) == [403, 403, 403, 429]
    assert read(guess("2001:db8:1:3::1", "alice")) == authentication_failed()


def test_wrong_passwords_do_not_block_tokens_and_sessions_of_their_address(
    settings, passwords, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[SESSION, BODY, TOKEN])
    headers = {"Authorization": f"Token {Token.objects.create(user=alice).key}"}
    assert statuses([log_in(client, WRONG) for _ in range(4)]) == [403] * 3 + [429]

    assert read(log_in(client, {})) == not_authenticated()
    assert read(log_in(client, {}, headers))[0] == 200
    client.force_login(alice)
    assert read(log_in(client, {}))[0] == 200


def test_stale_tokens_do_not_block_their_address(settings, passwords, alice, client):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN, BODY])
    stale = {"Authorization": "Token of-yesterday"}
    valid = {"Authorization": f"Token {Token.objects.create(user=alice).key}"}

    answers = [read(log_in(client, {}, stale)) for _ in range(25)]

    assert answers == [authentication_failed(401)] * 25
    assert read(log_in(client, {}, valid))[0] == 200
    assert read(log_in(client, ALICE))[0] == 200


@pytest.mark.parametrize("code", ["YWxpY2U6d3Jvbmc=", "", "*", "YWxpY"])
def test_basic_credentials_are_counted_like_passwords_in_the_body(
    settings, passwords, client, code
):
    headers = {"Authorization": f"Basic {code}"}

    answers = [log_in(client, {}, headers) for _ in range(4)]

    assert statuses(answers) == [403, 403, 403, 429]


def test_simultaneous_requests_do_not_try_more_passwords_than_allowed(
    passwords, client, monkeypatch
):
    """Every request checks the count before another request is counted."""
    monkeypatch.setattr(internals.IS_RATE_USED_UP, lambda counter: False)

    answers = [log_in(client, WRONG) for _ in range(5)]

    assert statuses(answers) == [403, 403, 403, 429, 429]
    assert Backend.asked == 3


def test_a_login_by_basic_shares_the_count_of_the_login(passwords, client):
    guesses = ["YWxpY2U6d3Jvbmc="] * 3  # alice:wrong

    for host, guess in enumerate(guesses):
        headers = {"Authorization": f"Basic {guess}"}
        client.post(URL, {}, headers=headers, REMOTE_ADDR=f"192.0.2.{host}")

    assert read(log_in(client, ALICE)) == THROTTLED


def test_a_login_by_basic_is_counted_as_rest_framework_reads_it(passwords, client):
    guesses = [b"alice:wrong", "álice:wrong".encode(), "álice:wrong".encode("latin-1")]

    for host, guess in enumerate(guesses):
        headers = {"Authorization": f"Basic {b64encode(guess).decode()}"}
        client.post(URL, {}, headers=headers, REMOTE_ADDR=f"192.0.2.{host}")

    assert read(log_in(client, ALICE)) == THROTTLED


def test_only_failures_are_counted(passwords, alice, client):
    answers = [log_in(client, ALICE) for _ in range(5)]
    answers += [log_in(client, {**ALICE, "nonce": ""}) for _ in range(5)]
    assert statuses(answers) == [200] * 5 + [400] * 5

    strangers = [log_in(client, {}) for _ in range(5)]
    assert statuses(strangers) == [403] * 5

    assert read(log_in(client, WRONG)) == authentication_failed()


def test_a_correct_password_does_not_reset_the_count(passwords, client):
    bodies = [WRONG, ALICE, WRONG, ALICE, WRONG, ALICE]

    answers = [log_in(client, body) for body in bodies]

    assert statuses(answers) == [403, 200, 403, 200, 403, 429]


def test_a_session_of_another_user_counts_as_a_failure(passwords, client, alice):
    User.objects.create_user("bob", password="builder")
    client.force_login(alice)

    answers = [log_in(client, BOB) for _ in range(4)]

    assert statuses(answers) == [403, 403, 403, 429]


def test_without_client_addresses_only_logins_are_counted(passwords, client):
    def guess(username):
        body = {"nonce": NONCE, "username": username, "password": "wrong"}
        return client.post(URL, body, REMOTE_ADDR="")

    answers = [guess("alice") for _ in range(4)] + [guess("bob")]

    assert statuses(answers) == [403, 403, 403, 429, 403]


def test_the_cache_holds_no_logins_and_no_addresses(passwords, alice, client):
    body = {"username": "zoe@example.com", "password": "wrong"}
    client.post(URL, {"nonce": NONCE, **body}, REMOTE_ADDR="192.0.2.77")
    ask(alice, nonce=NONCE)

    names = " ".join(cache._cache)
    assert len(cache._cache) == 5  # an address, a login, no account, a user, a nonce
    assert "zoe" not in names
    assert "192.0" not in names
