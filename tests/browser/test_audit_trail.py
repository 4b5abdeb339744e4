"""The audit trail on a wide screen and on a phone."""

from __future__ import annotations

import pytest

from tests.browser.pictures import take_picture
from tests.browser.test_guided_flow import STAFF, VIEWS, installation, logged_in

pytestmark = pytest.mark.browser

LIST = "/admin/layer_identity_audit/auditentry/"
ENTRIES = """
from django_layer_identity.audit.models import AuditEntry
for code in ("issued", "nonce_guard_unavailable", "user_id_taken"):
    AuditEntry.objects.create(
        code=code,
        user_pk="1",
        impersonator_pk="2",
        app_id="layer:///apps/production/aaaaaaaa-0000-4000-8000-000000000001",
        fingerprint="4f" * 32,
        address="2001:db8:85a3:8d3:1319:8a2e:370:7348",
    )
"""
BOX = "each => { const {left, right} = each.getBoundingClientRect(); return [left, right] }"


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    with installation(tmp_path_factory.mktemp("audit"), STAFF, ENTRIES) as url:
        yield url


def spans(page, selector):
    """Return the left and right edges of the elements."""
    return [each.evaluate(BOX) for each in page.locator(selector).all()]


def test_all_columns_fit_beside_the_navigation_and_the_filters(chromium, audited):
    size = {"width": 1280, "height": 900}
    with logged_in(chromium, audited, "root", viewport=size) as page:
        page.goto(LIST)

        assert page.locator("#nav-sidebar").is_visible()
        [(_, right)] = spans(page, "#changelist .results")
        [(filters, _)] = spans(page, "#changelist-filter")
        take_picture(page, "audit-trail")
        cells = spans(page, "#result_list td")
    assert len(cells) == 3 * 5
    assert [cell for cell in cells if cell[1] > right] == []
    assert right <= filters


def test_the_chart_begins_with_the_latest_hour_on_a_phone(chromium, audited):
    size = {"width": 390, "height": 844}
    with logged_in(chromium, audited, "root", viewport=size) as page:
        page.goto(LIST)

        [(left, right)] = spans(page, ".layer-chart-scroll")
        hours = spans(page, ".layer-chart svg > g")
        latest = page.locator(".layer-chart svg > g").last.text_content()
    assert len(hours) == 24
    assert " 1 issued, 2 refused" in latest
    assert left < hours[-1][0] < hours[-1][1] <= right
    assert hours[0][1] < left  # the first hours are reached by scrolling


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_pages_fit(chromium, audited, tmp_path, width, scheme):
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with logged_in(chromium, audited, "root", **view) as page:
        for name, address in {"list": LIST, "entry": f"{LIST}3/change/"}.items():
            page.goto(address)

            page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
