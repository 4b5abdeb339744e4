"""Sphinx's settings."""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings

project = "django-layer-identity"
author = "the django-layer-identity maintainers"
project_copyright = f"2026, {author}"
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["tables.css"]
exclude_patterns = ["_build"]
nitpicky = True
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
copybutton_exclude = ".linenos, .gp, .go"  # neither the prompt nor the output
autodoc_typehints = "none"  # the signatures would name modules that are not documented
autodoc_preserve_defaults = True
myst_heading_anchors = 0
suppress_warnings = ["myst.header"]  # the changelog begins at the first level
if "READTHEDOCS" in os.environ:  # it needs the network, so local builds do without
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "django": (
            "https://docs.djangoproject.com/en/stable/",
            "https://docs.djangoproject.com/en/stable/_objects/",
        ),
        "python": ("https://docs.python.org/3/", None),
    }
nitpick_ignore_regex = [
    ("py:.*", ".*")
]  # docstrings name internals and Django's classes

settings.configure(
    INSTALLED_APPS=[
        *("django.contrib.auth", "django.contrib.contenttypes"),
        *("rest_framework", "django_layer_identity"),
    ]
)
django.setup()


def setup(app: Any) -> None:
    """Let settings, codes and statuses have directives, as in Django's documentation."""
    for name in ("setting", "refusal", "status"):
        app.add_crossref_type(name, name, indextemplate=f"pair: %s; {name}")
