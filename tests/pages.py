"""Find the pages of the documentation by name, in whichever part they are."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
CAPTIONED = re.compile(
    r"^\.\. code-block:: \S+\n   :caption: (.+)\n\n((?:   .*\n|\n)+)", re.MULTILINE
)


def page(name: str) -> Path:
    """Return the file of the page with this name."""
    [found] = DOCS.rglob(f"{name}.rst")
    return found


def code_with_captions(text: str) -> list[tuple[str, str]]:
    """Return the caption and the code of each block with a caption, in order."""
    return [
        (caption, textwrap.dedent(code).strip("\n") + "\n")
        for caption, code in CAPTIONED.findall(text)
    ]


def captioned(name: str) -> dict[str, str]:
    """Return the code of the page's blocks by caption."""
    return dict(code_with_captions(page(name).read_text(encoding="utf-8")))
