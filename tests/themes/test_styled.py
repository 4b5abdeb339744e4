"""The recipe of the documentation, with which django-unfold styles the forms too."""

from __future__ import annotations

import pytest

from tests.themes.seen import controls
from tests.themes.test_pages import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.theme]


@pytest.fixture(scope="module")
def theme():
    return "unfold-styled"


@pytest.mark.parametrize("name", ["new app", "app", "ready", "reassign"])
def test_pages_with_the_recipe_answer_and_their_controls_can_be_seen(window, name):
    page = window(PAGES[name][0])

    assert page.response.status == 200
    assert controls(page)["hidden"] == []


def test_the_recipe_gives_fields_the_classes_of_the_package(window):
    page = window(PAGES["new app"][0])

    assert "shadow-xs" in page.locator("#id_name").get_attribute("class")
