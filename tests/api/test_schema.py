"""The OpenAPI document is valid and matches the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import jsonschema
import pytest
from django.urls import path
from drf_spectacular.validation import validate_schema

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from django_layer_identity.api.errors import CHALLENGED, STATUSES
from django_layer_identity.api.views import IdentityTokenView
from tests.api import openapi
from tests.endpoint import FORM, JSON, configure

UNUSED = """
import django, sys
django.setup()
import django_layer_identity.urls
print("drf_spectacular" in sys.modules)
"""


@pytest.fixture
def document(settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular"]
    auto = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    settings.REST_FRAMEWORK = auto
    return openapi.generate()


@pytest.fixture
def operation(document):
    return document["paths"]["/layer/authenticate"]["post"]


@pytest.fixture
def schema(document, operation):
    def schema(status):
        content = operation["responses"][status]["content"][JSON]
        name = content["schema"]["$ref"].removeprefix("#/components/schemas/")
        return document["components"]["schemas"][name]

    return schema


def test_the_document_is_valid_without_warnings(document, capsys):
    validate_schema(document)

    assert capsys.readouterr() == ("", "")


def test_the_document_has_both_views(document):
    operations = {
        (address, method): operation["operationId"]
        for address, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {
        ("/layer/authenticate", "post"): "layer_authenticate",
        ("/layer/jwks.json", "get"): "layer_jwks",
    }


def test_a_request_needs_a_nonce_in_any_of_three_forms(document, operation):
    content = operation["requestBody"]["content"]
    schemas = document["components"]["schemas"]
    required = {
        media_type: schemas[form["schema"]["$ref"].rpartition("/")[2]]["required"]
        for media_type, form in content.items()
    }

    assert operation["requestBody"]["required"] is True
    assert set(required) == {JSON, FORM, "multipart/form-data"}
    assert list(required.values()) == [["nonce"]] * 3


@pytest.mark.parametrize("name", ["LayerNonceRequest", "LayerNonceForm"])
@pytest.mark.parametrize(
    ("nonce", "allowed"),
    [
        ("a+b/c==", True),
        ("\u00a0", False),
        ("\u3000\u00a0", False),
        ("a\u0000b", False),
    ],
)
def test_a_nonce_is_described_as_more_than_white_space(document, name, nonce, allowed):
    pattern = document["components"]["schemas"][name]["properties"]["nonce"]["pattern"]

    assert (re.search(pattern, nonce) is not None) is allowed


def test_each_refusal_is_under_its_status(operation, schema):
    described = {
        (code, int(status))
        for status in set(operation["responses"]) - {"200"}
        for code in schema(status)["properties"]["code"]["allOf"][0]["enum"]
    }

    assert described == {*STATUSES.items(), *((code, 401) for code in CHALLENGED)}


def test_each_status_is_described_by_the_texts_of_its_codes(operation):
    described = {
        status: response["description"]
        for status, response in operation["responses"].items()
    }

    assert described["404"] == (
        "* `app_unknown`: No enabled Layer app has this app ID. Correct “app_id”."
    )
    assert described["403"].splitlines()[:3] == [
        "* `not_authenticated`: Log in first: the request has no valid credentials.",
        "* `authentication_failed`: The credentials sent with the request were not "
        "accepted. Log in again.",
        "* `user_inactive`: This user account is inactive. Only an administrator can "
        "activate it.",
    ]
    assert sum(text.count("* `") for text in described.values()) == len(STATUSES) + 2


def test_each_response_is_a_named_component(document):
    names = {
        ("200", "LayerIdentityToken"),
        ("200", "LayerKeySet"),
        *(
            (str(status), f"LayerRefusal{status}")
            for status in {401, *STATUSES.values()}
        ),
    }
    responses = [
        (status, content["schema"], response["description"])
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        for content in response["content"].values()
    ]

    assert {
        (status, ref["$ref"].rpartition("/")[2]) for status, ref, _ in responses
    } == (names)
    assert all(description for *_, description in responses)


def test_the_names_of_the_projects_enums_do_not_change(document):
    names = [name for name in document["components"]["schemas"] if "Enum" in name]

    assert names == []


def test_each_example_matches_its_schema(document):
    definitions = {"components": document["components"]}
    examples = [
        (content["schema"], example["value"])
        for methods in document["paths"].values()
        for operation in methods.values()
        for body in [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in body.get("content", {}).values()
        for example in content["examples"].values()
    ]

    for schema, value in examples:
        jsonschema.validate(value, {**definitions, **schema})
    # Three requests, a token, a key set, and the codes, of which jwks.json repeats some.
    repeated = [code for code, status in STATUSES.items() if status in (400, 503)]
    assert len(examples) == 5 + len(STATUSES) + len(CHALLENGED) + len(repeated)


def test_the_examples_of_a_status_are_named_for_their_codes(operation):
    examples = operation["responses"]["413"]["content"][JSON]["examples"]

    detail = "The body must not be larger than 16 KiB."
    assert examples == {
        "BodyTooLarge": {
            "value": {
                "code": "body_too_large",
                "detail": detail,
                "error": detail,
                "status": 413,
            },
            "summary": "body_too_large",
        }
    }


def test_a_success_has_four_properties_and_no_other(schema):
    success = schema("200")

    assert success["required"] == [
        "identity_token",
        "layer_identity_token",
        "user_id",
        "expires_at",
    ]
    assert list(success["properties"]) == success["required"]
    assert success["additionalProperties"] is False


BODY = ["django_layer_identity.api.authentication.BodyCredentialsAuthentication"]


@pytest.fixture
def with_body_credentials(settings, document):
    basic = "rest_framework.authentication.BasicAuthentication"
    configure(settings, AUTHENTICATION_CLASSES=[basic, *BODY])
    return openapi.generate()


def described_properties(document, media_type):
    operation = document["paths"]["/layer/authenticate"]["post"]
    ref = operation["requestBody"]["content"][media_type]["schema"]["$ref"]
    name = ref.rpartition("/")[2]
    return name, document["components"]["schemas"][name]["properties"]


def test_credentials_in_the_body_are_described(with_body_credentials, capsys):
    validate_schema(with_body_credentials)
    assert capsys.readouterr() == ("", "")

    name, properties = described_properties(with_body_credentials, JSON)
    assert name == "LayerLoginRequest"
    assert list(properties) == [
        *("nonce", "app_id", "user_id", "username", "email", "password", "user")
    ]
    assert list(properties["user"]["properties"]) == [
        *("username", "email", "password", "user_id")
    ]


def test_credentials_in_a_form_are_described_with_brackets(with_body_credentials):
    name, properties = described_properties(with_body_credentials, FORM)

    assert name == "LayerLoginForm"
    assert list(properties)[3:] == [
        *("username", "email", "password"),
        *("user[username]", "user[email]", "user[password]", "user[user_id]"),
    ]


def test_a_request_may_have_only_the_credentials_in_its_body(with_body_credentials):
    operation = with_body_credentials["paths"]["/layer/authenticate"]["post"]

    assert operation["security"] == [{"basicAuth": []}, {}]


def test_only_views_that_take_passwords_describe_them(document):
    classes = [BodyCredentialsAuthentication]
    views = [
        path("plain", IdentityTokenView.as_view()),
        path("body", IdentityTokenView.as_view(authentication_classes=classes)),
    ]

    schemas = openapi.generate(views)["components"]["schemas"]

    assert "password" in schemas["LayerLoginRequest"]["properties"]
    assert "password" not in schemas["LayerNonceRequest"]["properties"]


def test_retry_after_is_described_for_429(operation):
    having = {
        status
        for status, response in operation["responses"].items()
        if "Retry-After" in response.get("headers", {})
    }

    assert having == {"429"}


def test_a_subclass_of_the_view_is_described_too(document):
    class Ours(IdentityTokenView):
        pass

    [operation] = openapi.generate([path("ours", Ours.as_view())])["paths"].values()

    assert operation["post"]["operationId"] == "layer_authenticate"


def test_without_the_app_nothing_is_imported_for_it():
    done = subprocess.run(
        [sys.executable, "-c", UNUSED],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "False\n"
