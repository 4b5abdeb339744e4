"""The benchmarks with a single round: they run, and print each of their lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.services.conftest import need

pytestmark = pytest.mark.service

FIGURES = re.compile(
    r"^ +[\d.]+ +[\d,]+ µs  (.+?)(?: \(at \w+ [\d.]+: (?:met|missed)\))?$"
)
SKIPPED = re.compile(r"^(joserfc|jwcrypto|firebase-admin|SimpleJWT .*): skipped\. ")
VIEWS = [
    "the floor view",
    "the endpoint",
    "the endpoint, with rate limits",
    "the way of Layer's sample",
    "a bare view",
]
NEW_PROCESS = [
    "first request / parsing the PEM",
    "first request of the floor view / the same",
    "first request after one of the floor view / the same",
    "first request after warm_keys() / a later request",
    "first request of the endpoint / of the floor view",
]
SQLITE, POSTGRESQL = "SQLite in a file, cache in the process", "PostgreSQL and Redis"


def run(*arguments, **environment):
    """Return the titles and the names of the figures, in their order."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--rounds=1", *arguments],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line for line in process.stdout.splitlines()[1:] if line]
    return [
        match[1] if (match := FIGURES.match(line)) else line
        for line in lines
        if not SKIPPED.match(line)
    ], {match[1] for line in lines if (match := SKIPPED.match(line))}


def test_tokens_are_compared_with_those_of_other_libraries():
    printed, skipped = run("tokens")

    others = ["SimpleJWT (RS256)", "joserfc", "jwcrypto", "firebase-admin"]
    assert printed == [
        "One token",
        "a bare signature with a loaded key",
        "claims to token, with a loaded key",
        "PyJWT, given the PEM text each time",
        "PyJWT, with a loaded key",
        *(name for name in others if name not in skipped),
    ]


def test_the_endpoint_is_compared_on_both_databases():
    need("postgresql")
    need("redis")

    printed, _ = run("endpoint", "fresh")

    assert printed == [
        f"{SQLITE}; login by token",
        *VIEWS,
        f"{SQLITE}; login by session",
        *VIEWS,
        f"A new process: {SQLITE}",
        *NEW_PROCESS,
        f"{POSTGRESQL}; login by token",
        *VIEWS,
        f"{POSTGRESQL}; login by session",
        *VIEWS,
        f"A new process: {POSTGRESQL}",
        *NEW_PROCESS,
    ]


def test_a_missing_service_is_named():
    nowhere = {"TEST_POSTGRESQL_URL": "postgresql://127.0.0.1:1/none"}

    [line], _ = run("http", **nowhere)

    assert line.startswith(f"{POSTGRESQL}: skipped. postgresql cannot be reached.")
