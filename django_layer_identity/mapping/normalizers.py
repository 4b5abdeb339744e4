"""
One spelling for each e-mail address, phone number and name, or a refusal.

A normalizer takes text and returns text; applied to its own result it changes nothing.
What it cannot read with certainty it refuses: a guess would give one person's messages
to another.
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
# refused: with them, one mailbox has many spellings.
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\"(),:;<>@\[\\\]\x7f]+")
_PLAIN_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_MAX_DOMAIN_LENGTH = 253  # characters in ASCII; RFC 1035, section 2.3.4
# No letters: “0001 or 0002” and “ext. 12” would be read as the number before them.
_PHONE = re.compile(r"[+(]?[\d ().\u2010-\u2015/-]+")


def casefold(text: str) -> str:
    """Return the text without differences of case, width and composition (NFKC)."""
    for _ in range(3):  # one round can make work for the next: “ᾼ” has two
        text = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", text)


def email(text: str) -> str:
    """
    Return the address with its domain in lower case and ASCII.

    The local part stays as it is, NFKC apart: only its own mail server knows whether
    case matters there (RFC 5321, section 2.4). The domain follows IDNA 2008 with the
    mapping of UTS 46; Python's own codec is IDNA 2003, for which “straße.de” and
    “strasse.de”, which have different owners, are one.

    :raises UserIDUnavailable: if it is not a plain address.
    """
    local, _at, domain = unicodedata.normalize("NFKC", text).rpartition("@")
    if not _LOCAL_PART.fullmatch(local):
        raise UserIDUnavailable("This is not an e-mail address that can be an ID.")
    return f"{local}@{_ascii_domain(domain.lower())}"


def email_casefold(text: str) -> str:
    """
    Return the address with the case of its local part folded as well.

    :raises UserIDUnavailable: if it is not a plain address.
    """
    local, _at, domain = email(text).rpartition("@")
    return f"{casefold(local)}@{domain}"


def _ascii_domain(domain: str) -> str:
    # Plain names may have underscores, which IDNA refuses.
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
    Return the number in E.164, ``+`` and digits; needs the extra ``phone``.

    :raises UserIDUnavailable: if it is no valid number, has an extension, or is a
        national one and ``PHONE_REGION`` is not set.
    """
    text = unicodedata.normalize("NFKC", text).strip(" ").replace("(+", "+(")
    region = conf.PHONE_REGION
    if region is None and not text.startswith("+"):
        raise UserIDUnavailable(
            "The phone number needs its country code: + and digits."
        )
    found = _read_phone(text, region) if _PHONE.fullmatch(text) else None
    # Once more from the result: what then reads otherwise is nobody's for certain.
    if found is None or _read_phone(found, None) != found:
        raise UserIDUnavailable("This is not a phone number that can be an ID.")
    return found


def _read_phone(text: str, region: str | None) -> str | None:
    import phonenumbers  # an extra

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def write_phone(value: object) -> object:
    """Return a ``PhoneNumber``, as django-phonenumber-field's is, as text."""
    import phonenumbers

    if not isinstance(value, phonenumbers.PhoneNumber):
        return value
    if value.country_code is None:
        return ""  # what django-phonenumber-field could not read
    # With its extension, if it has one: that must be refused and not be lost.
    form = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(value, form)


BUILT_IN: Mapping[str, Normalizer] = MappingProxyType(
    {"email": email, "phone": phone, "casefold": casefold}
)


def find_normalizer(source: object) -> Normalizer | None:
    """
    Return the function that ``USER_ID_NORMALIZER`` names; None is none.

    :raises ConfigurationError: if it names nothing.
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
        f"{source!r} is no normalizer. Known: {', '.join(BUILT_IN)}."
    )
