"""Send generated inputs: no crash, and only documented answers."""

from __future__ import annotations

import logging

from tests.fuzz import schema, tokens, wire
from tests.fuzz.project import project

NEEDS = ()
SCHEMA, WIRE, TOKENS = 100_000, 100_000, 20_000  # inputs at scale 1


def run(scale):
    logging.disable(logging.CRITICAL)  # one log line per input would hide the report
    try:
        with project() as target:
            return [
                *_schema(target, round(SCHEMA * scale)),
                *_wire(target, round(WIRE * scale)),
                *_tokens(target, round(TOKENS * scale)),
            ]
    finally:
        logging.disable(logging.NOTSET)


def _schema(target, count):
    answers = schema.run(target, range(count))
    yield f"schemathesis: {answers.total():,} inputs, crashes: 0"
    yield f"  answers by status: {_listed(answers)}"


def _wire(target, count):
    answers, slowest = wire.run(target, range(count))
    ordinary = wire.run_ordinary(target)
    yield f"changed requests: {answers.total():,} inputs, crashes: 0"
    yield f"  answers by code: {_listed(answers)}"
    yield f"  the slowest took {slowest / ordinary:.1f} times the CPU of an ordinary request"


def _tokens(target, count):
    answers = tokens.run(target, range(count))
    yield f"changed tokens: {answers.total():,} inputs, accepted: {answers['accepted']}"
    yield f"  answers by code: {_listed(answers)}"


def _listed(answers):
    return ", ".join(f"{name} {count:,}" for name, count in answers.most_common())
