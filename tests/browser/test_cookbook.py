"""The client cookbook's JavaScript in a page, with Layer's own web SDK."""

from __future__ import annotations

import pytest

from tests.pages import captioned

pytestmark = pytest.mark.browser

#: What the page adds: it is on the demo's page, and collects what is shown to the user.
ENTRY = """
import { Chat } from "/cookbook/chat.js";

const { appId, csrfCookie } = JSON.parse(document.getElementById("config").textContent);
const client = new layer.Client({
  appId,
  url: `${location.origin}/sandbox`,
  websocketUrl: `${location.origin.replace("http", "ws")}/no-websocket`,
  telemetryEnabled: false,
});
const options = {
  url: "/layer/authenticate",
  appId,
  headers: () => ({
    "X-CSRFToken": document.cookie.match(new RegExp(`${csrfCookie}=(\\\\w+)`))[1],
  }),
};
window.shown = [];
window.chat = new Chat(client, options, ({ status, code, remedy }) => {
  shown.push({ status, code, remedy });
});
"""
#: Playwright's own way to wait is forbidden by the page's Content-Security-Policy.
WAIT = """async () => {
  for (let tries = 0; tries < 1000; tries++) {
    if (%s) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}"""


@pytest.fixture
def chat(phone, bundle):
    """The demo's page with the SDK and the code of the documentation."""
    phone.page.route("**/bundle.js", lambda route: route.fulfill(path=bundle))
    for name, code in {**captioned("javascript"), "entry.js": ENTRY}.items():
        phone.page.route(f"**/cookbook/{name}", serving(code))
    phone.page.add_script_tag(url="/bundle.js")
    phone.page.add_script_tag(url="/cookbook/entry.js", type="module")
    assert waits_for(phone, "window.chat")
    return phone


def serving(code):
    return lambda route: route.fulfill(body=code, content_type="text/javascript")


def sign_in(phone, person):
    phone.press(person)
    phone.sees_status(f"Signed in as {person.lower()}.")


def log_in(chat, user_id):
    chat.page.evaluate("userId => chat.logIn(userId)", user_id)


def waits_for(chat, condition):
    """Wait for the condition, at most 20 seconds; return whether it came true."""
    return chat.page.evaluate(WAIT % condition)


def is_ready_as(chat, user_id):
    client = "chat.client"
    return waits_for(chat, f"{client}.isReady && {client}.user.userId === '{user_id}'")


def test_alice_and_then_bob(chat):
    sign_in(chat, "Alice")
    log_in(chat, "alice")
    assert is_ready_as(chat, "alice")

    chat.page.evaluate("chat.logOut()")  # waits for the promise
    assert not chat.page.evaluate("chat.client.isAuthenticated")
    chat.press("Sign out")
    chat.is_offered("Alice", "Bob")
    sign_in(chat, "Bob")
    log_in(chat, "bob")

    assert is_ready_as(chat, "bob")
    assert chat.page.evaluate("shown") == []


def test_the_user_who_is_logged_in_at_the_site_wins(chat):
    sign_in(chat, "Bob")

    log_in(chat, "alice")

    assert is_ready_as(chat, "bob")
    assert chat.page.evaluate("shown") == []


def test_a_new_nonce_is_asked_for_once(chat):
    sign_in(chat, "Alice")
    answers = iter([409, 409])
    body = '{"code": "nonce_already_used", "detail": "This nonce was used."}'
    chat.page.route(
        "**/layer/authenticate",
        lambda route: route.fulfill(
            status=next(answers), body=body, content_type="application/json"
        ),
    )

    log_in(chat, "alice")
    assert waits_for(chat, "shown.length")
    refused = chat.page.evaluate("shown")
    chat.page.unroute("**/layer/authenticate")
    log_in(chat, "alice")  # the button “Try again”

    assert refused == [
        {"status": 409, "code": "nonce_already_used", "remedy": "new nonce"}
    ]
    assert list(answers) == []
    assert is_ready_as(chat, "alice")


def test_layer_asks_again_when_its_session_has_ended(chat):
    sign_in(chat, "Alice")
    log_in(chat, "alice")
    assert is_ready_as(chat, "alice")
    first = chat.page.evaluate("chat.client.sessionToken")

    chat.page.evaluate(
        "token => fetch(`/sandbox/sessions/${token}`, {method: 'DELETE', headers: "
        "{Accept: 'application/vnd.layer+json; version=2.0'}})",
        first,
    )
    chat.page.evaluate("chat.client.xhr({url: '/identities/alice', method: 'GET'})")

    token = "chat.client.sessionToken"
    assert waits_for(chat, f"{token} && {token} !== '{first}'")
    assert is_ready_as(chat, "alice")


def test_without_a_login_the_page_is_told_to_log_in(chat):
    log_in(chat, "alice")

    assert waits_for(chat, "shown.length")
    assert chat.page.evaluate("shown[0].remedy") == "log in"
