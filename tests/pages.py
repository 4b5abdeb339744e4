"""Find the pages of the documentation by name, in whichever part they are."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def page(name: str) -> Path:
    """Return the file of the page with this name."""
    [found] = DOCS.rglob(f"{name}.rst")
    return found
