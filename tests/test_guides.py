"""Each guide's code runs in a new project, exactly as printed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fresh import CHECKOUT, environment
from tests.guide_pages import PROJECTS, commands, start_guide
from tests.services.available import skip_or_fail

#: Guides that need packages of the dependency group "neighbours".
NEIGHBOURS = {"browser-clients": "corsheaders", "metrics": "prometheus_client"}
#: Guides that need packages of the dependency groups "test" and "frontdoors".
NEEDS = {
    "email-user-ids": "allauth",
    "phone-user-ids": "phonenumbers",
    "impersonation": "hijack",
    **NEIGHBOURS,
}

#: What a deployment of the page "deployment" has in its environment.
SECRETS = {
    "ALLOWED_HOSTS": "layer.example.com",
    "LAYER_KEY_ENCRYPTION_KEY": "an entry for these tests, longer than 32 characters",
    "SECRET_KEY": "made-up-for-this-test-of-many-different-characters-0123456789",
}


def run(project, *command):
    """Run Python in a guide's project; return what it printed."""
    path = os.pathsep.join([str(project), str(CHECKOUT)])
    done = subprocess.run(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env=environment(**SECRETS, PYTHONPATH=path, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


MARKS = {name: [pytest.mark.neighbour] for name in NEIGHBOURS}
PARAMS = [
    pytest.param(name, marks=MARKS.get(name, ()))
    for name in PROJECTS
    if name != "deployment"  # see below
]


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMS)
def test_a_new_project_with_the_guide_does_what_the_guide_says(name, tmp_path):
    package = NEEDS.get(name, "django")
    find_spec(package) or skip_or_fail(
        f"{package} is not installed: see the dependency groups."
    )
    start_guide(tmp_path, name)
    tests = Path("tests/guides", f"test_{name.replace('-', '_')}.py")

    run(
        tmp_path,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_django.plugin"),
        "--nomigrations",
        *("--ds", "messenger.settings", str(tests)),
    )


@pytest.mark.slow
def test_the_check_for_deployment_prints_what_the_page_says(tmp_path):
    start_guide(tmp_path, "deployment")
    line, expected = commands("deployment")[-1]
    assert line.startswith("python manage.py check --deploy")

    printed = run(tmp_path, tmp_path / "manage.py", *line.split()[2:])

    assert printed == f"{expected}\n"
