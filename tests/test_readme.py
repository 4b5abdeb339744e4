"""The README, run exactly as written in a new project, from the installation to a token."""

from __future__ import annotations

import pytest

from tests.fresh import CHECKOUT, start_project
from tests.walkthrough import read_markdown, reader

README = (CHECKOUT / "README.md").read_text()

pytestmark = pytest.mark.slow  # it runs migrations and a server


def test_the_readme_is_short_and_shows_a_picture():
    lines = README.splitlines()

    assert len(lines) <= 130
    assert len([line for line in lines if line.startswith("![")]) == 1


def test_the_commands_from_the_installation_to_a_token_work_as_printed(tmp_path):
    start_project(tmp_path)
    _, text = README.split("\n## Install\n")
    with reader(tmp_path) as alice:
        alice.follow(read_markdown(text))

    stored = tmp_path / ".env"
    assert oct(stored.stat().st_mode) == "0o100600"
    name, _, secret = stored.read_text().partition("=")
    assert (name, len(secret)) == ("LAYER_KEY_ENCRYPTION_KEY", 44)
