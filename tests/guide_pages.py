"""The code of the documentation's guides, by page."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fresh import SETTINGS, URLS, add, start_project
from tests.pages import DOCS, code_blocks, page

#: Pages whose code other tests run: tests/frontdoors, tests/change_logs, tests/themes.
TESTED_ELSEWHERE = {"authentication", "other-packages"}


def blocks(name):
    """Return language, caption (may be empty) and code of each block of a page."""
    return code_blocks(page(name).read_text())


def files(name):
    """Return the Python files of a guide: blocks with the same caption belong together."""
    found = {}
    for language, caption, code in blocks(name):
        if language == "python" and caption.endswith(".py"):
            found[caption] = found.get(caption, "") + code
    return found


#: Guides with settings, which make a project.
PROJECTS = sorted(
    path.stem
    for path in (DOCS / "guides").glob("*.rst")
    if path.stem not in TESTED_ELSEWHERE and "settings.py" in files(path.stem)
)


def start_guide(directory, name):
    """Create a project as the README and this guide say."""
    start_project(directory)
    add(directory, {"settings.py": SETTINGS, "urls.py": URLS})
    code = files(name)
    for file in code:
        if "/" in file:
            package = Path(directory, file).parent
            package.mkdir(exist_ok=True)
            (package / "__init__.py").touch()
    add(directory, code)


def commands(name):
    """Return each command of the page's console blocks and its output."""
    found = []
    for language, _caption, code in blocks(name):
        if language == "console":
            for command in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
                line, _, output = command.partition("\n")
                found.append((line, output.strip("\n")))
    return found
