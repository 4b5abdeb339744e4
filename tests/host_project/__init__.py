"""Code that a host project writes; mypy and pyright check it."""

from __future__ import annotations
