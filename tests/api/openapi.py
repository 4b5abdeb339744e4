"""The OpenAPI document of a project with our URLs and drf-spectacular."""

from __future__ import annotations

import json

from django.urls import include, path

PATTERNS = [path("layer/", include("django_layer_identity.urls"))]


def generate(patterns=PATTERNS):
    """Return the document as JSON, without Python objects."""
    from drf_spectacular.generators import SchemaGenerator

    document = SchemaGenerator(patterns=patterns).get_schema(public=True)
    return json.loads(json.dumps(document))
