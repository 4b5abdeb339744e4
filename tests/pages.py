"""Find the pages of the documentation by name, in whichever part they are."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(
    r"^\.\. code-block:: python\n   :caption: (\S+)\n\n((?:   .*\n|\n)+)", re.MULTILINE
)


def page(name: str) -> Path:
    """Return the file of the page with this name."""
    [found] = DOCS.rglob(f"{name}.rst")
    return found


def code_with_captions(text):
    """Return the file name and the code of each block with a caption, in order."""
    return [(name, textwrap.dedent(code)) for name, code in BLOCK.findall(text)]
