from __future__ import annotations

from tests.pages import captioned

exec(captioned("other-packages")["admin.py"])  # noqa: S102
