from __future__ import annotations

import re

import pytest

from django_layer_identity.exceptions import SigningBackendError
from django_layer_identity.keys.pkcs11 import Pin


@pytest.mark.parametrize("written", ["8765 4321", "8765 4321\r\n", " \n8765 4321\t \n"])
def test_a_pin_is_read_from_a_file_without_the_white_space_around_it(tmp_path, written):
    (tmp_path / "pin").write_bytes(written.encode())

    assert Pin(file=str(tmp_path / "pin")).read() == "8765 4321"


def test_a_pin_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("HSM_PIN_SECRET", " 87654321\n")

    assert Pin(env="HSM_PIN_SECRET").read() == "87654321"


def test_a_pin_is_read_when_it_is_needed(monkeypatch):
    pin = Pin(env="HSM_PIN_SECRET")
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")

    assert pin.read() == "87654321"


def test_a_missing_file_is_named(tmp_path):
    path = str(tmp_path / "pin")

    with pytest.raises(SigningBackendError) as caught:
        Pin(file=path).read()

    assert str(caught.value) == (
        f"the PIN file {path!r} cannot be read: No such file or directory"
    )


def test_the_bytes_of_a_binary_file_are_not_shown(tmp_path):
    path = tmp_path / "pin"
    path.write_bytes(b"8765\xff4321")

    with pytest.raises(SigningBackendError) as caught:
        Pin(file=str(path)).read()

    assert str(caught.value) == f"the PIN file {str(path)!r} is not text"
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


@pytest.mark.parametrize("blank", ["", "\n", " \t\r\n"])
def test_a_blank_file_is_refused(tmp_path, blank):
    path = tmp_path / "pin"
    path.write_text(blank)

    with pytest.raises(SigningBackendError) as caught:
        Pin(file=str(path)).read()

    assert str(caught.value) == f"the PIN file {str(path)!r} is empty"


def test_a_variable_that_is_not_set_is_refused(monkeypatch):
    monkeypatch.delenv("HSM_PIN_SECRET", raising=False)

    with pytest.raises(SigningBackendError) as caught:
        Pin(env="HSM_PIN_SECRET").read()

    assert str(caught.value) == (
        "the environment variable 'HSM_PIN_SECRET' with the PIN is empty or not set"
    )


@pytest.mark.parametrize("other", ["12345678", "87654321\n"])
def test_digests_of_different_pins_differ_and_do_not_show_them(monkeypatch, other):
    pin = Pin(env="HSM_PIN_SECRET")
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")
    first = pin.digest("/usr/lib/libhsm.so", "layer")
    monkeypatch.setenv("HSM_PIN_SECRET", other)

    assert pin.digest("/usr/lib/libhsm.so", "layer") != first
    assert re.fullmatch("[0-9a-f]{64}", first)


def test_a_pin_has_another_digest_for_another_token(monkeypatch):
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")
    pin = Pin(env="HSM_PIN_SECRET")

    assert pin.digest("/usr/lib/libhsm.so", "layer") != pin.digest(
        "/usr/lib/libhsm.so", "b"
    )
    assert pin.digest("/usr/lib/libhsm.so", "layer") != pin.digest(
        "/usr/lib/a.so", "layer"
    )


def test_the_digest_of_a_pin_depends_on_the_secret_key(monkeypatch, settings):
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")
    first = Pin(env="HSM_PIN_SECRET").digest("layer")
    settings.SECRET_KEY = "another secret"

    assert Pin(env="HSM_PIN_SECRET").digest("layer") != first


def test_a_pin_object_does_not_store_the_pin(monkeypatch):
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")
    pin = Pin(env="HSM_PIN_SECRET")
    pin.read()

    assert list(vars(pin).values()) == [None, "HSM_PIN_SECRET"]
