from __future__ import annotations

import pytest
from django.core.checks import Error

from tests.backends import signer
from tests.checks import found

NAME = "LAYER_IDENTITY['SIGNERS']['hsm']"


def entry_found(settings, **entry):
    return found(settings, SIGNERS={"hsm": entry})


@pytest.mark.parametrize(
    "signers", [["hsm"], None, {"": {}}, {1: {}}, {"x" * 101: {}}], ids=str
)
def test_signers_are_a_dict_of_aliases(settings, signers):
    assert found(settings, SIGNERS=signers) == [
        Error(
            "LAYER_IDENTITY['SIGNERS'] must be a dict, and its keys aliases of up to "
            "100 characters.",
            hint='For example: {"hsm": {"BACKEND": "…", "OPTIONS": {…}}}.',
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
def test_an_entry_is_a_backend_and_options(settings, entry):
    assert found(settings, SIGNERS={"hsm": entry}) == [
        Error(
            f"{NAME} must be a dict with BACKEND and, if need be, OPTIONS.",
            hint='For example: {"BACKEND": "…", "OPTIONS": {…}}.',
            id="layer_identity.E016",
        )
    ]


@pytest.mark.parametrize("option", ["PIN", "user_pin", "PASSWORD", "CLIENT_SECRET"])
def test_a_secret_is_not_given_inline(settings, option):
    assert found(settings, SIGNERS=signer("InMemory", key=1, **{option: "8765"})) == [
        Error(
            f"{NAME} has a secret in its OPTIONS: {option}.",
            hint="Name the file it is in (PIN_FILE), or the variable (PIN_ENV).",
            id="layer_identity.E017",
        )
    ]


@pytest.mark.parametrize("variable", ["HSM_PIN", "PIN"])
def test_a_pin_is_in_no_variable_that_error_pages_show(settings, variable):
    assert found(settings, SIGNERS=signer("InMemory", key=1, PIN_ENV=variable)) == [
        Error(
            f"{NAME}: Django's error pages show the variable {variable!r}, where the "
            "PIN is.",
            hint="Django hides those with SECRET or PASS in their names: rename it.",
            id="layer_identity.E018",
        )
    ]


@pytest.mark.parametrize(
    ("backend", "complaint"),
    [
        ("tests.backends.InMemory", "OPTIONS lacks key."),
        ("no.such.Backend", "BACKEND cannot be imported: No module named 'no'."),
    ],
)
def test_what_the_backend_refuses_is_named(settings, backend, complaint):
    assert entry_found(settings, BACKEND=backend) == [
        Error(
            f"LAYER_IDENTITY['SIGNERS'] is of no use. SIGNERS['hsm']: {complaint}",
            hint="The page on HSMs in the documentation lists what belongs there.",
            id="layer_identity.E019",
        )
    ]


@pytest.mark.parametrize("variable", ["HSM_PIN_SECRET", "HSM_PASSWORD"])
def test_a_good_entry_is_passed_over_in_silence(settings, variable):
    signers = signer("InMemory", key=1, PIN_ENV=variable, TIMEOUT=2.5)

    assert found(settings, SIGNERS=signers) == []
