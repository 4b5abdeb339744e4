"""schemathesis: requests that the OpenAPI document allows, and others."""

from __future__ import annotations

import itertools
from collections import Counter

import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from schemathesis import GenerationMode

from tests.api import openapi
from tests.endpoint import JSON

NO_FORM = (int, float, list, type(None))
BATCH = 250  # inputs; hypothesis needs too much memory for larger batches


def run(project, numbers):
    """Send the inputs; return the number of answers by status."""
    operation, answers = _operation(project), Counter()
    modes = itertools.cycle([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    for first, mode in zip(numbers[::BATCH], modes, strict=False):
        size = min(BATCH, numbers.stop - first)
        cases = operation.as_strategy(generation_mode=mode)
        answers += _batch(project, cases, size, first)
    return answers


def _operation(project):
    document = openapi.generate()
    path = "/layer/authenticate"
    document["paths"][path]["post"].pop(
        "security"
    )  # the test sends the credentials itself
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
        # The client cannot encode a number or a list as a form.
        is_json = case.media_type == JSON
        assume(is_json or not isinstance(case.body, NO_FORM))
        response = case.call(headers=headers)
        case.validate_response(response)
        assert response.headers["cache-control"] == ["no-store"]
        answers[response.status_code] += 1

    answer()
    return answers
