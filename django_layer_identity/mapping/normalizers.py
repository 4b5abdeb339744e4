"""
Convert e-mail addresses, phone numbers and names to one spelling each.

A normalizer takes text and returns text. A second call with its own result returns the
same text.
It refuses text that it cannot read with certainty, because a wrong guess would give one
person's messages to another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import idna

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError, UserIDUnavailable
from django_layer_identity.mapping.sources import import_callable

Normalizer = Callable[[str], Any]

# An atom of RFC 5322 or, beyond ASCII, of RFC 6531. Quoted local parts and comments are
# refused, because they give one mailbox many spellings.
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\"(),:;<>@\[\\\]\x7f]+")
_PLAIN_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_MAX_DOMAIN_LENGTH = 253  # characters in ASCII; RFC 1035, section 2.3.4
# No letters: phonenumbers would read only the first number of “0001 or 0002”, and E.164
# has no extension such as “ext. 12”. The signs are those of phonenumbers, after NFKC.
_PHONE = re.compile(
    r"(?=.*\d)[+(\[]?[\d ().\[\]\u2010-\u2015\u2212\u30fc/~\u2053\u223c-]+"
)
_PHONE_FORM = (
    "The phone number must have a form such as +44 20 7031 3000, without an extension or "
    "letters."
)


def casefold(text: str) -> str:
    """Fold case, width and composition (NFKC)."""
    for _ in range(3):  # some characters need a second round, such as “ᾼ”
        text = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", text)


def email(text: str) -> str:
    """
    Return the address with its domain in lower case and ASCII.

    The local part changes only by NFKC: only its mail server knows whether case matters
    there (RFC 5321, section 2.4). The domain follows IDNA 2008 with the mapping of
    UTS 46. Python's own codec implements IDNA 2003. To that codec, “straße.de” and
    “strasse.de” are the same domain, but they have different owners.

    :raises UserIDUnavailable: if it is not a plain address.
    """
    local, _at, domain = unicodedata.normalize("NFKC", text).rpartition("@")
    if not _LOCAL_PART.fullmatch(local):
        raise UserIDUnavailable(
            "The e-mail address must have the form name@example.com."
        )
    return f"{local}@{_ascii_domain(domain.lower())}"


def email_casefold(text: str) -> str:
    """
    Return the address as :func:`email` does, and fold the case of its local part.

    :raises UserIDUnavailable: if it is not a plain address.
    """
    local, _at, domain = email(text).rpartition("@")
    return f"{casefold(local)}@{domain}"


def _ascii_domain(domain: str) -> str:
    # Plain ASCII names may have underscores, which IDNA refuses.
    if not (_PLAIN_DOMAIN.fullmatch(domain) and "xn--" not in domain):
        try:
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except UnicodeError as exc:
            raise UserIDUnavailable(
                "The e-mail address has an invalid domain."
            ) from exc
    if len(domain) > _MAX_DOMAIN_LENGTH or domain.endswith("."):
        raise UserIDUnavailable("The e-mail address has an invalid domain.")
    return domain


def phone(text: str) -> str:
    """
    Return the number in E.164, which is ``+`` and digits. Needs the extra ``phone``.

    Invisible characters do not count: contacts and web pages put marks for the writing
    direction around a number.

    :raises UserIDUnavailable: if the number is invalid or has an extension, or if it
        lacks a country code and ``PHONE_REGION`` is not set.
    """
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = unicodedata.normalize("NFKC", text).strip(" ")
    text = re.sub(r"^([(\[])\+", r"+\1", text)
    region = conf.PHONE_REGION
    if not _PHONE.fullmatch(text):
        raise UserIDUnavailable(_PHONE_FORM)
    if region is None and not text.startswith("+"):
        raise UserIDUnavailable(
            "The phone number must start with + and its country code."
        )
    found = _read_phone(text, region)
    # A number that does not normalize to itself is ambiguous.
    if found is None or _read_phone(found, None) != found:
        raise UserIDUnavailable(_phone_error(text, region))
    return found


def _read_phone(text: str, region: str | None) -> str | None:
    import phonenumbers  # needs the extra "phone"

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone_error(text: str, region: str | None) -> str:
    """Return why a number in the right form is not valid."""
    import phonenumbers
    from phonenumbers import NumberParseException, ValidationResult

    if not text.startswith("+") and region not in phonenumbers.SUPPORTED_REGIONS:
        return f"PHONE_REGION is {region!r}, which is not a region."
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as exc:
        return {
            NumberParseException.INVALID_COUNTRY_CODE: (
                "The country code of the phone number does not exist."
            ),
            NumberParseException.NOT_A_NUMBER: _PHONE_FORM,
            NumberParseException.TOO_LONG: "The phone number is too long.",
        }.get(exc.error_type, "The phone number is too short.")
    return {
        ValidationResult.TOO_SHORT: "The phone number is too short.",
        ValidationResult.TOO_LONG: "The phone number is too long.",
        ValidationResult.IS_POSSIBLE_LOCAL_ONLY: (
            "The phone number must have its area code."
        ),
    }.get(
        phonenumbers.is_possible_number_with_reason(number),
        "The phone number does not exist in its country.",
    )


def write_phone(value: object) -> object:
    """Return a ``PhoneNumber`` as text, and any other value unchanged."""
    import phonenumbers

    if not isinstance(value, phonenumbers.PhoneNumber):
        return value
    if value.country_code is None:
        return ""  # django-phonenumber-field could not parse the number
    # Keep the extension, so that the number is refused instead of shortened.
    form = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(value, form)


BUILT_IN: Mapping[str, Normalizer] = MappingProxyType(
    {"email": email, "phone": phone, "casefold": casefold}
)


def find_normalizer(source: object) -> Normalizer | None:
    """
    Return the function for a value of ``USER_ID_NORMALIZER``, or None for None.

    :raises ConfigurationError: if the value is invalid.
    """
    if source is None:
        return None
    if callable(source):
        return source
    if isinstance(source, str) and source in BUILT_IN:
        return BUILT_IN[source]
    if isinstance(source, str) and ":" in source:
        function: Normalizer = import_callable(source)
        return function
    raise ConfigurationError(
        f"Unknown normalizer: {source!r}. Known normalizers: {', '.join(BUILT_IN)}."
    )
