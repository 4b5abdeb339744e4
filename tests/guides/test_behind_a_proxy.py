from __future__ import annotations

import base64
import json
import re

import pytest

from tests.endpoint import FORM, JSON, NONCE, URL, configure
from tests.guide_pages import commands

REST = "rest_framework.authentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"


def test_the_check_of_proxies_is_silent(warnings):
    assert warnings == ["layer_identity.W040"]


def post(client, user, password, address, **headers):
    body = {"nonce": NONCE, "username": user, "password": password}
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": address, **headers}
    return client.post(URL, json.dumps(body), JSON, headers=headers)


def test_wrong_passwords_of_one_client_do_not_block_another(
    settings, rate_clock, client, key, alice
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])

    statuses = [
        post(client, f"user{number}", "wrong", "192.0.2.1").status_code
        for number in range(21)
    ]

    assert statuses == [403] * 20 + [429]
    assert post(client, "alice", "wonderland", "192.0.2.2").status_code == 200


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([f"{REST}.BasicAuthentication"], [401] * 20 + [429]),
        (
            [f"{REST}.SessionAuthentication", f"{REST}.BasicAuthentication"],
            [403] * 20 + [429],
        ),
        ([f"{REST}.TokenAuthentication"], [401] * 21),
    ],
)
def test_the_command_shows_that_passwords_are_counted_and_tokens_are_not(
    settings, rate_clock, client, key, classes, expected
):
    [(line, _output)] = commands("behind-a-proxy")
    login, body = re.search(
        r"-u (\S+) -d (\S+) https://example.com/layer/", line
    ).groups()
    configure(settings, AUTHENTICATION_CLASSES=classes)
    basic = f"Basic {base64.b64encode(login.encode()).decode()}"
    headers = {"Authorization": basic, "X-Forwarded-Proto": "https"}

    answers = [client.post(URL, body, FORM, headers=headers) for _ in range(21)]

    assert [answer.status_code for answer in answers] == expected


def test_a_forged_address_does_not_help(settings, rate_clock, client, key, alice):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])

    statuses = [  # nginx adds the real address at the end
        post(client, f"user{number}", "wrong", f"198.51.100.{number}, 192.0.2.1")
        for number in range(21)
    ]

    assert statuses[-1].status_code == 429


def test_http_is_redirected_and_https_is_not(client, key, alice):
    plain = post(client, "alice", "x", "192.0.2.1", **{"X-Forwarded-Proto": "http"})

    assert (plain.status_code, plain["Location"]) == (301, f"https://testserver{URL}")
    assert post(client, "alice", "x", "192.0.2.1").status_code == 403
