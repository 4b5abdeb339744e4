"""Find the pages of the documentation by name, in whichever part they are."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(
    r"^( *)\.\. code-block:: (\S+)\n(?:\1   :caption: (.+)\n)?\n((?:\1   .*\n|\n)+)",
    re.MULTILINE,
)


def page(name: str) -> Path:
    """Return the file of the page with this name."""
    [found] = DOCS.rglob(f"{name}.rst")
    return found


def code_blocks(text: str) -> list[tuple[str, str, str]]:
    """Return the language, the caption (or "") and the code of each block, in order."""
    return [
        (language, caption, textwrap.dedent(code).strip("\n") + "\n")
        for _indent, language, caption, code in BLOCK.findall(text)
    ]


def code_with_captions(text: str) -> list[tuple[str, str]]:
    """Return the caption and the code of each block with a caption, in order."""
    return [(caption, code) for _, caption, code in code_blocks(text) if caption]


def captioned(name: str) -> dict[str, str]:
    """Return the code of the page's blocks by caption."""
    return dict(code_with_captions(page(name).read_text(encoding="utf-8")))
