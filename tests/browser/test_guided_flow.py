"""The admin from an empty installation to the first identity token, also read-only."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import closing, contextmanager
from itertools import takewhile
from threading import Timer

import jwt
import pytest

from tests.browser.conftest import (
    MANAGE,
    START_SECONDS,
    environment,
    free_port,
    is_not_serving,
)
from tests.browser.pictures import take_picture

pytestmark = pytest.mark.browser

APP_ID = "aaaaaaaa-0000-4000-8000-000000000001"
PROVIDER_ID = "bbbbbbbb-0000-4000-8000-000000000002"
KEY_ID = "cccccccc-0000-4000-8000-000000000003"
LAYER = {"Accept": "application/vnd.layer+json; version=2.0"}
STAFF = """
from django.contrib.auth.models import Permission, User
User.objects.create_superuser("root", password="root")
viewer = User.objects.create_user("viewer", password="viewer", is_staff=True)
seen = ["view_layerapp", "view_signingkey"]
viewer.user_permissions.set(Permission.objects.filter(codename__in=seen))
"""
KEYS = f"""
from django_layer_identity import keyring
from django_layer_identity.models import LayerApp, SigningKey
app = LayerApp.objects.create(
    name="Messenger", app_id="{APP_ID}", provider_id="{PROVIDER_ID}"
)
for number in range(4):
    keyring.generate_private_key(app, key_id=f"{KEY_ID[:-1]}{{number}}")
