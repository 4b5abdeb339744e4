"""What a project writes around the package; mypy and pyright check it in the gate."""

from __future__ import annotations
