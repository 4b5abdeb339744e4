"""Widths and forced colours in Django's own admin."""

from __future__ import annotations

import pytest

from tests.themes.seen import controls, violations
from tests.themes.test_pages import KEYS, PAGES

pytestmark = [pytest.mark.browser, pytest.mark.theme]

LISTS = ["apps", "keys", "users", "audit trail"]
WIDTHS = [1280, 390]


@pytest.fixture(scope="module")
def theme():
    return "django"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(window, name, width):
    page = window(PAGES[name][0], width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", LISTS)
def test_a_list_fits_beside_navigation_and_filter(window, name):
    page = window(PAGES[name][0])

    assert page.locator("#nav-sidebar").is_visible()
    assert page.locator("#changelist-filter").is_visible()
    table, frame = ["#result_list", ".results"]
    last = page.locator(f"{table} thead th").last.bounding_box()
    around = page.locator(frame).first.bounding_box()
    assert last["x"] + last["width"] <= around["x"] + around["width"] + 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_in_the_content(window, name, scheme):
    page = window(PAGES[name][0], color_scheme=scheme)

    assert violations(page, "#content") == []


def styles(page, selector, name, pseudo=""):
    """Return the computed value of the first element."""
    script = "(one, [name, pseudo]) => getComputedStyle(one, pseudo)[name]"
    return page.locator(selector).first.evaluate(script, [name, pseudo])


@pytest.mark.parametrize("name", ["draft", "ready", "active", "retired"])
def test_buttons_have_borders_in_forced_colours(window, name):
    page = window(PAGES[name][0], forced_colors="active")

    assert controls(page)["hidden"] == []
    for button in page.locator(".layer-actions button, .layer-guide button").all():
        border = button.evaluate("(one) => getComputedStyle(one).borderTopColor")
        back = button.evaluate("(one) => getComputedStyle(one).backgroundColor")
        assert border != back


def test_badges_have_borders_in_forced_colours(window):
    page = window(KEYS, forced_colors="active")

    badge = "#result_list .layer-state"
    assert styles(page, badge, "borderTopStyle") == "solid"
    assert styles(page, badge, "borderTopColor") != styles(
        page, badge, "backgroundColor"
    )


def test_the_legend_of_the_chart_stays_visible_in_forced_colours(window):
    page = window(PAGES["audit trail"][0], forced_colors="active")

    canvas = styles(page, "body", "backgroundColor")
    issued = styles(page, ".layer-key-issued", "backgroundColor", "::before")
    hatched = styles(page, ".layer-key-refused", "backgroundImage", "::before")
    assert issued != canvas
    assert styles(page, ".layer-bar-issued", "fill") == issued
    assert hatched.startswith("repeating-linear-gradient")
    assert styles(page, ".layer-hatch-line", "stroke") == issued
