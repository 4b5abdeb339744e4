from __future__ import annotations

import re
import textwrap

from tests.pages import page

[recipe] = re.findall(
    r"^\.\. code-block:: python\n   :caption: admin.py\n\n((?:   .*\n|\n)+)",
    page("other-packages").read_text(encoding="utf-8"),
    re.MULTILINE,
)
exec(textwrap.dedent(recipe))  # noqa: S102
