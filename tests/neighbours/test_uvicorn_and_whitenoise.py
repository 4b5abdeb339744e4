"""A new project with WhiteNoise, served by uvicorn."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from tests.browser.conftest import START_SECONDS, free_port
from tests.endpoint import NONCE
from tests.fresh import SETTINGS, URLS, add, environment, start_project
from tests.services.available import skip_or_fail

pytestmark = [pytest.mark.neighbour, pytest.mark.slow]

WHITENOISE = """
ALLOWED_HOSTS = ["127.0.0.1"]
DEBUG = False
MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
STATIC_ROOT = BASE_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
"""
WARM = """
from django_layer_identity.issuing import warm_keys

warm_keys()
"""
CREATE = """
from django.contrib.auth.models import User
from django.core.management import call_command
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.key_pairs import VECTORS
call_command("layer_app_create", name="Messenger", app_id=APP_ID,
             provider_id=PROVIDER_ID)
call_command("layer_key_import", VECTORS / "first_private_key.pem", key_id=KEY_ID, activate=True)
User.objects.create_user("alice", password="wonderland")
"""


@pytest.fixture
def url(tmp_path):
    for name in ("uvicorn", "whitenoise"):
        find_spec(name) or skip_or_fail(
            f"{name} is not installed. Use the tox environment “neighbours”."
        )
    start_project(tmp_path)
    add(tmp_path, {"settings.py": SETTINGS, "urls.py": URLS})
    add(tmp_path, {"settings.py": WHITENOISE, "asgi.py": WARM})
    variables = environment(LAYER_KEY_ENCRYPTION_KEY="x" * 32)
    run = partial(subprocess.run, cwd=tmp_path, env=variables, check=True)
    for command in (
        ["migrate", "-v", "0"],
        ["collectstatic", "-v", "0"],  # fails if a file that a style names is missing
        ["shell", "-v", "0", "-c", CREATE],
    ):
        run([sys.executable, "manage.py", *command])
    port = free_port()
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "messenger.asgi:application"),
            *("--port", str(port), "--log-level", "error", "--lifespan", "off"),
        ],
        cwd=tmp_path,
        env=variables,
    ) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/layer/jwks.json")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(url):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            return urlopen(url)  # noqa: S310
        except URLError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer.")


def test_uvicorn_serves_tokens_and_whitenoise_the_styles_of_the_admin(url, tmp_path):
    own = base64.b64encode(b"alice:wonderland").decode()
    request = Request(  # noqa: S310
        f"{url}/layer/authenticate",
        json.dumps({"nonce": NONCE}).encode(),
        {"Authorization": f"Basic {own}", "Content-Type": "application/json"},
    )

    with urlopen(request) as answer:  # noqa: S310
        assert json.load(answer)["user_id"] == "alice"

    files = json.loads((tmp_path / "static/staticfiles.json").read_text())["paths"]
    ours = [path for name, path in files.items() if name.startswith("layer_identity/")]
    assert ours != []
    for path in ours:
        with urlopen(f"{url}/static/{path}") as answer:  # noqa: S310
            assert "immutable" in answer.headers["Cache-Control"]