_, active, retired, revoked = app.keys.order_by("pk")
retired.activate()
active.activate()
revoked.revoke("A laptop was stolen.")
"""
PAGES = {
    "list": "/admin/layer_identity/signingkey/",
    "ready": "/admin/layer_identity/signingkey/1/change/",
}
VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@contextmanager
def installation(data, *code):
    """Serve a project with migrated tables, after running the code in its shell."""
    port, variables = free_port(), environment(data)
    for line in (["migrate", "-v", "0"], ["shell", "-v", "0", "-c", "".join(code)]):
        subprocess.run([sys.executable, MANAGE, *line], env=variables, check=True)
    serve = [sys.executable, MANAGE, "runserver", f"127.0.0.1:{port}", "--noreload"]
    with (
        (data / "server.log").open("w") as log,
        subprocess.Popen(
            serve, env=variables, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        watchdog = Timer(START_SECONDS, process.kill)
        watchdog.start()
        printed = "".join(takewhile(is_not_serving, process.stdout))
        watchdog.cancel()
        assert "development server at" in printed
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def empty(tmp_path):
    with installation(tmp_path, STAFF) as url:
        yield url


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory):
    with installation(tmp_path_factory.mktemp("keys"), STAFF, KEYS) as url:
        yield url


@contextmanager
def logged_in(chromium, url, name, **settings):
    """Log in to the admin as a user whose password equals the username."""
    context = chromium.new_context(base_url=url, **settings)
    with closing(context):
        page = context.new_page()
        page.goto("/admin/")
        page.fill("#id_username", name)
        page.fill("#id_password", name)
        page.click("input[type=submit]")
        yield page


def next_step(page):
    return page.locator("[aria-current=step] h3").inner_text().split("\n")[0].strip()


def state(page):
    return page.locator(".layer-now .layer-state").inner_text()


def create_app(page):
    page.goto("/admin/layer_identity/layerapp/add/")
    page.fill("#id_name", "Messenger")
    page.fill("#id_app_id", f"layer:///apps/production/{APP_ID}")
    page.fill("#id_provider_id", f"layer:///providers/{PROVIDER_ID}")
    page.click("input[name=_continue]")


def generate_key(page):
    page.get_by_role("link", name="Add signing key").click()
    page.get_by_label("Generate a key pair on this server").check()
    assert not page.locator("#id_private_key").is_visible()
    page.click("input[name=_save]")


def download_public_key(page):
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the public key").click()
    assert re.fullmatch(
        r"layer-public-key-[0-9a-f]{16}\.pem", download.value.suggested_filename
    )
    return download.value.path().read_text()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def token_for(page):
    """Request a token for the logged-in user, with a nonce of the sandbox."""
    nonce = page.request.post("/sandbox/nonces", headers=LAYER).json()["nonce"]
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    headers = {"X-CSRFToken": cookies["layer_demo_csrf"]}
    answer = page.request.post(
        "/layer/authenticate", data={"nonce": nonce}, headers=headers
    )
    assert answer.status == 200, answer.text()
    return nonce, answer.json()["identity_token"]


def test_the_key_guide_leads_to_the_first_token(chromium, empty, tmp_path):
    with logged_in(chromium, empty, "root") as page:
        create_app(page)
        generate_key(page)
        assert (state(page), next_step(page)) == (
            "draft",
            "2. Register the public key",
        )
        public_key = download_public_key(page)

        page.fill("#id_key_id", f"layer:///keys/{KEY_ID}")
        press(page, "Save key ID")
        assert (state(page), next_step(page)) == ("draft", "3. Self-test")

        press(page, "Run the self-test")
        assert (state(page), next_step(page)) == ("ready", "4. Activate")
        take_picture(page, "key-guide")

        press(page, "Activate")
        assert state(page) == "active"
        assert page.locator("[aria-current=step]").count() == 0
        page.screenshot(path=tmp_path / "active.png", full_page=True)

        nonce, token = token_for(page)
        session = page.request.post(
            "/sandbox/sessions",
            data={"identity_token": token, "app_id": APP_ID},
            headers=LAYER,
        )

    claims = jwt.decode(token, public_key, algorithms=["RS256"])
    assert jwt.get_unverified_header(token)["kid"] == f"layer:///keys/{KEY_ID}"
    assert (claims["iss"], claims["prn"], claims["nce"]) == (
        f"layer:///providers/{PROVIDER_ID}",
        "root",
        nonce,
    )
    assert session.status == 201


BUTTONS = {
    "root": ["Save key ID", "Run again", "Activate", "Revoke…"],
    "viewer": [],
}


@pytest.mark.parametrize("name", ["root", "viewer"])
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_key_page_fits_and_shows_only_permitted_buttons(
    chromium, with_keys, tmp_path, name, width, scheme
):
    settings = {
        "viewport": {"width": width, "height": 900},
        "color_scheme": scheme,
    }
    with logged_in(chromium, with_keys, name, **settings) as page:
        for called, address in PAGES.items():
            page.goto(address)
            if name == "root" and called == "list":
                take_picture(page, "keys")
            shot = tmp_path / f"{name}-{width}-{scheme}-{called}.png"
            page.screenshot(path=shot, full_page=True)
            assert shot.stat().st_size > 10_000
            assert page.evaluate("document.documentElement.scrollWidth") <= width

        form = page.locator("#signingkey_form")
        buttons = form.locator("input[type=submit], button[type=submit]")
        labels = [
            each.get_attribute("value")
            if each.evaluate("each => each.tagName") == "INPUT"
            else each.inner_text()
            for each in buttons.all()
        ]
    assert labels == BUTTONS[name]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_and_buttons_have_enough_contrast(chromium, with_keys, scheme):
    """WCAG 2.2, 1.4.3: text has a contrast of at least 4.5 to 1 with its background."""
    with logged_in(chromium, with_keys, "root", color_scheme=scheme) as page:
        seen = {}
        for address in PAGES.values():
            page.goto(address)
            seen |= json.loads(page.evaluate(CONTRASTS))

    assert len(seen) > 4
    assert {text: ratio for text, ratio in seen.items() if ratio < 4.5} == {}


CONTRASTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => channels(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    const clear = channels(colour)[3] === 0;
    return clear && element.parentElement ? behind(element.parentElement) : colour;
  };
  const selector = ".layer-state, .layer-step-status, .layer-step .help, "
    + "#signingkey_form button, #signingkey_form input[type=submit]";
  const found = {};
  for (const element of document.querySelectorAll(selector)) {
    const [a, b] = [getComputedStyle(element).color, behind(element)].map(light);
    const text = element.className + " " + (element.value || element.innerText);
    found[text] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return JSON.stringify(found);
}"""
