from __future__ import annotations

from uuid import UUID

import pytest

from django_layer_identity.exceptions import InvalidIdentifier
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID

UPPER = "AAAAAAAA-0000-4000-8000-00000000000F"
LOWER = "aaaaaaaa-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(ProviderID, "layer:///providers/"), (KeyID, "layer:///keys/")],
)
@pytest.mark.parametrize("uuid", [UPPER, LOWER])
@pytest.mark.parametrize("prefixed", [True, False])
def test_all_forms_are_parsed_and_printed_in_one_form(kind, prefix, uuid, prefixed):
    identifier = kind.parse(prefix + uuid if prefixed else uuid)

    assert str(identifier) == prefix + LOWER


def test_a_uuid_object_is_accepted():
    assert KeyID.parse(UUID(UPPER)) == KeyID(UUID(LOWER))


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_app_id_has_its_environment(environment):
    app_id = AppID.parse(f"layer:///apps/{environment}/{UPPER}")

    assert app_id == AppID(UUID(LOWER), environment)
    assert str(app_id) == f"layer:///apps/{environment}/{LOWER}"


def test_a_bare_app_id_has_no_environment():
    assert AppID.parse(UPPER) == AppID(UUID(LOWER), None)
    assert str(AppID.parse(UPPER)) == LOWER


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (LOWER, UPPER, True),
        (f"layer:///apps/staging/{LOWER}", UPPER, True),
        (LOWER, f"layer:///apps/staging/{UPPER}", True),
        (f"layer:///apps/staging/{LOWER}", f"layer:///apps/staging/{UPPER}", True),
        (f"layer:///apps/staging/{LOWER}", f"layer:///apps/production/{LOWER}", False),
        (LOWER, "aaaaaaaa-0000-4000-8000-000000000000", False),
    ],
)
def test_app_ids_match_unless_uuids_or_environments_differ(left, right, same):
    assert AppID.parse(left).matches(AppID.parse(right)) is same


def test_identifiers_of_two_kinds_are_never_equal():
    assert KeyID(UUID(LOWER)) != ProviderID(UUID(LOWER))


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            KeyID,
            f"layer:///providers/{LOWER}",
            "This is a provider ID. Use a key ID here.",
        ),
        (
            ProviderID,
            f"layer:///apps/staging/{LOWER}",
            "This is an app ID. Use a provider ID here.",
        ),
        (
            AppID,
            f"layer:///keys/{LOWER}",
            "This is a key ID. Use an app ID here.",
        ),
    ],
)
def test_an_identifier_of_another_kind_is_refused_by_name(kind, text, message):
    with pytest.raises(InvalidIdentifier) as caught:
        kind.parse(text)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "my key",
        f"{{{LOWER}}}",
        LOWER.replace("-", ""),
        f"urn:uuid:{LOWER}",
        f"layer:///provider/{LOWER}",
        f"layer:///providers/{LOWER}/",
        f"LAYER:///providers/{LOWER}",
        pytest.param("٣" * 8 + LOWER[8:], id="arabic-digits"),
        pytest.param("a" * 100_000, id="long"),
        None,
        7,
        b"aaaaaaaa-0000-4000-8000-00000000000f",
    ],
)
def test_any_other_text_is_refused_as_a_provider_id(text):
    with pytest.raises(InvalidIdentifier) as caught:
        ProviderID.parse(text)

    assert str(caught.value) == (
        "A provider ID must be a UUID or have the form layer:///providers/<uuid>."
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{LOWER} ", f"'{LOWER} '"),
        (f"\u200b{LOWER}", rf"'\u200b{LOWER}'"),
        (f"layer:///providers/{LOWER}\ufeff", rf"'layer:///providers/{LOWER}\ufeff'"),
        (f"{LOWER}\xa0\n", rf"'{LOWER}\xa0\n'"),
    ],
    ids=ascii,
)
def test_invisible_characters_in_an_identifier_are_shown(text, shown):
    with pytest.raises(InvalidIdentifier) as caught:
        ProviderID.parse(text)

    assert str(caught.value) == (
        f"A provider ID must not contain white space or invisible characters: {shown}."
    )


def test_long_text_with_invisible_characters_is_not_repeated():
    with pytest.raises(InvalidIdentifier) as caught:
        ProviderID.parse(f"{LOWER}{chr(0x200B) * 200}")

    assert str(caught.value) == (
        "A provider ID must be a UUID or have the form layer:///providers/<uuid>."
    )


@pytest.mark.parametrize(
    "text",
    [
        f"layer:///apps/{LOWER}",
        f"layer:///apps/testing/{LOWER}",
        f"layer:///apps/staging/production/{LOWER}",
        f"staging/{LOWER}",
    ],
)
def test_an_app_id_with_another_environment_is_refused(text):
    with pytest.raises(InvalidIdentifier):
        AppID.parse(text)
