"""Compute the profile claims of a user from ``CLAIMS``."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from django.db import InterfaceError, OperationalError
from django.utils.functional import Promise

from django_layer_identity.conf import DEFAULT_CLAIMS, conf
from django_layer_identity.exceptions import ConfigurationError, InvalidClaims
from django_layer_identity.mapping.sources import resolve_source
from django_layer_identity.protocol.claims import (
    CLAIM_LIMITS,
    IDENTITY_TYPES,
    MAX_METADATA_KEYS,
    Profile,
    ProfileClaim,
)

if TYPE_CHECKING:
    from django_layer_identity.conf import Source
    from django_layer_identity.mapping.sources import MappingContext

# Control characters, lone surrogates, and marks that change the writing direction
# (Unicode Standard Annex 9). With these marks one name can look like another.
_BIDI_MARKS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_BIDI_MARKS}]")
_NOT_IN_A_URL = re.compile(r"[\s\"<>\\^`{|}]")  # RFC 3986, section 2
_LINE_BREAK = re.compile("\r?\n")
_SCHEMES = ("http", "https")
_ZERO_WIDTH_JOINER = "\u200d"
_ATTACHED = (_ZERO_WIDTH_JOINER, *"🏻🏼🏽🏾🏿")  # belong to the character before them


logger = logging.getLogger("django_layer_identity")


def profile_claims(context: MappingContext) -> Profile:
    """
    Return the claims of ``CLAIMS`` that have a value for this user.

    A claim that fails, or that Layer would not accept, is left out and logged. After a
    database error all remaining claims are left out, because each would wait for the
    database's time-outs again.
    """
    try:
        sources = conf.CLAIMS
    except ConfigurationError:
        logger.exception("All claims left out: the setting CLAIMS is invalid.")
        return {}
    claims: dict[str, ProfileClaim] = {}
    for name in CLAIM_LIMITS:
        source = sources.get(name)
        try:
            claims[name] = "" if source is None else _claim(name, source, context)
        except (OperationalError, InterfaceError):
            logger.exception(
                "Claim %s and the remaining claims left out: a database failed.", name
            )
            break
        except InvalidClaims as exc:
            logger.warning("Claim %s left out: %s.", name, exc)
        except ConfigurationError:
            if source != DEFAULT_CLAIMS.get(name):  # some user models lack it
                logger.warning("Claim %s left out: its source does not exist.", name)
        except Exception:  # a callable or its value may raise anything
            logger.exception("Claim %s left out: its source failed.", name)
    return {name: value for name, value in claims.items() if value}


def _claim(name: str, source: Source, context: MappingContext) -> ProfileClaim:
    """
    Return the value of the claim, or "" if there is no value.

    :raises InvalidClaims: if Layer would not accept it; the reason is for the log.
    """
    value = resolve_source(source, context)
    if isinstance(value, Promise):
        value = str(value)  # evaluates a lazy string, which may fail
    clean = _CLEANERS.get(name, _clean_text)
    return "" if value is None else clean(name, value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidClaims(f"it must be text, not {type(value).__name__}")
    return str.__str__(value)


def _clean_name(name: str, value: Any) -> str:
    text = _UNSAFE.sub("", _text(value)).strip()
    limit = CLAIM_LIMITS[name] or len(text)
    shortened = _truncate(text, limit).rstrip()
    if text and not shortened:
        raise InvalidClaims(f"its first character has more than {limit} code points")
    return shortened


def _truncate(text: str, limit: int) -> str:
    """Cut the text, but not before a combining mark, a joiner or a skin tone."""
    end = limit
    while 0 < end < len(text) and (
        text[end] in _ATTACHED
        or unicodedata.category(text[end]).startswith("M")
        or text[end - 1] == _ZERO_WIDTH_JOINER
    ):
        end -= 1
    return text[:end]


def _clean_text(name: str, value: Any) -> str:
    text = _text(value).strip()
    _check_length(name, text)
    _check_characters(text)
    return text


def _check_characters(text: str) -> None:
    # Do not remove the characters: a different address would remain.
    if _UNSAFE.search(text):
        raise InvalidClaims("it has control characters")


def _check_length(name: str, text: str) -> None:
    limit = CLAIM_LIMITS[name]
    if limit is not None and len(text) > limit:
        raise InvalidClaims(f"it has more than {limit} characters")


def _clean_public_key(name: str, value: Any) -> str:
    text = _text(value)
    _check_characters(_LINE_BREAK.sub("", text))  # PEM has several lines
    return text if text.strip() else ""


def _clean_phone_number(name: str, value: Any) -> str:
    # A field of django-phonenumber-field returns an object.
    return _clean_text(name, getattr(value, "as_e164", value))


def _clean_identity_type(name: str, value: Any) -> str:
    text = _clean_text(name, value)
    if text and text not in IDENTITY_TYPES:
        raise InvalidClaims("it must be “user” or “bot”")
    return text


def _clean_url(name: str, value: Any) -> str:
    text = _clean_text(name, value)
    if not text:
        return ""
    url = text if _parts(text).scheme else _absolute(text)
    parts = _parts(url)
    # A URL with a user name often has a password too. All users can read the claim.
    if parts.scheme not in _SCHEMES or not parts.hostname or "@" in parts.netloc:
        raise InvalidClaims("it must be an http or https URL without a user name")
    if _NOT_IN_A_URL.search(url):
        raise InvalidClaims("it has characters that are not allowed in a URL")
    _check_length(name, url)
    return url


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # urlsplit() does not validate the port
    except ValueError as exc:
        raise InvalidClaims("it is not a valid URL") from exc
    return parts


def _absolute(path: str) -> str:
    if conf.PUBLIC_BASE_URL is None:
        raise InvalidClaims("it is relative, and PUBLIC_BASE_URL is not set")
    return urljoin(conf.PUBLIC_BASE_URL, path)


def _clean_metadata(name: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidClaims(f"it must be a mapping, not {type(value).__name__}")
    if len(value) > MAX_METADATA_KEYS:
        raise InvalidClaims(f"it has more than {MAX_METADATA_KEYS} keys")
    texts = [text for pair in value.items() for text in pair]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidClaims("all its keys and values must be text")
    for text in texts:
        _check_characters(text)
    return dict(value)


_CLEANERS: Mapping[str, Callable[[str, Any], ProfileClaim]] = {
    "display_name": _clean_name,
    "first_name": _clean_name,
    "last_name": _clean_name,
    "avatar_url": _clean_url,
    "public_key": _clean_public_key,
    "phone_number": _clean_phone_number,
    "identity_type": _clean_identity_type,
    "metadata": _clean_metadata,
}
