"""The documentation agrees with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from django_layer_identity.api.errors import CHALLENGED, STATUSES
from django_layer_identity.api.jwks import MAX_AGE
from django_layer_identity.checks.settings import KNOWN
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import Refusal
from django_layer_identity.protocol.explain import LAYER_CODES
from tests.checks import documented_checks
from tests.pages import code_blocks, page

ROOT = Path(__file__).parent.parent
CHECKS = ROOT / "django_layer_identity/checks"
PACKAGE = ROOT / "django_layer_identity"


def documented(name, pattern):
    return re.findall(pattern, page(name).read_text(), re.MULTILINE)


def test_every_setting_is_documented_in_order():
    assert documented("settings", r"^\.\. setting:: (\w+)$") == KNOWN


def test_every_setting_has_a_section_with_its_default(settings):
    settings.LAYER_IDENTITY = {}
    pattern = (
        r"^\.\. setting:: (\w+)\n\n``\1``\n~+\n\n"  # a heading has a permalink
        r"Default: ``([^`]+)``"
    )
    sections = documented("settings", pattern)

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


def test_every_code_of_the_validator_is_documented_with_its_meaning():
    rows = documented("explain", r"^   \* - ``(\w+)``\n     - (.+)$")
    ours = set(
        re.findall(
            r'"(layer_identity_\w+)"', (PACKAGE / "protocol/explain.py").read_text()
        )
    )

    assert dict(rows[:20]) == dict(LAYER_CODES)
    ours.remove("layer_identity_token")  # the field of a response
    assert {code for code, _meaning in rows[20:]} == ours


def test_every_command_is_documented():
    names = {path.stem for path in PACKAGE.rglob("commands/layer_*.py")}

    assert set(documented("commands", r"^``(layer_\w+)")) == names


def test_verifiers_in_the_docs_cache_keys_for_the_allowed_time():
    assert documented("jwks", r"kept for (\d+) seconds") == [str(MAX_AGE)]
    assert documented("own-layer", r"\blifespan=(\d+),") == [str(MAX_AGE)]
    assert documented("own-layer", r"\bcacheMaxAge: (\d+)_000,") == [str(MAX_AGE)]
    assert documented("own-layer", r"\bKEYS_SECONDS = (\d+)\b") == [str(MAX_AGE)]


#: An anchor and a heading for each status, and then the same for each of its codes.
STATUS = r"\.\. status:: (?P<status>\d{3})\n\n(?P=status) .+\n-+\n"
CODE = r"\.\. refusal:: (?P<code>\w+)\n\n``(?P=code)``\n~+\n\n(:(?:.+\n)+)"


def test_every_status_and_every_code_has_an_anchor_and_a_heading():
    anchors = documented("codes", r"^\.\. (?:status|refusal):: .+$")
    found = documented("codes", f"^(?:{STATUS}|{CODE})")

    status, codes = None, {}
    for number, code, _texts in found:
        status = number or status
        if code:
            codes[code] = status
    assert codes == {
        code: "401" if code in CHALLENGED else str(status)
        for code, status in STATUSES.items()
    }
    assert len(found) == len(anchors) == len({401, *STATUSES.values()}) + len(STATUSES)


def test_every_refusal_is_documented_with_its_texts():
    assert {
        code: sorted(_fields(texts)) for code, texts in documented("codes", CODE)
    } == {code: sorted(_texts(code)) for code in STATUSES}


def _fields(text):
    """Return the name and the text of each field, without markup."""
    plain = re.sub(r":setting:`(\w+)`|``", r"\1", text)
    return re.findall(r"^:(\w+): (.+)$", re.sub(r"\n   ", " ", plain), re.MULTILINE)


def _texts(code):
    """Return the texts of the code's classes as they are in the documentation."""
    texts = set()
    for refusal in (refusal for refusal in REFUSALS if refusal.code == code):
        names = [name for name in dir(refusal) if name.startswith("detail")]
        texts |= {("Response", getattr(refusal, name)) for name in names}
        texts.add(("Operator", refusal.advice))
    return texts


def below(kind):
    return [leaf for each in kind.__subclasses__() for leaf in (each, *below(each))]


REFUSALS = below(Refusal)


def test_every_refusal_has_a_status():
    assert {refusal.code for refusal in REFUSALS} == set(STATUSES)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_every_refusal_has_a_text_for_the_client_and_one_for_the_operator(refusal):
    assert re.fullmatch(r"[A-Z“].{15,130}\.", refusal.detail)
    assert re.fullmatch(r"[A-Z“].{60,270}\.", refusal.advice)


#: A project of one view, which has an error, and a request to it.
BROKEN = """
import django
from django.conf import settings
from django.test import Client
from django.urls import path

settings.configure(LOGGING=LOGGING, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
django.setup()
urlpatterns = [path("", lambda request: 1 / 0)]
Client(raise_request_exception=False).get("/")
"""


def test_the_documented_logging_shows_the_errors_of_other_views():
    [(_language, _caption, code)] = code_blocks(page("logging").read_text())

    done = subprocess.run(
        [sys.executable, "-c", code + BROKEN],
        capture_output=True,
        text=True,
        check=True,
    )

    lines = done.stderr.splitlines()
    assert (lines[0], lines[-1]) == (
        "Internal Server Error: /",
        "ZeroDivisionError: division by zero",
    )
