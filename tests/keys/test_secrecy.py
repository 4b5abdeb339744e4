from __future__ import annotations

import copy
import pickle

import pytest

from django_layer_identity.keys.secrets import Secret, hide_locals


def test_a_secret_does_not_show_its_value():
    secret = Secret("the key")

    assert (repr(secret), str(secret), f"{secret}") == ("<Secret>", "", "")
    assert secret.reveal() == "the key"


def test_a_secret_is_true_if_its_value_is_true():
    assert [bool(Secret("the key")), bool(Secret(""))] == [True, False]


def test_a_secret_cannot_be_pickled():
    with pytest.raises(TypeError) as caught:
        pickle.dumps({"key": Secret("the key")})

    assert str(caught.value) == "Secret contains a secret, so it cannot be pickled."


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copying_a_secret_returns_the_same_object(copied):
    secret = Secret("the key")

    assert copied(secret) is secret


def variables(exc):
    """Return the local variables of the decorator and of each function inside it."""
    step, seen = exc.__traceback__.tb_next, {}
    while step is not None:
        seen[step.tb_frame.f_code.co_name] = dict(step.tb_frame.f_locals)
        step = step.tb_next
    return seen


def parse(text):
    number = text[4:]
    try:
        return int(number)
    except ValueError as exc:
        raise LookupError from exc


def test_hide_locals_clears_the_local_variables():
    with pytest.raises(LookupError) as caught:
        hide_locals(parse)("the key")

    seen = variables(caught.value)
    assert seen["parse"] == {}
    assert (seen["wrapper"]["args"], seen["wrapper"]["kwargs"]) == ((), {})
    assert caught.value.__cause__.__traceback__.tb_frame.f_locals == {}


def test_hide_locals_passes_the_return_value_on():
    assert hide_locals(parse)("the 12") == 12
