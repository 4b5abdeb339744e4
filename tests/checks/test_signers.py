from __future__ import annotations

import pytest
from django.core.checks import Error

from tests.backends import signer
from tests.checks import found

ENTRY = '{"BACKEND": "django_layer_identity.keys.pkcs11.PKCS11Backend", "OPTIONS": {…}}'
NAME = "LAYER_IDENTITY['SIGNERS']['hsm']"


def entry_found(settings, **entry):
    return found(settings, SIGNERS={"hsm": entry})


@pytest.mark.parametrize(
    "signers", [["hsm"], None, {"": {}}, {1: {}}, {"x" * 101: {}}], ids=str
)
def test_signers_are_a_dict_of_aliases(settings, signers):
    assert found(settings, SIGNERS=signers) == [
        Error(
            "LAYER_IDENTITY['SIGNERS'] must be a dict whose keys are aliases of 1 to "
            "100 characters.",
            hint=f'For example: {{"hsm": {ENTRY}}}.',
            id="layer_identity.E015",
        )
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "tests.backends.InMemory",
        {},
        {"OPTIONS": {}},
        {"BACKEND": "tests.backends.InMemory", "OPTIONS": []},
        {"BACKEND": "tests.backends.InMemory", "PIN_FILE": "/run/pin"},
    ],
    ids=str,
)
def test_an_entry_is_a_dict_of_backend_and_options(settings, entry):
    assert found(settings, SIGNERS={"hsm": entry}) == [
        Error(
            f"{NAME} must be a dict with BACKEND and, optionally, a dict OPTIONS.",
            hint=f"For example: {ENTRY}.",
            id="layer_identity.E016",
        )
    ]


@pytest.mark.parametrize("option", ["PIN", "user_pin", "PASSWORD", "CLIENT_SECRET"])
def test_a_secret_in_the_options_is_reported(settings, option):
    assert found(settings, SIGNERS=signer("InMemory", key=1, **{option: "8765"})) == [
        Error(
            f"{NAME} must not contain a secret, but OPTIONS has {option}.",
            hint="Remove it. Set PIN_FILE to the path of a file that holds the secret, or "
            "PIN_ENV to the name of an environment variable.",
            id="layer_identity.E017",
        )
    ]


@pytest.mark.parametrize("variable", ["HSM_PIN", "PIN"])
def test_a_pin_in_a_variable_that_error_pages_show_is_reported(settings, variable):
    assert found(settings, SIGNERS=signer("InMemory", key=1, PIN_ENV=variable)) == [
        Error(
            f"{NAME} reads the PIN from the environment variable {variable!r}, which "
            "Django's error pages show.",
            hint="Rename the variable. Django hides variables with SECRET or PASS in "
            "their names.",
            id="layer_identity.E018",
        )
    ]


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        ("tests.backends.InMemory", "OPTIONS lacks key."),
        (
            "no.such.Backend",
            "BACKEND cannot be imported (No module named 'no'). It must be the dotted "
            "path of a class.",
        ),
    ],
)
def test_an_error_of_the_backend_is_reported(settings, backend, problem):
    assert entry_found(settings, BACKEND=backend) == [
        Error(
            f"LAYER_IDENTITY['SIGNERS'] is invalid. SIGNERS['hsm']: {problem}",
            hint="The page “Keys in an HSM” in the documentation lists the options.",
            id="layer_identity.E019",
        )
    ]


def test_an_unexpected_error_of_the_backend_is_reported_without_its_text(settings):
    error = LookupError("no vault for the token 8765")

    assert found(settings, SIGNERS=signer("Unbuildable", error=error)) == [
        Error(
            "LAYER_IDENTITY['SIGNERS'] is invalid. SIGNERS['hsm']: the backend cannot be "
            "created (LookupError).",
            hint="The page “Keys in an HSM” in the documentation lists the options.",
            id="layer_identity.E019",
        )
    ]


@pytest.mark.parametrize("variable", ["HSM_PIN_SECRET", "HSM_PASSWORD"])
def test_a_valid_entry_is_accepted(settings, variable):
    signers = signer("InMemory", key=1, PIN_ENV=variable, TIMEOUT=2.5)

    assert found(settings, SIGNERS=signers) == []
