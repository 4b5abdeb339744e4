"""Normalizers: what they accept and refuse, and that they are idempotent."""

from __future__ import annotations

import unicodedata

import pytest
from django.test import override_settings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_layer_identity.exceptions import ConfigurationError, UserIDUnavailable
from django_layer_identity.mapping.normalizers import (
    casefold,
    email,
    email_casefold,
    find_normalizer,
    phone,
)
from tests.endpoint import configure

thousandfold = settings(max_examples=1000)

# Text with many characters that are difficult for normalizers.
tricky = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Mn", "Lm", "Lt", "Nd", "No", "Zs"]),
        st.sampled_from("@.-+()\u0345\u03aaſßςΣİıﬃ＠．。０１Ａａ\u200d\u00ad\u1fbc"),
    )
)
local_parts = st.one_of(tricky, st.from_regex(r"[A-Za-z0-9.+_-]{1,20}", fullmatch=True))
domains = st.one_of(
    tricky,
    st.from_regex(r"([A-Za-z0-9_-]{1,9}\.){1,3}[A-Za-z]{2,5}", fullmatch=True),
    st.from_regex(r"[a-zA-ZÀ-ÿЀ-џα-ω一-三]{1,9}\.(com|ДЕ|example)", fullmatch=True),
    st.from_regex(r"[xX][nN]--[a-z0-9-]{1,9}\.com", fullmatch=True),
)
addresses = st.builds("{}@{}".format, local_parts, domains)
numbers = st.one_of(
    tricky,
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True),
    st.from_regex(r"\+(44|49|39|54 ?9|52 ?1|1)[0-9 ().-]{7,12}", fullmatch=True),
    st.from_regex(r"0?[0-9]{7,11}", fullmatch=True),
)


def or_none(normalizer, text):
    try:
        return normalizer(text)
    except UserIDUnavailable:
        return None


@thousandfold
@given(tricky)
@example("ᾼ\u0345")
@example("\u1e9b\u0323ﬃ")
def test_folding_folded_text_changes_nothing(text):
    folded = casefold(text)

    assert casefold(folded) == folded


def test_folding_folded_text_changes_nothing_for_any_character():
    characters = map(chr, range(0x30000))  # beyond these are ideographs and tags
    folded = {character: casefold(character) for character in characters}

    assert {one for one, text in folded.items() if casefold(text) != text} == set()


@thousandfold
@given(tricky)
def test_forms_of_one_text_fold_to_one_text(text):
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKD")}

    assert {casefold(form) for form in forms} == {casefold(text)}


@thousandfold
@given(addresses)
def test_normalizing_a_normalized_address_changes_nothing(text):
    normal = or_none(email, text)

    assert normal is None or email(normal) == normal


@thousandfold
@given(addresses)
def test_folding_a_folded_address_changes_nothing(text):
    folded = or_none(email_casefold, text)

    assert folded is None or email_casefold(folded) == folded


@thousandfold
@given(addresses)
def test_an_address_has_one_at_sign_and_a_domain_in_ascii(text):
    normal = or_none(email, text) or "a@example.com"

    local, domain = normal.split("@")
    assert local
    assert domain == domain.lower().encode("ascii").decode()


@thousandfold
@given(numbers, st.sampled_from([None, "GB", "DE", "US", "IT", "AR", "MX"]))
def test_a_normalized_number_does_not_depend_on_the_region(text, region):
    with override_settings(LAYER_IDENTITY={"PHONE_REGION": region}):
        normal = or_none(phone, text)

    assert normal is None or phone(normal) == normal


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Alice", "alice"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ΟΔΟΣ", "οδοσ"),
        ("e\u0301", "é"),
        ("É", "é"),
        ("Ａｌｉｃｅ", "alice"),
        ("ﬃ", "ffi"),
        ("İ", "i\u0307"),
        (" a ", " a "),
    ],
    ids=ascii,
)
def test_casefold_folds_case_width_and_composition(text, folded):
    assert casefold(text) == folded


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@EXAMPLE.Com", "Alice@example.com"),
        ("Alice+tag@mail_1.example.com", "Alice+tag@mail_1.example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("a..b.@example.com", "a..b.@example.com"),
        ("root@localhost", "root@localhost"),
        ("zoë@bücher.example", "zoë@xn--bcher-kva.example"),
        ("zoe\u0308@BÜCHER.example", "zoë@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@strasse.de", "a@strasse.de"),
        ("ａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "a@example.com"),
        ("a@例え。jp", "a@xn--r8jz45g.jp"),
    ],
    ids=ascii,
)
def test_an_address_keeps_its_local_part(text, normal):
    assert email(text) == normal


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Alice@EXAMPLE.com", "alice@example.com"),
        ("ZOË@example.com", "zoë@example.com"),
        ("ſ@example.com", "s@example.com"),
    ],
    ids=ascii,
)
def test_email_casefold_folds_the_local_part(text, folded):
    assert email_casefold(text) == folded


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "@example.com",
        "a@b@example.com",
        "a b@example.com",
        " a@example.com",
        '"a"@example.com',
        "a\\b@example.com",
        "a(comment)@example.com",
        "Alice <a@example.com>",
        "a@x.com,b@example.com",
        "a\x01@example.com",
        "a\x7f@example.com",
    ],
)
def test_text_that_is_not_a_plain_address_is_refused(text):
    with pytest.raises(UserIDUnavailable, match="must have the form name@example"):
        email(text)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        " example.com",
        "example.com ",
        "example.com.",
        "a..example",
        ".example",
        "[127.0.0.1]",
        "exa mple.com",
        "bü\udc80cher.example",
        "bücher_1.example",
        "xn--.example",
        "xn--abc.example",
        "xn--zz.example",
        "i❤.example",
        "a." * 126 + "com",
        "ü" * 64 + ".example",
    ],
    ids=ascii,
)
def test_an_invalid_domain_is_refused(domain):
    with pytest.raises(UserIDUnavailable, match="invalid domain"):
        email("a@" + domain)


