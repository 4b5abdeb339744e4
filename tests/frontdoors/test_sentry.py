"""Events of sentry-sdk never contain passwords of the body."""

from __future__ import annotations

import json
import logging
import os

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client

from tests.endpoint import (
    ALICE,
    FORM,
    JSON,
    MULTIPART,
    URL,
    configure,
    multipart,
    part,
    read,
)
from tests.internals import clear_loaded_keys

pytestmark = [
    pytest.mark.frontdoor,
    pytest.mark.skipif(
        os.environ["DJANGO_SETTINGS_MODULE"] != "tests.frontdoors.settings",
        reason="Run it with --ds=tests.frontdoors.settings.",
    ),
]

HERE = "tests.frontdoors.test_sentry"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
PARTS = [
    part("name=nonce", "abc"),
    part("name=user[username]", "alice"),
    part("name=user[password]", "wonderland"),
]
BODIES = [
    pytest.param(JSON, json.dumps({"nonce": "abc", **ALICE}), id="json"),
    pytest.param(JSON, json.dumps({"nonce": "abc", "user": ALICE}), id="json-user"),
    pytest.param(FORM, "nonce=abc&username=alice&password=wonderland", id="form"),
    pytest.param(
        FORM, "nonce=abc&user[username]=alice&user[password]=wonderland", id="form-user"
    ),
    pytest.param(MULTIPART, multipart(*PARTS), id="multipart"),
]


class Dead(LocMemCache):
    """A cache that is down."""

    def get(self, *args, **kwargs):
        raise ConnectionError("gone")


def failing_key(settings):
    clear_loaded_keys()
    configure(settings, KEY_ENCRYPTION_KEYS=[])


def failing_claim(settings):
    configure(settings, CLAIMS={"first_name": lambda context: context.user.nickname()})


def dead_cache(settings):
    settings.CACHES = {"default": {"BACKEND": f"{HERE}.Dead"}}


@pytest.fixture
def phone(settings, key, alice):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])
    return Client()


@pytest.fixture
def capture():
    """Start sentry-sdk; return the list of events that it sends."""
    import sentry_sdk
    from sentry_sdk.integrations.logging import LoggingIntegration
    from sentry_sdk.transport import Transport

    sent = []

    class Local(Transport):
        def capture_envelope(self, envelope):
            sent.append(envelope.get_event())

    def start(event_level=logging.ERROR, **options):
        integrations = [LoggingIntegration(event_level=event_level)]
        dsn = "https://public@sentry.invalid/1"
        sentry_sdk.init(dsn, transport=Local, integrations=integrations, **options)
        return sent

    with sentry_sdk.isolation_scope():
        yield start
    sentry_sdk.get_global_scope().set_client(None)


def nonces(events):
    """Return the nonces, which prove that the events contain the body."""
    return [event["request"]["data"]["nonce"] for event in events]


@pytest.mark.parametrize(("content_type", "body"), BODIES)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (failing_key, "signing_failed"),
        (failing_claim, None),
        (dead_cache, "unavailable"),
    ],
)
def test_an_error_sends_no_password_to_sentry(
    settings, phone, capture, fault, code, content_type, body
):
    events = capture()
    fault(settings)

    response = phone.generic("POST", URL, body, content_type)

    assert read(response)[1].get("code") == code
    assert nonces(events) == ["abc"]
    assert "wonderland" not in str(events)


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_a_throttled_request_sends_no_password_to_sentry(
    settings, caplog, phone, capture, content_type, body
):
    caplog.set_level(logging.INFO, "django_layer_identity")
    events = capture(event_level=logging.INFO)  # by default it ignores this level
    throttles = ["tests.api.test_classes.Busy"]
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": throttles}

    response = phone.generic("POST", URL, body, content_type)

    assert read(response)[1]["code"] == "throttled"
    assert nonces(events) == ["abc"]
    assert "wonderland" not in str(events)


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_without_sentrys_scrubber_no_password_is_sent(
    settings, phone, capture, content_type, body
):
    from sentry_sdk.scrubber import EventScrubber

    events = capture(event_scrubber=EventScrubber(denylist=[]))
    failing_key(settings)

    phone.generic("POST", URL, body, content_type)

    assert nonces(events) == ["abc"]
    assert "wonderland" not in str(events)
