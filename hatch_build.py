"""Make the README the published description, which needs absolute links."""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: The start of an image or a link, in Markdown or HTML, and its target if that is a file.
LINK = re.compile(r"""(!\[[^\]]*\]\(|\]\(|src="|href=")(?![a-z]+:|#)([^)\s"]+)""")


def absolute_links(text: str, repository: str, version: str) -> str:
    """Point links to files of the repository to this version's files."""

    def absolute(match: re.Match[str]) -> str:
        start, target = match.groups()
        view = "raw" if start.startswith(("!", "src")) else "blob"
        return f"{start}{repository.rstrip('/')}/{view}/v{version}/{target}"

    return LINK.sub(absolute, text)


class DescriptionHook(MetadataHookInterface):
    """Take the address from ``[project.urls]``; without one, links stay as they are."""

    def update(self, metadata: dict) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        if repository := metadata.get("urls", {}).get("Repository"):
            text = absolute_links(text, repository, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
