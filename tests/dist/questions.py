"""
Look up the questions of CONTRIBUTING.md in the documentation's search index.

Run it as ``python tests/dist/questions.py HTML`` with the folder of the built pages.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sphinx.search.en import SearchEnglish

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (.+\?.*) \| (.+) \| ([\w/-]+) \|$", re.MULTILINE)


class Index:
    """The search index that the pages load in the browser."""

    def __init__(self, html: Path) -> None:
        text = (html / "searchindex.js").read_text()
        self.data = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
        self.stem = SearchEnglish({}).stem

    def find(self, words: str) -> set[str]:
        """Return the pages that have each word, or a title or index entry with all."""
        found = set.intersection(*map(self._pages, words.split()))
        for table in (self.data["alltitles"], self.data["indexentries"]):
            for text, places in table.items():
                if words.lower() in text.lower():
                    found |= {number for number, *_ in places}
        return {self.data["docnames"][number] for number in found}

    def _pages(self, word: str) -> set[int]:
        stem = self.stem(word.lower())
        numbers: set[int] = set()
        for table in (self.data["terms"], self.data["titleterms"]):
            entry = table.get(stem, table.get(word.lower(), []))
            numbers |= {entry} if isinstance(entry, int) else set(entry)
        return numbers


def main(html: Path) -> None:
    rows = ROW.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert len(rows) == 15, f"CONTRIBUTING.md has {len(rows)} questions."
    index = Index(html)
    missing = [
        f"{question} “{words}” does not find {page}."
        for question, words, page in rows
        if not any(name.startswith(page) for name in index.find(words))
    ]
    assert not missing, "\n".join(missing)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
