from __future__ import annotations

import pytest

from django_layer_identity.protocol import strict_json


def test_json_is_parsed():
    assert strict_json.loads('{"a": [1, {"b": null}], "c": "\\u2713"}') == {
        "a": [1, {"b": None}],
        "c": "✓",
    }


def test_a_pair_of_surrogates_is_one_character():
    assert strict_json.loads('"\\ud83d\\ude00"') == "😀"


def test_a_duplicate_name_is_reported():
    with pytest.raises(strict_json.DuplicateName, match=r"^b$"):
        strict_json.loads('[{"a": {"b": 1, "\\u0062": 1}}]')


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", '{"a": Infinity}'])
def test_numbers_outside_json_are_refused(text):
    with pytest.raises(ValueError, match=r"(NaN|Infinity) is not JSON\.$"):
        strict_json.loads(text)


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00": 1}', '"\\udc00\\ud800"'])
def test_a_lone_surrogate_is_refused(text):
    with pytest.raises(UnicodeEncodeError):
        strict_json.loads(text)