@pytest.mark.parametrize(
    ("text", "region", "normal"),
    [
        ("+442070313000", None, "+442070313000"),
        ("+44 (0)20 7031-3000", None, "+442070313000"),
        ("(+44) 20.7031.3000", None, "+442070313000"),
        (" +44\u00a020\u00a07031\u20113000 ", None, "+442070313000"),
        ("＋４４２０７０３１３０００", None, "+442070313000"),
        ("+٤٤٢٠٧٠٣١٣٠٠٠", None, "+442070313000"),
        ("020 7031 3000", "GB", "+442070313000"),
        ("(020) 7031/3000", "GB", "+442070313000"),
        ("0044 20 7031 3000", "GB", "+442070313000"),
        ("0044 20 7031 3000", "DE", "+442070313000"),
        ("+442070313000", "US", "+442070313000"),
        ("06 698 82000", "IT", "+390669882000"),
        ("+1 650-253-0000", None, "+16502530000"),
    ],
    ids=ascii,
)
def test_a_number_is_written_in_e164(settings, text, region, normal):
    configure(settings, PHONE_REGION=region)

    assert phone(text) == normal


@pytest.mark.parametrize("text", ["020 7031 3000", "442070313000", "(020) 7031", "0"])
def test_a_number_without_a_country_code_is_refused_without_a_region(text):
    with pytest.raises(UserIDUnavailable, match=r"must start with \+ and its country"):
        phone(text)


@pytest.mark.parametrize("mark", ["\u200b", "\u200e", "\u202a", "\u2068", "\ufeff"])
def test_invisible_marks_in_a_number_do_not_count(mark):
    number = f"{mark}+{mark}44 20{mark} 7031{mark} 3000{mark} "

    assert phone(number) == "+442070313000"


@pytest.mark.parametrize(
    "text",
    [
        "\u202a+44\xa020\xa07031\xa03000\u202c",  # copied from the contacts of a phone
        "＋４４（２０）７０３１－３０００",
        "［＋４４］　２０　７０３１／３０００",
        "[+44] 20.7031.3000.",
        "+44 20\u22127031\u30fc3000",
        "+44~20～7031\u223c3000",
    ],
    ids=ascii,
)
def test_signs_that_phonenumbers_reads_are_accepted(text):
    assert phone(text) == "+442070313000"


FORM = (
    "The phone number must have a form such as +44 20 7031 3000, without an extension or "
    "letters."
)
TOO_SHORT = "The phone number is too short."
TOO_LONG = "The phone number is too long."
NOT_FOUND = "The phone number does not exist in its country."
NO_SUCH_COUNTRY = "The country code of the phone number does not exist."


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("alice", None, FORM),
        ("()", None, FORM),
        ("+", None, FORM),
        ("+44", None, FORM),
        ("+442070313000 ext. 12", None, FORM),
        ("+442070313000 x12", None, FORM),
        ("+442070313000;ext=12", None, FORM),
        ("+442070313000#12", None, FORM),
        ("+442070313000 or 3001", None, FORM),
        ("+44 20 7031 3000 / x 3001", None, FORM),
        ("+1 800 FLOWERS", None, FORM),
        ("++442070313000", None, FORM),
        ("+442070313000\n", None, FORM),
        ("0", "GB", FORM),
        ("+999 123 456 789", None, NO_SUCH_COUNTRY),
        ("00 999 123 456 789", "GB", NO_SUCH_COUNTRY),
        ("+442", None, TOO_SHORT),
        ("00 44", "GB", TOO_SHORT),
        ("999", "GB", TOO_SHORT),
        ("+442070313000000", None, TOO_LONG),
        ("+44207031300000000000", None, TOO_LONG),
        ("+" + "4" * 500, None, TOO_LONG),
        ("+44 7031 3000", None, "The phone number must have its area code."),
        ("253 0000", "US", "The phone number must have its area code."),
        ("+1 111 111 1111", None, NOT_FOUND),
        ("030 123456", "GB", NOT_FOUND),  # a number in Berlin
        ("+1 111 111 1111", "XX", NOT_FOUND),
        ("020 7031 3000", "XX", "PHONE_REGION is 'XX', which is not a region."),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_the_reason_of_a_refused_number_is_true(settings, text, region, reason):
    configure(settings, PHONE_REGION=region)

    with pytest.raises(UserIDUnavailable) as caught:
        phone(text)

    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("source", "normalizer"),
    [
        (None, None),
        ("email", email),
        ("phone", phone),
        ("casefold", casefold),
        (str.upper, str.upper),
        ("django_layer_identity.mapping.normalizers:email_casefold", email_casefold),
    ],
)
def test_a_normalizer_has_a_name_or_an_import_path(source, normalizer):
    assert find_normalizer(source) == normalizer


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "e-mail",
            "Unknown normalizer: 'e-mail'. Known normalizers: email, phone, casefold.",
        ),
        ("", "Unknown normalizer: ''. Known normalizers: email, phone, casefold."),
        (7, "Unknown normalizer: 7. Known normalizers: email, phone, casefold."),
        (
            ["email"],
            "Unknown normalizer: ['email']. Known normalizers: email, phone, casefold.",
        ),
        ("no.such:one", "'no.such:one' cannot be imported: No module named 'no'"),
    ],
)
def test_an_unknown_normalizer_is_a_configuration_error(source, message):
    with pytest.raises(ConfigurationError) as error:
        find_normalizer(source)

    assert str(error.value) == message
