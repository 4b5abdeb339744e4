"""The page of the example project, in Chromium."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import MANAGE, absent, environment
from tests.browser.pictures import take_picture

pytestmark = pytest.mark.browser

ALICE = "Alice Zoë 東京 😀"
SESSION_COOKIE = re.compile("layer_demo_session")  # its name ends with the port
LAYER = {"Accept": "application/vnd.layer+json; version=2.0"}


def test_alice_signs_out_and_bob_authenticates_on_the_same_page(phone):
    phone.authenticate("Alice")
    phone.leave()
    phone.sees_status("alice has signed out. Sign in the next user.")
    phone.authenticate("Bob")

    phone.sees("connect", "Bob Martin")


def test_only_the_button_of_the_next_step_is_enabled(phone):
    phone.is_offered("Alice", "Bob")
    phone.press("Alice")
    phone.is_offered("Ask for a nonce")
    phone.press("Ask for a nonce")
    phone.is_offered("Get the token")
    phone.press("Get the token")
    phone.is_offered("Send the token")
    phone.press("Send the token")
    phone.is_offered("Deauthenticate")


def test_sign_in_waits_for_the_answer_to_the_deauthentication(phone):
    held = []
    phone.page.route("**/sandbox/sessions/*", lambda route: held.append(route))
    phone.authenticate("Alice")

    with phone.page.expect_request("**/sandbox/sessions/*"):
        phone.press("Deauthenticate")
    phone.is_offered()
    assert not any(request.url.endswith("/sign-out") for request in phone.requests)

    held[0].continue_()
    phone.is_offered("Alice", "Bob")
    assert phone.requests[-1].url.endswith("/sign-out")


def test_all_requests_stay_on_this_machine_and_the_console_is_empty(phone):
    phone.authenticate("Alice")
    phone.leave()

    assert {urlsplit(request.url).hostname for request in phone.requests} == {
        "127.0.0.1"
    }
    assert phone.console == []


def test_layer_never_gets_the_cookies_of_the_site(phone):
    phone.authenticate("Alice")

    sent = {
        urlsplit(request.url).path: "cookie" in request.all_headers()
        for request in phone.requests
        if request.method == "POST"
    }
    assert sent == {
        "/sign-in": True,
        "/sandbox/nonces": False,
        "/layer/authenticate": True,
        "/sandbox/sessions": False,
    }


def test_the_display_name_arrives_unchanged(phone):
    phone.authenticate("Alice")

    identity = phone.step("connect").locator(".identity .name")
    assert identity.inner_text() == ALICE


def test_each_step_shows_its_requests_and_responses(phone):
    phone.authenticate("Alice")

    lines = phone.page.locator("summary:has(.line)").all_inner_texts()
    assert [line.split() for line in lines] == [
        ["POST", "/sign-in", "200"],
        ["POST", "/sandbox/nonces", "201"],
        ["POST", "/layer/authenticate", "200"],
        ["POST", "/sandbox/sessions", "201"],
        ["GET", "/sandbox/identities/alice", "200"],
    ]
    exchange = phone.step("authenticate").locator("details").first
    assert '"user_id": "alice"' in exchange.text_content()
    assert '"identity_token": "ey' in exchange.text_content()


def test_the_token_is_explained(phone):
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    meaning = phone.step("authenticate").locator("details").nth(1)
    names = meaning.locator("dt code").all_inner_texts()
    claims = dict(zip(names, meaning.locator("dd").all_inner_texts(), strict=True))
    assert claims["cty"] == "layer-eit;v=1"
    assert claims["prn"] == "alice"
    assert claims["display_name"] == ALICE
    assert claims["nce"] == phone.step("nonce").locator(".result code").inner_text()
    assert re.fullmatch(r"\d{10}\n.+\d{4}, \d+:\d\d:\d\d .+", claims["exp"])


def test_a_reload_keeps_the_session(phone):
    phone.authenticate("Alice")

    phone.page.reload()

    phone.sees_status("Authenticated as alice")
    phone.sees("connect", ALICE)
    phone.is_offered("Deauthenticate")


def test_a_reload_before_the_session_continues_with_a_new_nonce(phone):
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    phone.page.reload()

    phone.sees_status("Signed in as alice.")
    phone.is_offered("Ask for a nonce")


def test_a_session_that_ended_at_layer_is_started_again(phone):
    phone.authenticate("Alice")
    delete = next(r for r in phone.requests if "/identities/" in r.url).all_headers()
    token = re.search('"(.+)"', delete["authorization"])[1]
    phone.page.request.delete(f"/sandbox/sessions/{token}", headers=LAYER)

    phone.page.reload()

    phone.sees_error("connect", "401 · 4 · authentication_required")
    phone.is_offered("Ask for a nonce")


def test_a_session_of_another_user_must_be_deauthenticated_first(phone):
    phone.authenticate("Alice")
    phone.page.context.clear_cookies(name=SESSION_COOKIE)

    phone.page.reload()

    phone.sees_status("Layer still has a session of alice on this device.")
    phone.leave()


def test_a_refusal_is_shown_and_the_user_can_sign_out(phone):
    phone.press("Alice", "Ask for a nonce")
    phone.is_offered("Get the token")
    phone.page.context.clear_cookies(name=SESSION_COOKIE)

    with phone.page.expect_response("**/layer/authenticate") as refused:
        phone.press("Get the token")

    detail = refused.value.json()["detail"]
    phone.sees_error("authenticate", detail, "403 · not_authenticated")
    phone.press("Sign out")
    phone.is_offered("Alice", "Bob")


def test_after_a_lost_answer_from_layer_a_new_nonce_works(phone):
    def lose_the_answer(route):
        route.fetch()
        route.abort()

    phone.page.route("**/sandbox/sessions", lose_the_answer, times=1)
    phone.press("Alice", "Ask for a nonce", "Get the token", "Send the token")
    phone.sees_error("connect", "The server did not answer. Is it still running?")

    phone.press("Send the token")
    phone.sees_error("connect", "Nonce not found or expired.", "invalid_property")

    phone.press("Start again with a new nonce")
    phone.press("Ask for a nonce", "Get the token", "Send the token")
    phone.sees_status("Authenticated as alice")


@pytest.mark.parametrize("username", ["admin", "ALICE", "unknown", ""])
def test_only_alice_and_bob_can_sign_in_by_button(phone, username):
    answer = phone.page.request.post(
        "/sign-in",
        form={"username": username},
        headers={"X-CSRFToken": phone.csrf_token()},
    )

    assert (answer.status, answer.json()) == (
        403,
        {
            "code": "not_a_demo_user",
            "detail": "The sign-in buttons are only for alice and bob.",
        },
    )


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_other_sites_cannot_sign_users_in_or_out(phone, path):
    answer = phone.page.request.post(path, form={"username": "alice"})

    assert answer.status == 403


def log_in_to_admin(phone, demo):
    passwords = json.loads((demo.data / "secrets.json").read_text())["passwords"]
    phone.page.get_by_label("Username").fill("admin")
    phone.page.get_by_label("Password").fill(passwords["admin"])
    phone.press("Log in")


def test_the_admin_accepts_the_password_of_the_first_run(phone, demo):
    phone.page.get_by_role("link", name="Open the admin").click()
    log_in_to_admin(phone, demo)

    phone.page.get_by_role("link", name="Layer apps").first.click()
    phone.page.get_by_role("link", name="Demo", exact=True).wait_for()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_page_fits_the_width(phone, width):
    phone.page.set_viewport_size({"width": width, "height": 844})
    phone.authenticate("Alice")
    phone.page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")

    assert phone.page.evaluate("document.documentElement.scrollWidth") == width


def test_the_id_of_another_user_is_refused_and_the_own_one_works(phone):
    phone.press("Alice", "Ask for a nonce", "Another user’s ID")
    phone.sees_error("authenticate", "403 · user_id_mismatch")
    phone.sees_error("authenticate", "Send the “user_id” of the response, or none.")

    phone.press("Get the token", "Send the token")
    phone.sees_status("Authenticated as alice")


def test_the_nonce_of_another_user_is_refused_and_a_new_one_works(phone):
    phone.press("Alice", "Ask for a nonce", "Another user’s nonce")
    phone.sees_error("authenticate", "409 · nonce_already_used")
    phone.sees_error("authenticate", "A nonce belongs to its first user. Start again.")
    phone.sees("sign-in", f"Signed in as {ALICE}")

    phone.press("Start again with a new nonce", "Ask for a nonce")
    phone.press("Get the token", "Send the token")
    phone.sees_status("Authenticated as alice")


def test_the_user_is_signed_in_again_if_the_other_user_gets_no_token(phone):
    phone.press("Alice", "Ask for a nonce")
    unavailable = {"status": 503, "json": {"code": "unavailable", "detail": "Down."}}
    phone.page.route(
        "**/layer/authenticate", lambda r: r.fulfill(**unavailable), times=1
    )

    phone.press("Another user’s nonce")
    phone.sees_error("authenticate", "Down.", "503 · unavailable")

    phone.press("Get the token", "Send the token")
    phone.sees_status("Authenticated as alice")


def test_an_expired_token_is_refused_and_the_valid_one_works(phone):
    phone.press("Alice", "Ask for a nonce", "Get the token", "An expired token")
    phone.sees_error("connect", "The token has expired", "422 · 105 · invalid_property")
    phone.sees_error("connect", "The nonce is not used up: send a newer token.")

    phone.press("Send the token")
    phone.sees_status("Authenticated as alice")


def test_with_a_session_no_refusal_is_offered(phone):
    phone.press("Alice", "Ask for a nonce")
    refusals = phone.page.locator(".trials button:visible")
    assert refusals.all_inner_texts() == ["Another user’s ID", "Another user’s nonce"]

    phone.press("Get the token", "Send the token")
    phone.sees_status("Authenticated as alice")
    assert refusals.all_inner_texts() == []


def test_a_mismatch_links_to_the_layer_user_id_in_the_admin(phone, demo):
    phone.authenticate("Bob")
    phone.leave()
    phone.press("Bob", "Ask for a nonce", "Another user’s ID")
    phone.page.get_by_role("link", name="Open the Layer user IDs").click()

    log_in_to_admin(phone, demo)
    assert urlsplit(phone.page.url)[2:4] == (
        "/admin/layer_identity/layeruser/",
        "q=bob",
    )
    phone.sees_rows(1)


def test_without_an_active_key_the_refusal_links_to_the_keys(
    phone, demo, no_active_key
):
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.sees_error("authenticate", "503 · no_signing_key", "Activate a signing key.")
    phone.page.get_by_role("link", name="Open the signing keys").click()

    log_in_to_admin(phone, demo)
    assert urlsplit(phone.page.url).path == "/admin/layer_identity/signingkey/"


@pytest.fixture
def no_active_key(demo):
    key = "from django_layer_identity.models import SigningKey as K; K.objects.get()"
    in_shell(demo, f"{key}.retire()")
    yield
    in_shell(demo, f"{key}.activate()")


def in_shell(demo, code):
    command = [sys.executable, MANAGE, "shell", "-v", "0", "-c", code]
    subprocess.run(command, env=environment(demo.data), check=True)


@pytest.mark.parametrize("width", [1280, 1920])
def test_wide_screens_show_requests_and_responses_beside_the_step(phone, width):
    phone.page.set_viewport_size({"width": width, "height": 900})
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    step = phone.step("authenticate").locator(".act").bounding_box()
    request, response = (
        part.bounding_box()
        for part in phone.step("authenticate").locator(".messages section").all()
    )
    assert step["x"] + step["width"] < request["x"]
    assert request["x"] + request["width"] < response["x"]
    assert request["y"] == response["y"] < step["y"] + step["height"]
    assert response["x"] + response["width"] > 0.85 * width - 100


def test_narrow_screens_show_closed_requests_below_the_step(phone):
    phone.page.set_viewport_size({"width": 390, "height": 844})
    phone.press("Alice")
    phone.is_offered("Ask for a nonce")

    step = phone.step("sign-in").locator(".act").bounding_box()
    exchange = phone.step("sign-in").locator("details")
    assert exchange.bounding_box()["y"] > step["y"] + step["height"]
    assert exchange.get_attribute("open") is None


@pytest.fixture
def clipboard(phone):
    phone.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return lambda: phone.page.evaluate("navigator.clipboard.readText()")


def test_the_nonce_and_the_token_can_be_copied(phone, clipboard):
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    phone.copies("nonce", "nonce", "Copied")
    assert clipboard() == phone.step("nonce").locator(".result code").inner_text()

    phone.copies("authenticate", "token", "Copied")
    assert clipboard() == phone.step("authenticate").locator(".token").inner_text()
    assert phone.console == []


def test_the_copied_curl_command_gets_the_same_answer(phone, demo, clipboard):
    curl = shutil.which("curl") or absent("curl", "install Debian's package curl.")
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")
    phone.copies("authenticate", "curl command", "Copied")

    passwords = json.loads((demo.data / "secrets.json").read_text())["passwords"]
    command = shlex.split(clipboard())
    assert command[:6] == [
        *("curl", "--request", "POST", f"{demo.url}/layer/authenticate"),
        *("--user", "alice"),
    ]
    command[0], command[5] = curl, f"alice:{passwords['alice']}"
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    assert json.loads(answer)["user_id"] == "alice"


def test_a_copied_curl_command_for_layer_has_no_credentials(phone, demo, clipboard):
    phone.press("Alice", "Ask for a nonce")
    phone.is_offered("Get the token")
    phone.copies("nonce", "curl command", "Copied")

    assert clipboard() == (
        f"curl --request POST {demo.url}/sandbox/nonces"
        " --header 'Accept: application/vnd.layer+json; version=2.0'"
    )


def test_the_curl_command_quotes_for_a_shell(phone):
    command = """async () => {
      const { curl } = await import(document.querySelector("script[src]").src
        .replace("page.js", "curl.js"));
      return curl({ method: "POST", path: "/layer/authenticate", headers: {},
        body: "it's $HOME" }, { username: "o'neil" });
    }"""

    assert shlex.split(phone.page.evaluate(command))[4:] == [
        *("--user", "o'neil"),
        *("--data-raw", "it's $HOME"),
    ]


def test_requests_of_the_demo_alone_have_no_curl_command(phone):
    phone.press("Alice", "Ask for a nonce")
    phone.is_offered("Get the token")

    counts = [
        phone.step(s).locator("details .copy").count() for s in ("sign-in", "nonce")
    ]
    assert counts == [0, 1]


def test_a_copy_that_the_browser_refuses_is_reported(phone):
    phone.page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }"
    )
    phone.press("Alice", "Ask for a nonce")
    phone.is_offered("Get the token")

    phone.copies("nonce", "nonce", "Not copied: the browser did not allow it.")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 720)])
def test_a_new_token_is_in_view(phone, width, height):
    phone.page.set_viewport_size({"width": width, "height": height})
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    header = phone.page.locator("header").bounding_box()
    token = phone.step("authenticate").locator(".token").bounding_box()
    assert header["y"] + header["height"] < token["y"]
    assert token["y"] + token["height"] < height
    focused = phone.step("authenticate").locator(".result:focus")
    assert focused.count() == 1
    take_picture(phone.page, "demo")


@pytest.mark.parametrize(
    ("preference", "behavior"), [("reduce", "auto"), ("no-preference", "smooth")]
)
def test_people_who_prefer_less_motion_get_no_smooth_scrolling(
    phone, preference, behavior
):
    phone.page.emulate_media(reduced_motion=preference)
    phone.page.evaluate(
        "() => { Element.prototype.scrollIntoView = (how) => { window.how = how; }; }"
    )
    phone.press("Alice", "Ask for a nonce", "Get the token")
    phone.is_offered("Send the token")

    assert phone.page.evaluate("window.how") == {"block": "start", "behavior": behavior}


def test_without_javascript_the_page_says_so(chromium, demo):
    with closing(chromium.new_context(java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(demo.url)

        assert page.locator("noscript").inner_text() == (
            "This page needs JavaScript, which plays the phone. Enable JavaScript, then"
            " reload the page."
        )
        assert page.get_by_role("status").text_content() == ""


def test_the_keyboard_is_enough(phone):
    phone.page.keyboard.press("Tab")
    phone.page.keyboard.press("Enter")
    for label in ("Ask for a nonce", "Get the token"):
        phone.is_focused(label)
        phone.page.keyboard.press("Enter")
    phone.is_offered("Send the token")
    focused = phone.page.locator(":focus")
    while focused.inner_text() != "Send the token":
        phone.page.keyboard.press("Tab")
        assert focused.inner_text() != "Open the admin", "The button was not reached."
    phone.page.keyboard.press("Enter")

    phone.sees_status("Authenticated as alice")
    phone.is_focused("Deauthenticate")


def test_forced_colours_keep_the_current_step_and_the_borders(phone):
    phone.page.emulate_media(forced_colors="active")
    phone.press("Alice", "Ask for a nonce", "Another user’s ID")
    phone.sees_error("authenticate", "user_id_mismatch")

    def style(selector, name, pseudo="null"):
        return phone.page.evaluate(
            f"getComputedStyle(document.querySelector('{selector}'), {pseudo}).{name}"
        )

    current, other = (
        style(f'[data-step="{step}"]', "backgroundColor", '"::before"')
        for step in ("authenticate", "connect")
    )
    assert current != other
    for selector in (".error:not([hidden])", ".trials button", ".primary:enabled"):
        assert style(selector, "borderTopWidth") != "0px"
        assert style(selector, "borderTopColor") != "rgba(0, 0, 0, 0)"
