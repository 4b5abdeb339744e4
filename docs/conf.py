"""Sphinx's settings."""

from __future__ import annotations

from typing import Any

project = "django-layer-identity"
author = "the django-layer-identity maintainers"
project_copyright = f"2026, {author}"
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["tables.css"]
exclude_patterns = ["_build"]
nitpicky = True


def setup(app: Any) -> None:
    """Let settings, codes and statuses have directives, as in Django's documentation."""
    for name in ("setting", "refusal", "status"):
        app.add_crossref_type(name, name, indextemplate=f"pair: %s; {name}")
