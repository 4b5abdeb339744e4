"""The admin's pages fit on a phone, and need no inline code."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tests.browser.pictures import take_picture

pytestmark = pytest.mark.browser

FRONT_PAGE = "/admin/layer_identity/"
TRY = "/admin/layer_identity/layerapp/try/"
EXPLAIN = "/admin/layer_identity/layerapp/explain/"


def restrict(route):
    """Answer with a content security policy that allows only files of the site."""
    response = route.fetch(max_redirects=0)
    headers = {**response.headers, "content-security-policy": "default-src 'self'"}
    route.fulfill(response=response, headers=headers)


@pytest.fixture(params=["light", "dark"])
def page(request, chromium, demo):
    """A page on a phone of somebody who is logged in to the admin."""
    password = json.loads((demo.data / "secrets.json").read_text())["passwords"][
        "admin"
    ]
    settings = {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": request.param,
    }
    with closing(chromium.new_context(base_url=demo.url, **settings)) as context:
        page = context.new_page()
        page.goto("/admin/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", password)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/admin/")
        page.violations = []
        page.on("console", lambda message: page.violations.append(message.text))
        page.route("**/admin/**", restrict)
        yield page
        page.unroute_all(behavior="ignoreErrors")  # requests may be in flight


def assert_fits(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.violations == []


def test_the_front_page_fits(page):
    page.goto(FRONT_PAGE)

    assert page.locator(".layer-overview .layer-table").count() == 1
    assert_fits(page)
    take_picture(page, "front-page")


def test_a_token_is_tried_without_a_mouse(page):
    page.goto(TRY)
    assert_fits(page)

    page.focus("[name=user]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.get_by_role(
        "heading", name="Layer would accept the token of admin."
    ).wait_for()
    assert_fits(page)
    take_picture(page, "try-it")


def test_a_token_is_explained_on_a_phone(page):
    page.goto(EXPLAIN)
    page.fill("textarea", "Bearer a.b.c")

    page.get_by_role("button", name="Explain").click()

    page.get_by_role("heading", name="Layer would refuse this token.").wait_for()
    assert page.locator("textarea").input_value() == ""
    take_picture(page, "explain")
    assert_fits(page)
