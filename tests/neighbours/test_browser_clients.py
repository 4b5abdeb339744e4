"""The page of the guide "browser-clients" in Chromium, from another origin."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from itertools import takewhile
from threading import Thread, Timer

import pytest

from tests.browser.conftest import (  # noqa: F401  # chromium is a fixture
    START_SECONDS,
    chromium,
    free_port,
    is_not_serving,
)
from tests.fresh import CHECKOUT, environment
from tests.guide_pages import blocks, start_guide
from tests.key_pairs import VECTORS
from tests.services.available import skip_or_fail

pytestmark = [pytest.mark.neighbour, pytest.mark.slow]

PAGE = "https://app.example.com"  # on the page of the documentation
CREATE = """
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.auth import SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.core.management import call_command
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
call_command("layer_app_create", name="Messenger", app_id=APP_ID,
             provider_id=PROVIDER_ID)
call_command("layer_key_import", {key!r}, key_id=KEY_ID, activate=True)
user = User.objects.create(username="alice")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
print(session.session_key)
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def origin(folder):
    """Serve a page at an origin of its own; yield the origin."""
    handler = partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def pages(tmp_path):
    """The origin of the app's page, and another one with the same page."""
    folder = tmp_path / "page"
    folder.mkdir()
    [script] = [
        code for _, caption, code in blocks("browser-clients") if caption == "app.js"
    ]
    (folder / "index.html").write_text(f"<!doctype html><script>{script}</script>")
    with origin(folder) as own, origin(folder) as other:
        yield own, other


@pytest.fixture
def api(tmp_path, pages):
    """The guide's project, and the key of a session of Alice."""
    find_spec("corsheaders") or skip_or_fail(
        "django-cors-headers is not installed. Use the tox environment “neighbours”."
    )
    project = tmp_path / "project"
    project.mkdir()
    start_guide(project, "browser-clients")
    settings = project / "messenger" / "settings.py"
    settings.write_text(settings.read_text().replace(PAGE, pages[0]))
    path = os.pathsep.join([str(project), str(CHECKOUT)])
    variables = environment(LAYER_KEY_ENCRYPTION_KEY="x" * 32, PYTHONPATH=path)
    manage = [sys.executable, "manage.py"]
    run = partial(subprocess.run, cwd=project, env=variables, check=True)
    run([*manage, "migrate", "-v", "0"])
    code = CREATE.format(key=str(VECTORS / "first_private_key.pem"))
    created = run(
        [*manage, "shell", "-v", "0", "-c", code], stdout=subprocess.PIPE, text=True
    )
    port = free_port()
    with subprocess.Popen(
        [*manage, "runserver", f"127.0.0.1:{port}", "--noreload"],
        cwd=project,
        env={**variables, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        watchdog = Timer(START_SECONDS, server.kill)
        watchdog.start()
        list(takewhile(is_not_serving, server.stdout))
        watchdog.cancel()
        yield f"http://127.0.0.1:{port}", created.stdout.split()[-1]
        server.terminate()


@pytest.fixture
def ask(api, chromium):  # noqa: F811
    """Return a function that asks for a token on a page of this origin."""
    url, session = api

    def ask(page_origin):
        with closing(chromium.new_context()) as context:
            cookie = {"name": "sessionid", "value": session, "url": url}
            context.add_cookies([cookie])
            page = context.new_page()
            page.goto(f"{page_origin}/index.html")
            return page.evaluate(
                f"identityToken({url!r}, 'a-nonce').catch(error => String(error))"
            )

    return ask


def test_only_the_listed_page_gets_a_token_with_the_session_cookie(ask, pages):
    own, other = pages

    assert ask(own).count(".") == 2
    assert ask(other) == "TypeError: Failed to fetch"
