"""schemathesis: requests that the OpenAPI document allows, and ones that it does not."""

from __future__ import annotations

import itertools
from collections import Counter

import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from schemathesis import GenerationMode

from tests.api import openapi
from tests.endpoint import JSON

NO_FORM = (int, float, list, type(None))
BATCH = 250  # inputs; more of them at once, and hypothesis remembers too much


def run(project, numbers):
    """Try that many inputs; return how often each status was the answer."""
    operation, answers = _operation(project), Counter()
    modes = itertools.cycle([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    for first, mode in zip(numbers[::BATCH], modes, strict=False):
        size = min(BATCH, numbers.stop - first)
        cases = operation.as_strategy(generation_mode=mode)
        answers += _batch(project, cases, size, first)
    return answers


def _operation(project):
    document = openapi.generate()
    path = "/layer/authenticate/"
    document["paths"][path]["post"].pop("security")  # ours to send, not to be guessed
    schema = schemathesis.openapi.from_dict(document)
    schema.app = project.application
    return schema[path]["POST"]


def _batch(project, cases, size, number):
    headers, answers = {"Authorization": project.authorization}, Counter()

    @seed(number)
    @settings(
        max_examples=size,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def answer(case):
        # Of a number or a list no form can be made: the client itself fails at it.
        is_json = case.media_type == JSON
        assume(is_json or not isinstance(case.body, NO_FORM))
        response = case.call(headers=headers)
        case.validate_response(response)
        assert response.headers["cache-control"] == ["no-store"]
        answers[response.status_code] += 1

    answer()
    return answers
