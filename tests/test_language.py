"""The texts of the project are gender-neutral."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLACES = (
    *("django_layer_identity", "docs", "example_project", "tests"),
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "RELEASING.md"),
    "hatch_build.py",
)
SUFFIXES = (".css", ".html", ".js", ".md", ".py", ".rst", ".txt")
#: Folders that are built or downloaded, and texts of other origin.
EXCLUDED = {"_build", "node_modules", "vectors", "__pycache__"}
#: The four masculine pronouns, without a word boundary that this file would match.
PRONOUN = re.compile(r"\bh(?:e|is|im(?:self)?)\b", re.IGNORECASE)


def files():
    for place in PLACES:
        path = ROOT / place
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.suffix in SUFFIXES and not is_excluded(file.relative_to(ROOT)):
                yield file


def is_excluded(path):
    """Return whether the path is excluded or in a hidden folder."""
    return any(part in EXCLUDED or part.startswith(".") for part in path.parts)


def pronouns(text):
    """Return line number and line of each masculine pronoun."""
    return [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if PRONOUN.search(line.replace("_", " "))
    ]


def test_no_text_has_a_masculine_pronoun():
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line}"
        for file in files()
        for number, line in pronouns(file.read_text(encoding="utf-8"))
    ]

    assert found == [], "Name the person (“the user”), or use “they”:\n" + "\n".join(
        found
    )


@pytest.mark.parametrize("ending", ["e", "IS", "im", "imself"])
def test_a_pronoun_is_found_also_in_a_name(ending):
    text = f"first\ndef test_{'h' + ending}_here():"

    assert pronouns(text) == [(2, text.splitlines()[1])]


@pytest.mark.parametrize("word", ["the", "this", "history", "there", "chim"])
def test_other_words_are_not_pronouns(word):
    assert pronouns(word) == []


def test_package_tests_docs_and_example_project_are_read():
    names = {file.relative_to(ROOT).as_posix() for file in files()}

    assert names >= {
        "README.md",
        "django_layer_identity/ledger.py",
        "docs/index.rst",
        "example_project/demo/templates/demo/index.html",
        "example_project/demo/static/demo/draw.js",
        "tests/test_language.py",
    }
