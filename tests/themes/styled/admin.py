from __future__ import annotations

import re
import textwrap
from pathlib import Path

page = Path(__file__).parents[3] / "docs" / "other-packages.rst"
[recipe] = re.findall(
    r"^\.\. code-block:: python\n   :caption: admin.py\n\n((?:   .*\n|\n)+)",
    page.read_text(encoding="utf-8"),
    re.MULTILINE,
)
exec(textwrap.dedent(recipe))  # noqa: S102
