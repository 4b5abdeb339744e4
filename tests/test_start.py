"""The pages for newcomers, run from their text in a new project."""

from __future__ import annotations

import pytest

from tests.fresh import SETTINGS, URLS, start_project
from tests.pages import page
from tests.walkthrough import read_rst, reader


def blocks(name):
    return read_rst(page(name).read_text())


def test_the_installation_adds_the_code_of_the_readme():
    files = {block.file: block.code for block in blocks("install") if block.file}

    assert files == {"settings.py": SETTINGS, "urls.py": URLS}


@pytest.mark.slow
def test_the_installation_works_as_printed(tmp_path):
    start_project(tmp_path)
    with reader(tmp_path) as developer:
        developer.follow(blocks("install"))

    stored = tmp_path / ".env"
    assert oct(stored.stat().st_mode) == "0o100600"


@pytest.mark.slow
def test_the_tutorial_works_as_printed(tmp_path):
    with reader(tmp_path) as developer:
        developer.follow(blocks("tutorial"))


def test_the_overview_prints_a_uuid_as_shown(tmp_path):
    with reader(tmp_path) as developer:
        developer.follow(blocks("overview"))
