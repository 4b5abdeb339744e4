"""The demo in a separate process, and Chromium."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from threading import Timer
from typing import NamedTuple, NoReturn
from urllib.parse import urlsplit

import pytest

from tests.services.available import skip_or_fail
from tests.services.npm import install, run

MANAGE = Path(__file__).parents[2] / "example_project" / "manage.py"
START_SECONDS = 60  # the first start creates a database and a key
WEBSDK = Path(__file__).parent / "websdk"
ESBUILD = [
    "entry.js",
    "--bundle",
    "--platform=browser",
    "--define:global=window",  # the SDK was made for browserify
    "--outfile=bundle.js",
]
CHROMIUM_FLAGS = [  # no background traffic, no screen
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


class Demo(NamedTuple):
    """A running demo."""

    url: str
    port: int
    data: Path
    printed: str  # before it began to serve


def absent(what: str, remedy: str) -> NoReturn:
    skip_or_fail(f"{what} is missing: {remedy}")


def environment(data: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a demo with its own data and its own settings."""
    own = {"DEMO_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1", **variables}
    inherited = dict(os.environ)
    inherited.pop("DJANGO_SETTINGS_MODULE", None)  # pytest-django's
    return inherited | own


def is_not_serving(line: str) -> bool:
    """Return whether the line precedes Django's message that it is serving."""
    return not line.startswith("Quit the server")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def running_demo(data, port):
    """Run the demo until it serves; an empty port lets it choose."""
    log = data / f"server{port}.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, MANAGE, "demo"],
            env=environment(data, PORT=str(port)),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            watchdog = Timer(START_SECONDS, process.kill)
            watchdog.start()
            printed = "".join(takewhile(is_not_serving, process.stdout))
            watchdog.cancel()
            assert "development server at" in printed, log.read_text()
            url = re.search(r"Page +(\S+)/\n", printed)[1]
            yield Demo(url, urlsplit(url).port, data, printed)
        finally:
            process.terminate()  # also if the test failed; else leaving waits for ever


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo"), free_port()) as served:
        yield served


@pytest.fixture(scope="module")
def chromium():
    """
    Start Chromium, for one module only.

    Playwright keeps an event loop while it runs, and Django refuses database access under
    a running event loop. So tests of other modules must run without it.
    """
    executable = shutil.which("chromium") or absent(
        "Chromium", "install Debian's package chromium."
    )
    find_spec("playwright") or absent("Playwright", "install playwright from PyPI.")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # milliseconds; CI machines are slow
    flags = [*CHROMIUM_FLAGS, *["--no-sandbox"] * (os.geteuid() == 0)]
    with (
        sync_playwright() as playwright,
        closing(
            playwright.chromium.launch(executable_path=executable, args=flags)
        ) as browser,
    ):
        yield browser


@pytest.fixture
def phone(chromium, demo):
    """A new browser context with the demo's page."""
    from tests.browser.phone import Phone

    settings = {"base_url": demo.url, "reduced_motion": "reduce"}
    with closing(chromium.new_context(**settings)) as context:
        yield Phone(context.new_page())


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """Layer's web SDK, downloaded and bundled for the browser in a temporary folder."""
    folder = install(WEBSDK, tmp_path_factory.mktemp("websdk"))
    bundled = run(folder, folder / "node_modules/.bin/esbuild", *ESBUILD)
    assert bundled.returncode == 0, bundled.stderr
    return folder / "bundle.js"
