"""The OpenAPI document of a project with each recipe, made as documented."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.fresh import SETTINGS, URLS, add, environment, start_project
from tests.frontdoors.recipes import RECIPES
from tests.pages import code_with_captions, page

pytestmark = [
    pytest.mark.frontdoor,
    pytest.mark.skipif(
        os.environ["DJANGO_SETTINGS_MODULE"] != "tests.frontdoors.settings",
        reason="Run it with --ds=tests.frontdoors.settings.",
    ),
]

[(_, INSTALL), (_, LEAVE_KNOX_OUT)] = code_with_captions(page("endpoint").read_text())


@pytest.mark.parametrize("title", RECIPES)
def test_the_document_is_valid_without_warnings(title, tmp_path):
    start_project(tmp_path)
    add(tmp_path, {"settings.py": SETTINGS, "urls.py": URLS})
    add(tmp_path, RECIPES[title])
    add(tmp_path, {"settings.py": INSTALL})
    if title == "knox":
        add(tmp_path, {"urls.py": LEAVE_KNOX_OUT})

    options = ("--fail-on-warn", "--validate", "--file", "openapi.yaml")
    done = subprocess.run(
        [sys.executable, "manage.py", "spectacular", *options],
        cwd=tmp_path,
        env=environment(LAYER_KEY_ENCRYPTION_KEY="x" * 32),
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    document = (tmp_path / "openapi.yaml").read_text()
    assert "  /layer/authenticate:\n    post:\n" in document
    has_credentials = "BodyCredentials" in RECIPES[title]["settings.py"]
    assert ("LayerLoginRequest" in document) is has_credentials
