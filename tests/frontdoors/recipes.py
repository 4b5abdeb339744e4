"""
The recipes of the page "authentication", run exactly as documented.

Each recipe is added to a project from ``startproject`` with the README's changes. So a
recipe cannot change a name that this project does not define.
"""

from __future__ import annotations

import re
from tempfile import TemporaryDirectory

from tests.fresh import SETTINGS, URLS, start_project
from tests.pages import code_with_captions, page

PAGE = page("authentication")
SECTION = re.compile(r"^(.+)\n-+\n", re.MULTILINE)


def sections():
    """Return the text of each section by title."""
    _, *parts = SECTION.split(PAGE.read_text())
    return dict(zip(parts[::2], parts[1::2], strict=True))


SECTIONS = sections()
FILES = {title: dict(code_with_captions(text)) for title, text in SECTIONS.items()}
RECIPES = {title: files for title, files in FILES.items() if files}

with TemporaryDirectory() as directory:
    FRESH_SETTINGS, FRESH_URLS = start_project(directory)


def settings_of(title):
    """Return the settings that a recipe sets or changes in a fresh project."""
    before, after = _executed(""), _executed(RECIPES[title]["settings.py"])
    return {
        name: value
        for name, value in after.items()
        if name.isupper() and before.get(name) != value
    }


def _executed(recipe):
    names = {"__file__": "messenger/settings.py"}
    exec(f"{FRESH_SETTINGS}\n{SETTINGS}\n{recipe}", names)  # noqa: S102
    return names


def urls_of(title):
    """Return the URLs that a recipe adds to those of a fresh project."""
    names = {}
    exec(f"{FRESH_URLS}\n{URLS}", names)  # noqa: S102
    before = len(names["urlpatterns"])
    exec(RECIPES[title].get("urls.py", ""), names)  # noqa: S102
    return names["urlpatterns"][before:]
