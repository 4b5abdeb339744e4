"""
Each recipe of the page "authentication", run as printed: from ``migrate`` to a token.

Each runs in a copy of a new project, in which the commands of the page "install" have run.
"""

from __future__ import annotations

import os
import re
import shutil
from importlib.metadata import version

import pytest

from tests.fresh import CHECKOUT, start_project
from tests.frontdoors.recipes import RECIPES, SECTIONS
from tests.pages import page
from tests.walkthrough import read_rst, reader

pytestmark = [
    pytest.mark.frontdoor,
    pytest.mark.skipif(
        os.environ["DJANGO_SETTINGS_MODULE"] != "tests.frontdoors.settings",
        reason="Run it with --ds=tests.frontdoors.settings.",
    ),
]

#: The blocks of the section: commands for the first terminal, for each one, for the server.
CREATE_ALICE, PREPARE, SERVE = read_rst(SECTIONS["Trying a recipe"])
NAME = re.compile(r'pip install "?([\w-]+)')


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A new project with a key and the user Alice."""
    folder = tmp_path_factory.mktemp("installed")
    start_project(folder)
    with reader(folder) as developer:
        developer.follow(read_rst(page("install").read_text()))
        developer.follow([CREATE_ALICE])
    return folder


@pytest.mark.parametrize("title", RECIPES)
def test_the_recipe_leads_to_a_token(installed, tmp_path, title):
    *preparations, ask = read_rst(SECTIONS[title])
    shutil.copytree(installed, tmp_path, dirs_exist_ok=True, symlinks=True)

    with reader(tmp_path) as developer:
        developer.follow([PREPARE, *preparations, SERVE, ask])

    _, token = ask.code.strip().rsplit("\n", 1)
    assert token == (
        '{"identity_token":"eyJ…","layer_identity_token":"eyJ…",'
        '"user_id":"alice","expires_at":…}'
    )


def test_the_packages_that_the_page_installs_are_those_of_the_tests():
    project = (CHECKOUT / "pyproject.toml").read_text()
    _, group = project.split("\nfrontdoors = [")
    tested = re.findall(r'"([\w-]+)', group.split("\n]")[0])

    names = NAME.findall(page("authentication").read_text())

    assert set(names) <= set(tested)
    assert len(names) == 5
    for name in names:
        assert version(name)
