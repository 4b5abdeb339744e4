"""The links between files of the repository, which work there and in every clone."""

from __future__ import annotations

import re

import pytest

from tests.packaging.files import ROOT

LINK = re.compile(r"""(?:\]\(|src="|href=")(?![a-z]+:|#)([^)\s#"]+)""")
PAGES = sorted(file.name for file in ROOT.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_to_a_file(name):
    targets = LINK.findall((ROOT / name).read_text(encoding="utf-8"))

    assert [one for one in targets if not (ROOT / one).is_file()] == []


def test_the_readme_has_links():
    assert "SECURITY.md" in LINK.findall((ROOT / "README.md").read_text("utf-8"))
