"""Our pages in each look: they answer, and people see and can use what is on them."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from tests.themes.seen import controls, violations

pytestmark = [pytest.mark.browser, pytest.mark.theme]

BASE = "/admin/layer_identity/"
KEYS = f"{BASE}signingkey/"
#: Name -> address, and the least number of controls of our own.
PAGES = {
    "front page": (BASE, 0),
    "try": (f"{BASE}layerapp/try/", 3),
    "explain": (f"{BASE}layerapp/explain/", 4),
    "apps": (f"{BASE}layerapp/", 0),
    "new app": (f"{BASE}layerapp/add/", 4),
    "app": (f"{BASE}layerapp/1/change/", 2),
    "keys": (KEYS, 0),
    "new key": (f"{KEYS}add/", 5),
    "draft": (f"{KEYS}1/change/", 4),
    "ready": (f"{KEYS}2/change/", 6),
    "retired": (f"{KEYS}3/change/", 5),
    "active": (f"{KEYS}4/change/", 4),
    "revoked": (f"{KEYS}5/change/", 1),
    "history": (f"{KEYS}4/history/", 0),
    "users": (f"{BASE}layeruser/", 0),
    "user": (f"{BASE}layeruser/1/change/", 0),
    "reassign": (f"{BASE}layeruser/1/reassign/", 3),
    "change ID": (f"{BASE}layeruser/rename/", 2),
    "audit trail": ("/admin/layer_identity_audit/auditentry/", 0),
    "audit entry": ("/admin/layer_identity_audit/auditentry/1/change/", 0),
}
EACH_PAGE = pytest.mark.parametrize("name", PAGES)


class Visit(NamedTuple):
    status: int
    controls: dict
    violations: list[str]


@pytest.fixture(scope="module")
def visits():
    """The visits of each page in the present look; each page is loaded once."""
    return {}


@pytest.fixture
def visit(window, theme, visits):
    def visit(name):
        if (theme, name) not in visits:
            page = window(PAGES[name][0])
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=f"{folder}/{theme}-{name}.png", full_page=True)
            status = page.response.status
            visits[theme, name] = Visit(status, controls(page), violations(page))
        return visits[theme, name]

    return visit


@EACH_PAGE
def test_each_page_answers(visit, name):
    assert visit(name).status == 200


@EACH_PAGE
def test_buttons_and_inputs_can_be_seen(visit, name):
    found = visit(name).controls

    assert found["hidden"] == []
    assert found["count"] >= PAGES[name][1]


@EACH_PAGE
def test_axe_finds_nothing_serious_in_our_elements(visit, name):
    assert visit(name).violations == []


def press(page, selector):
    """Press a button or a link, and wait for the next page."""
    with page.expect_navigation():
        page.locator(selector).click()


def test_a_key_is_registered_tested_and_activated(window):
    page = window(f"{KEYS}6/change/")
    steps = []

    page.fill("#id_key_id", "cccccccc-0000-4000-8000-000000000006")
    for button in ("[name=_save]", "[value=self_test]", "[value=activate]"):
        press(page, f".layer-guide {button}")
        steps.append(page.locator(".layer-now .layer-state").inner_text())

    assert steps == ["draft", "ready", "active"]


def test_revoking_asks_on_a_page_whose_buttons_can_be_seen(window):
    page = window(f"{KEYS}1/change/")

    press(page, ".layer-actions [value=revoke]")

    found = controls(page)
    assert (found["hidden"], found["count"]) == ([], 3)
    assert violations(page) == []
    press(page, "a.cancel-link")
    assert page.locator(".layer-now .layer-state").inner_text() == "draft"


def test_the_search_of_the_package_finds_keys(window):
    page = window(KEYS)

    box = page.locator("input[name=q]").first
    box.fill("cccccccc-0000-4000-8000-000000000002")
    box.press("Enter")
    page.wait_for_url("**q=cccccccc*")

    rows = page.locator("table a[href*='/signingkey/'][href*='/change/']")
    assert {link.get_attribute("href").split("/")[4] for link in rows.all()} == {"3"}
