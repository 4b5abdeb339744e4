"""The table of the page "Works with" names only what the tests install."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.guide_pages import DOCS
from tests.pages import page

ROOT = Path(__file__).parent.parent
PROGRAMS = {"pgbouncer", "nginx"}  # from Debian

ROWS = re.findall(
    r"^   \* - (\S+)\n     - ([\d.]+)\n", page("other-packages").read_text(), re.M
)
#: Guides of this kind: what the reader gets, what to do, how to see that it works.
GUIDES = (
    *("backups", "behind-a-proxy", "browser-clients", "claims", "deletion"),
    *("deployment", "email-user-ids", "impersonation", "leaked-key", "lost-secret"),
    *("metrics", "moving", "phone-user-ids", "random-user-ids", "rotate-a-key"),
    *("several-apps", "shared-devices"),
)


def floors():
    """Return the lowest version of each package of a dependency group."""
    text = (ROOT / "pyproject.toml").read_text()
    groups = text.split("[dependency-groups]")[1].split("\n[tool.")[0]
    requirements = map(Requirement, re.findall(r'"([a-z][\w-]*.*?)"', groups))
    return {
        canonicalize_name(each.name): Version(specifier.version)
        for each in requirements
        for specifier in each.specifier
        if specifier.operator == ">="
    }


@pytest.mark.parametrize(("name", "version"), ROWS)
def test_each_version_is_one_that_the_tests_install(name, version):
    if name.lower() not in PROGRAMS:
        release = Version(f"{version}.999")  # the table has no third number

        assert floors()[canonicalize_name(name)] <= release


def test_the_table_has_every_neighbour():
    names = {canonicalize_name(name) for name, _version in ROWS}

    assert names == {
        *("django-auditlog", "django-cors-headers", "django-easy-audit", "uvicorn"),
        *("django-grappelli", "django-hijack", "django-impersonate", "nginx"),
        *("django-jazzmin", "django-loginas", "django-tenants", "django-unfold"),
        *("drf-spectacular", "gunicorn", "pgbouncer", "prometheus-client"),
        *("pytest-xdist", "sentry-sdk", "whitenoise"),
    }


@pytest.mark.parametrize("name", GUIDES)
def test_each_guide_ends_with_how_to_see_that_it_works(name):
    text = (DOCS / "guides" / f"{name}.rst").read_text()

    assert re.findall(r"^(.+)\n-{3,}\n", text, re.M)[-1] == "See that it works"
