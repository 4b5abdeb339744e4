from __future__ import annotations

import copy
import pickle

import pytest

from django_layer_identity.keys.secrets import Secret, hide_locals


def test_a_secret_shows_itself_nowhere():
    secret = Secret("the key")

    assert (repr(secret), str(secret), f"{secret}") == ("<Secret>", "", "")
    assert secret.reveal() == "the key"


def test_a_secret_is_true_where_there_is_something_to_hide():
    assert [bool(Secret("the key")), bool(Secret(""))] == [True, False]


def test_a_secret_is_not_pickled():
    with pytest.raises(TypeError) as caught:
        pickle.dumps({"key": Secret("the key")})

    assert str(caught.value) == "Secret holds a secret and is not pickled."


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_secret_is_itself(copied):
    secret = Secret("the key")

    assert copied(secret) is secret


def variables(exc):
    """The variables of each function on the way from the guarded one inwards."""
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


def test_what_forgets_leaves_no_variables_behind():
    with pytest.raises(LookupError) as caught:
        hide_locals(parse)("the key")

    seen = variables(caught.value)
    assert seen["parse"] == {}
    assert (seen["wrapper"]["args"], seen["wrapper"]["kwargs"]) == ((), {})
    assert caught.value.__cause__.__traceback__.tb_frame.f_locals == {}


def test_what_forgets_returns_what_it_should():
    assert hide_locals(parse)("the 12") == 12
