"""Aliases in ``SIGNERS``, and the backends built from them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest

from django_layer_identity.exceptions import ConfigurationError, SigningBackendError
from django_layer_identity.keys.backends import build_backend, get_backend
from tests.backends import signer
from tests.endpoint import configure

NOT_A_DICT = (
    "SIGNERS['hsm'] is missing or is not a dict. It must be a dict with BACKEND and "
    "OPTIONS."
)


def test_an_alias_has_one_backend_per_process(settings, private_key):
    configure(settings, SIGNERS=signer("InMemory", key=private_key))

    assert get_backend("hsm") is get_backend("hsm")


def test_concurrent_threads_create_a_backend_once(settings):
    created = []
    configure(settings, SIGNERS=signer("Slow", created=created))

    with ThreadPoolExecutor(8) as pool:
        backends = set(pool.map(get_backend, ["hsm"] * 32))

    assert len(backends) == 1
    assert len(created) == 1


def test_a_changed_setting_creates_a_new_backend(settings, private_key):
    configure(settings, SIGNERS=signer("InMemory", key=private_key))
    before = get_backend("hsm")

    configure(settings, SIGNERS=signer("InMemory", key=private_key, TIMEOUT=1))

    assert get_backend("hsm") is not before
    assert get_backend("hsm").timeout == 1


def test_the_default_limits_are_five_seconds_and_four_calls(private_key):
    backend = build_backend("hsm", signer("InMemory", key=private_key)["hsm"])

    assert (backend.timeout, backend.slots.count) == (5, 4)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_call_that_hangs_in_the_parent_holds_no_slot_in_the_child(
    settings, private_key
):
    gate, entered = Event(), Semaphore(0)
    options = {"key": private_key, "gate": gate, "entered": entered}
    configure(settings, SIGNERS=signer("Hanging", **options, TIMEOUT=5, MAX_CALLS=1))
    backend = get_backend("hsm")
    backend.timeout = 0.05
    with pytest.raises(SigningBackendError):
        backend.sign(b"message")

    child = os.fork()
    if not child:  # pragma: no cover  # only the parent is measured
        is_equal = False
        try:
            gate.set()
            is_equal = get_backend("hsm").sign(b"message") == private_key.sign(
                b"message"
            )
        finally:
            os._exit(0 if is_equal else 1)
    _, status = os.waitpid(child, 0)
    gate.set()

    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (None, NOT_A_DICT),
        ("tests.backends.InMemory", NOT_A_DICT),
        (
            {"BACKEND": "InMemory"},
            "SIGNERS['hsm']: BACKEND cannot be imported (InMemory doesn't look like a "
            "module path). It must be the dotted path of a class.",
        ),
        (
            {"BACKEND": "tests.backends.InVault"},
            "SIGNERS['hsm']: BACKEND cannot be imported (Module \"tests.backends\" does "
            'not define a "InVault" attribute/class). It must be the dotted path of a '
            "class.",
        ),
        (
            {"BACKEND": "no.such.Backend"},
            "SIGNERS['hsm']: BACKEND cannot be imported (No module named 'no'). It "
            "must be the dotted path of a class.",
        ),
        (
            {},
            "SIGNERS['hsm']: BACKEND cannot be imported ('NoneType' object has no "
            "attribute 'rsplit'). It must be the dotted path of a class.",
        ),
        ({"BACKEND": "tests.backends.InMemory"}, "SIGNERS['hsm']: OPTIONS lacks key."),
        (
            {"BACKEND": "tests.backends.InMemory", "OPTIONS": None},
            "SIGNERS['hsm']: OPTIONS must be a dict.",
        ),
    ],
)
def test_an_invalid_entry_is_refused(settings, entry, message):
    configure(settings, SIGNERS={} if entry is None else {"hsm": entry})

    with pytest.raises(ConfigurationError) as caught:
        get_backend("hsm")

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("TIMEOUT", 0, "number"),
        ("TIMEOUT", -1, "number"),
        ("TIMEOUT", "5", "number"),
        ("TIMEOUT", True, "number"),
        ("MAX_CALLS", 0, "integer"),
        ("MAX_CALLS", 1.5, "integer"),
    ],
)
def test_limits_must_be_positive_numbers(private_key, option, value, kind):
    entry = signer("InMemory", key=private_key, **{option: value})["hsm"]

    with pytest.raises(ConfigurationError) as caught:
        build_backend("hsm", entry)

    assert str(caught.value) == f"SIGNERS['hsm']: {option} must be a positive {kind}."
