"""From an alias to a backend."""

from __future__ import annotations

import os
from threading import Event, Semaphore

import pytest

from django_layer_identity.exceptions import ConfigurationError, SigningBackendError
from django_layer_identity.keys.backends import build_backend, get_backend
from tests.backends import signer
from tests.endpoint import configure


def test_an_alias_is_the_same_custody_in_all_of_a_process(settings, private_key):
    configure(settings, SIGNERS=signer("InMemory", key=private_key))

    assert get_backend("hsm") is get_backend("hsm")


def test_a_setting_that_changes_is_another_custody(settings, private_key):
    configure(settings, SIGNERS=signer("InMemory", key=private_key))
    before = get_backend("hsm")

    configure(settings, SIGNERS=signer("InMemory", key=private_key, TIMEOUT=1))

    assert get_backend("hsm") is not before
    assert get_backend("hsm").timeout == 1


def test_the_defaults_are_five_seconds_and_four_calls(private_key):
    backend = build_backend("hsm", signer("InMemory", key=private_key)["hsm"])

    assert (backend.timeout, backend.slots.count) == (5, 4)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_what_hangs_in_the_parent_takes_no_place_in_the_child(settings, private_key):
    gate, entered = Event(), Semaphore(0)
    options = {"key": private_key, "gate": gate, "entered": entered}
    configure(settings, SIGNERS=signer("Hanging", **options, TIMEOUT=5, MAX_CALLS=1))
    backend = get_backend("hsm")
    backend.timeout = 0.05
    with pytest.raises(SigningBackendError):
        backend.sign(b"message")

    child = os.fork()
    if not child:  # pragma: no cover  # only the parent is measured
        right = False
        try:
            gate.set()
            right = get_backend("hsm").sign(b"message") == private_key.sign(b"message")
        finally:
            os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)
    gate.set()

    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (None, "SIGNERS['hsm'] is not there, or is no dict."),
        ("tests.backends.InMemory", "SIGNERS['hsm'] is not there, or is no dict."),
        (
            {"BACKEND": "InMemory"},
            "SIGNERS['hsm']: BACKEND cannot be imported: InMemory doesn't look like a "
            "module path.",
        ),
        (
            {"BACKEND": "tests.backends.InVault"},
            "SIGNERS['hsm']: BACKEND cannot be imported: Module \"tests.backends\" "
            'does not define a "InVault" attribute/class.',
        ),
        (
            {"BACKEND": "no.such.Backend"},
            "SIGNERS['hsm']: BACKEND cannot be imported: No module named 'no'.",
        ),
        (
            {},
            "SIGNERS['hsm']: BACKEND cannot be imported: 'NoneType' object has no "
            "attribute 'rsplit'.",
        ),
        ({"BACKEND": "tests.backends.InMemory"}, "SIGNERS['hsm']: OPTIONS lacks key."),
    ],
)
def test_an_entry_that_is_of_no_use_is_refused(settings, entry, complaint):
    configure(settings, SIGNERS={} if entry is None else {"hsm": entry})

    with pytest.raises(ConfigurationError) as caught:
        get_backend("hsm")

    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("TIMEOUT", 0),
        ("TIMEOUT", -1),
        ("TIMEOUT", "5"),
        ("TIMEOUT", True),
        ("MAX_CALLS", 0),
        ("MAX_CALLS", 1.5),
    ],
)
def test_limits_are_positive_numbers(private_key, option, value):
    entry = signer("InMemory", key=private_key, **{option: value})["hsm"]

    with pytest.raises(ConfigurationError) as caught:
        build_backend("hsm", entry)

    assert str(caught.value) == f"SIGNERS['hsm']: {option} must be a positive number."
