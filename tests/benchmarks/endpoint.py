"""The whole endpoint beside the floor view and the way of Layer's sample."""

from __future__ import annotations

import json

from django.test import override_settings

from tests.benchmarks.handler import form_body, requester
from tests.benchmarks.names import FORM, SESSIONS
from tests.benchmarks.places import PLACES, identity
from tests.benchmarks.rounds import AtMost, measure, show_times
from tests.server.clients import URL
from tests.server.process import TOKENS

FLOOR, OURS, THROTTLED, SAMPLE, BARE = (
    "the floor view",
    "the endpoint",
    "the endpoint, with rate limits",
    "the way of Layer's sample",
    "a bare view",
)
GOALS = {OURS: AtMost(1.15)}
RATES = {"user": "1000000/min", "failures": "20/min"}
CLASSES = {"token": TOKENS, "session": SESSIONS}


def run(rounds, place, logins):
    for kind, headers in logins.items():
        _run(rounds, f"{PLACES[place]}; login by {kind}", kind, headers)


def _run(rounds, title, kind, headers):
    endpoint = requester(URL, headers)
    calls = {
        FLOOR: requester(f"/floor/{kind}", headers),
        OURS: endpoint,
        THROTTLED: endpoint,
        SAMPLE: requester("/sample", {}, FORM, form_body),
        BARE: requester("/bare", headers),
    }
    classes = {"AUTHENTICATION_CLASSES": CLASSES[kind]}
    limited = identity(**classes, THROTTLE_RATES=RATES)
    with override_settings(LAYER_IDENTITY=identity(**classes)):
        _compare_answers(calls[FLOOR](), endpoint())
        times = measure(
            calls,
            rounds=rounds,
            number=10,
            around={THROTTLED: lambda: override_settings(LAYER_IDENTITY=limited)},
        )
    show_times(title, times, FLOOR, GOALS)


def _compare_answers(floor, ours):
    """Check that both views return the same JSON, except for the values."""
    assert json.loads(floor).keys() == json.loads(ours).keys()
    assert abs(len(floor) - len(ours)) < 8, (len(floor), len(ours))
