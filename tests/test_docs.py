"""The documentation agrees with the code."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from django_layer_identity.api.errors import CHALLENGED, STATUSES
from django_layer_identity.api.jwks import MAX_AGE
from django_layer_identity.checks.settings import KNOWN
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import Refusal
from tests.checks import documented_checks

ROOT = Path(__file__).parent.parent
CHECKS = ROOT / "django_layer_identity/checks"
PACKAGE = ROOT / "django_layer_identity"


def documented(page, pattern):
    return re.findall(pattern, (ROOT / "docs" / page).read_text(), re.MULTILINE)


def test_every_setting_is_documented_in_order():
    assert documented("settings.rst", r"^\.\. setting:: (\w+)$") == KNOWN


def test_every_setting_has_a_section_with_its_default(settings):
    settings.LAYER_IDENTITY = {}
    pattern = (
        r"^\.\. setting:: (\w+)\n\n``\1``\n~+\n\n"  # a heading has a permalink
        r"Default: ``([^`]+)``"
    )
    sections = documented("settings.rst", pattern)

    shown = [(name, " ".join(default.split())) for name, default in sections]
    assert shown == [(name, as_documented(getattr(conf, name))) for name in KNOWN]


def as_documented(default):
    if isinstance(default, timedelta):
        unit = "minutes" if default >= timedelta(minutes=1) else "seconds"
        return f"timedelta({unit}={default // timedelta(**{unit: 1})})"
    return repr(default).replace("'", '"')


def test_every_check_is_documented_in_order():
    sources = [path.read_text() for path in CHECKS.glob("*.py")]
    ids = re.findall(r'"(?:layer_identity\.)?([EW]\d{3})"', "".join(sources))

    # tests/checks compares each message and hint with the page when it appears.
    assert [id for id, _messages, _hints in documented_checks()] == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_every_command_is_documented():
    names = {path.stem for path in PACKAGE.rglob("commands/layer_*.py")}

    assert set(documented("commands.rst", r"^``(layer_\w+)")) == names


def test_verifiers_in_the_docs_cache_keys_for_the_allowed_time():
    assert documented("jwks.rst", r"kept for (\d+) seconds") == [str(MAX_AGE)]
    assert documented("jwks.rst", r"\blifespan=(\d+)\)") == [str(MAX_AGE)]
    assert documented("jwks.rst", r"\bcacheMaxAge: (\d+)_000,") == [str(MAX_AGE)]


def test_every_refusal_is_documented_with_its_status():
    rows = documented("endpoint.rst", r"^   \* - (.+)\n     - ``(\w+)``$")

    assert [(code, status) for status, code in rows] == [
        (code, "401 or 403" if code in CHALLENGED else str(status))
        for code, status in STATUSES.items()
    ]


def test_every_refusal_is_documented_with_advice_for_the_client():
    advice = dict(
        documented("endpoint.rst", r"^     - ``(\w+)``\n     - ((?:.+\n)(?: {7}.+\n)*)")
    )

    assert set(advice) == set(STATUSES)
    assert [text for text in advice.values() if not _is_advice(text)] == []


def _is_advice(text):
    return re.fullmatch(r"[A-Z].{5,}\.", " ".join(text.split()))


def below(kind):
    return [leaf for each in kind.__subclasses__() for leaf in (each, *below(each))]


REFUSALS = below(Refusal)


def test_every_refusal_has_a_status():
    assert {refusal.code for refusal in REFUSALS} == set(STATUSES)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_every_refusal_is_a_sentence(refusal):
    assert re.fullmatch(r"[A-Z“].{15,120}\.", refusal.detail)
