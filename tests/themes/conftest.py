from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing, contextmanager
from importlib.util import find_spec
from itertools import takewhile
from threading import Timer

import pytest

from tests.browser.conftest import (  # noqa: F401  # chromium is a fixture
    START_SECONDS,
    chromium,
    free_port,
    is_not_serving,
)
from tests.services.available import skip_or_fail
from tests.themes.settings import THEMES


def run(*arguments, **variables):
    """Return the arguments of Popen for a command of the project."""
    settings = {"DJANGO_SETTINGS_MODULE": "tests.themes.settings"}
    command = [sys.executable, "-m", "django", *arguments]
    return {"args": command, "env": {**os.environ, **settings, **variables}}


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """A folder with a database that has rows of each kind."""
    data = tmp_path_factory.mktemp("rows")
    code = "from tests.themes.rows import create; create()"
    for line in (
        ["migrate", "-v", "0", "--run-syncdb"],
        ["shell", "-v", "0", "-c", code],
    ):
        subprocess.run(**run(*line, TEST_THEME_DATA=str(data)), check=True)
    return data


@contextmanager
def served(theme, data):
    """Serve the project with this theme, and yield its address."""
    for app in THEMES[theme]:
        find_spec(app) or skip_or_fail(
            f"{app} is not installed. Use the tox environment “themes”."
        )
    port, variables = free_port(), {"TEST_THEME": theme, "TEST_THEME_DATA": str(data)}
    command = run("runserver", f"127.0.0.1:{port}", "--noreload", **variables)
    with (
        (data / "server.log").open("w") as log,
        subprocess.Popen(
            **command, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        watchdog = Timer(START_SECONDS, process.kill)
        watchdog.start()
        printed = "".join(takewhile(is_not_serving, process.stdout))
        watchdog.cancel()
        assert "development server at" in printed, (data / "server.log").read_text()
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture(scope="module", params=["django", "unfold", "jazzmin", "grappelli"])
def theme(request):
    return request.param


@pytest.fixture(scope="module")
def session(theme, rows, chromium, tmp_path_factory):  # noqa: F811
    """Settings of a browser context of a superuser who is logged in."""
    data = tmp_path_factory.mktemp(theme)
    shutil.copy(rows / "db.sqlite3", data)
    with served(theme, data) as url, closing(chromium.new_context(base_url=url)) as own:
        own.set_default_timeout(20_000)  # milliseconds
        own.route(lambda address: not address.startswith(url), lambda r: r.abort())
        page = own.new_page()
        page.goto("/admin/")
        page.fill("input[name=username]", "root")
        page.fill("input[name=password]", "root")
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/admin/")
        yield {"base_url": url, "storage_state": own.storage_state()}


@pytest.fixture(scope="module")
def contexts(chromium, session):  # noqa: F811
    """Return a function that returns the browser context with these settings."""
    opened = {}

    def get_context(**settings):
        wanted = tuple(settings.items())
        if wanted not in opened:
            context = chromium.new_context(**session, **settings)
            context.set_default_timeout(20_000)  # milliseconds
            own = session["base_url"]
            # Packages load fonts from other servers.
            context.route(lambda url: not url.startswith(own), lambda r: r.abort())
            opened[wanted] = context
        return opened[wanted]

    yield get_context
    for context in opened.values():
        context.close()


@pytest.fixture
def window(contexts):
    """Return a function that opens a page in a new window of this width."""
    pages = []

    def open_window(path, width=1280, **settings):
        page = contexts(**settings).new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 1000})
        page.response = page.goto(path)
        return page

    yield open_window
    for page in pages:
        page.close()
