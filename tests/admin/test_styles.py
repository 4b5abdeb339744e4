"""The style sheet does not depend on the variables of Django's own admin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import django_layer_identity
from django_layer_identity.admin.forms import NewSigningKeyForm, RevokeForm

STYLES = Path(django_layer_identity.__file__).parent / "static/layer_identity"
VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*([,)])")


@pytest.mark.parametrize("name", ["admin.css", "pages.css"])
def test_each_variable_has_a_fallback(name):
    text = (STYLES / name).read_text(encoding="utf-8")

    found = VARIABLE.findall(text)

    assert len(found) == text.count("var(") > 0
    assert [name for name, following in found if following == ")"] == []


@pytest.mark.parametrize(
    ("form", "name", "style"),
    [
        (NewSigningKeyForm, "private_key", "vLargeTextField"),
        (NewSigningKeyForm, "passphrase", "vTextField"),
        (RevokeForm, "reason", "vTextField"),
    ],
)
def test_fields_have_the_classes_of_the_admin(form, name, style):
    assert form.base_fields[name].widget.attrs["class"] == style
