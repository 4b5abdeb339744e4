"""The documentation's pictures exist and show the present pages."""

from __future__ import annotations

import re
import runpy

from tests.pages import DOCS

TESTS = DOCS.parent / "tests" / "browser"
TAKEN = re.compile(r'take_picture\([\w.]+, "([\w-]+)"\)')
SHOWN = re.compile(r"^\.\. image:: /_static/pictures/([\w-]+)\.png$", re.MULTILINE)


def found(pattern, files):
    return {name for file in files for name in pattern.findall(file.read_text())}


def test_each_picture_is_taken_by_a_browser_test_and_shown():
    stored = {file.stem for file in (DOCS / "_static/pictures").iterdir()}

    assert stored == found(TAKEN, TESTS.glob("*.py"))
    assert stored == found(SHOWN, DOCS.rglob("*.rst"))


def test_the_sequence_diagram_is_up_to_date():
    drawing = runpy.run_path(str(DOCS / "sequence.py"))

    assert drawing["FILE"].read_text() == drawing["draw"]()
