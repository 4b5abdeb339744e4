"""Our pages in each look: they answer, and people see and can use what is on them."""

from __future__ import annotations

import os

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.theme]

BASE = "/admin/layer_identity/"
PAGES = {
    "apps": f"{BASE}layerapp/",
    "new app": f"{BASE}layerapp/add/",
    "app": f"{BASE}layerapp/1/change/",
    "keys": f"{BASE}signingkey/",
    "new key": f"{BASE}signingkey/add/",
    "draft": f"{BASE}signingkey/1/change/",
    "ready": f"{BASE}signingkey/2/change/",
    "retired": f"{BASE}signingkey/3/change/",
    "active": f"{BASE}signingkey/4/change/",
    "revoked": f"{BASE}signingkey/5/change/",
    "history": f"{BASE}signingkey/4/history/",
    "users": f"{BASE}layeruser/",
    "user": f"{BASE}layeruser/1/change/",
    "reassign": f"{BASE}layeruser/1/reassign/",
    "audit trail": "/admin/layer_identity_audit/auditentry/",
    "audit entry": "/admin/layer_identity_audit/auditentry/1/change/",
}


@pytest.mark.parametrize("name", PAGES)
def test_each_page_answers(window, theme, name):
    page = window(PAGES[name])

    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{theme}-{name}.png", full_page=True)
    assert page.response.status == 200
