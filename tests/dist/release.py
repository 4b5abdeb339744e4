"""
Check that the project is ready for the release of a tag; the release workflow runs this.

It compares ``pyproject.toml`` and ``CHANGELOG.md`` with the variables that every hosted
job has: the server, the repository and the tag.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path


def problems(
    project: Mapping, changelog: str, variables: Mapping[str, str]
) -> Iterator[str]:
    address = project["urls"].get("Repository", "").rstrip("/")
    hosted = f"{variables['GITHUB_SERVER_URL']}/{variables['GITHUB_REPOSITORY']}"
    version, tag = project["version"], variables["GITHUB_REF_NAME"]
    if not address:
        yield "[project.urls] has no Repository: fill it in as RELEASING.md says."
    elif address.lower() != hosted.lower():
        yield f"Repository in [project.urls] is {address}, but this is {hosted}."
    if tag != f"v{version}":
        yield f"The tag must be v{version}, not {tag}."
    if not re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE):
        yield f"CHANGELOG.md has no section [{version}]."


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    changelog = Path("CHANGELOG.md").read_text(encoding="utf-8")
    sys.exit("\n".join(problems(project["project"], changelog, os.environ)) or None)
