"""The recipes of ``docs/authentication.rst``, to be run as they stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from django.urls import include, path

PAGE = Path(__file__).parent.parent.parent / "docs/authentication.rst"
SECTION = re.compile(r"^(.+)\n-+\n", re.MULTILINE)
BLOCK = re.compile(
    r"^\.\. code-block:: python\n   :caption: (\S+)\n\n((?:   .*\n|\n)+)", re.MULTILINE
)


def sections():
    """Return title -> file name -> code."""
    _, *parts = SECTION.split(PAGE.read_text())
    return {
        title: {name: textwrap.dedent(code) for name, code in BLOCK.findall(text)}
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


RECIPES = {title: files for title, files in sections().items() if files}


def settings_of(title, **before):
    """Return the settings of a project after a recipe was added to them."""
    exec(RECIPES[title]["settings.py"], before)  # noqa: S102
    return {name: value for name, value in before.items() if name.isupper()}


def urls_of(title):
    """Return the URLs that a recipe adds."""
    names = {"path": path, "include": include, "urlpatterns": []}
    exec(RECIPES[title].get("urls.py", ""), names)  # noqa: S102
    return names["urlpatterns"]
