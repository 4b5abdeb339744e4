"""The documentation's pictures. The browser tests take them, so they show the present pages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE = {"width": 1280, "height": 800}


def take_picture(page: Page, name: str) -> None:
    """Store what the page looks like on a wide light screen; only ``make pictures`` does."""
    folder = os.environ.get("PICTURES")
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    if not folder or is_dark:
        return
    before = page.viewport_size
    page.set_viewport_size(SIZE)
    page.screenshot(path=Path(folder, f"{name}.png"))
    page.set_viewport_size(before)
