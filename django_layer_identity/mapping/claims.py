"""From ``CLAIMS`` to the profile claims of a user, as Layer takes them."""

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

# Control characters, lone surrogates, and the marks that turn the direction of what
# follows them around (Unicode Standard Annex 9), with which one name poses as another.
_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_TURNING}]")
_NOT_IN_A_URL = re.compile(r"[\s\"<>\\^`{|}]")  # RFC 3986, section 2
_LINE_BREAK = re.compile("\r?\n")
_SCHEMES = ("http", "https")
_ZERO_WIDTH_JOINER = "\u200d"
_ATTACHED = (_ZERO_WIDTH_JOINER, *"🏻🏼🏽🏾🏿")  # and all marks


logger = logging.getLogger("django_layer_identity")


def profile_claims(context: MappingContext) -> Profile:
    """
    Return the claims of ``CLAIMS`` that have a value for this user.

    What fails, and what Layer would not take, is left out with a line in the log. After a
    database that fails the rest is left out too: each would wait for its time-outs again.
    """
    try:
        sources = conf.CLAIMS
    except ConfigurationError:
        logger.exception("All claims left out.")
        return {}
    claims: dict[str, ProfileClaim] = {}
    for name in CLAIM_LIMITS:
        source = sources.get(name)
        try:
            claims[name] = "" if source is None else _claim(name, source, context)
        except (OperationalError, InterfaceError):
            logger.exception(
                "Claim %s left out, and the rest: a database failed.", name
            )
            break
        except InvalidClaims as exc:
            logger.warning("Claim %s left out: %s.", name, exc)
        except ConfigurationError:
            if source != DEFAULT_CLAIMS.get(name):  # which not every user model has
                logger.warning("Claim %s left out: its source leads nowhere.", name)
        except Exception:  # a callable or its value may raise anything
            logger.exception("Claim %s left out: its source failed.", name)
    return {name: value for name, value in claims.items() if value}


def _claim(name: str, source: Source, context: MappingContext) -> ProfileClaim:
    """
    Return the value of the claim; empty if there is nothing to say.

    :raises InvalidClaims: with the reason, for the log.
    """
    value = resolve_source(source, context)
    if isinstance(value, Promise):
        value = str(value)  # lazy until now, and as likely to fail
    clean = _CLEANERS.get(name, _clean_text)
    return "" if value is None else clean(name, value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidClaims(f"it is a {type(value).__name__}, not text")
    return str.__str__(value)


def _clean_name(name: str, value: Any) -> str:
    text = _UNSAFE.sub("", _text(value)).strip()
    limit = CLAIM_LIMITS[name] or len(text)
    fitting = _truncate(text, limit).rstrip()
    if text and not fitting:
        raise InvalidClaims(f"its first character takes over {limit} code points")
    return fitting


def _truncate(text: str, limit: int) -> str:
    """Cut the text without parting a mark, a joiner or a skin tone from its base."""
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
    # Unlike a name, an address without them may be somebody else's.
    if _UNSAFE.search(text):
        raise InvalidClaims("it has control characters")


def _check_length(name: str, text: str) -> None:
    limit = CLAIM_LIMITS[name]
    if limit is not None and len(text) > limit:
        raise InvalidClaims(f"over {limit} characters")


def _clean_public_key(name: str, value: Any) -> str:
    text = _text(value)
    _check_characters(_LINE_BREAK.sub("", text))  # PEM has several lines
    return text if text.strip() else ""


def _clean_phone_number(name: str, value: Any) -> str:
    # A field of django-phonenumber-field gives an object.
    return _clean_text(name, getattr(value, "as_e164", value))


def _clean_identity_type(name: str, value: Any) -> str:
    text = _clean_text(name, value)
    if text and text not in IDENTITY_TYPES:
        raise InvalidClaims("it is neither “user” nor “bot”")
    return text


def _clean_url(name: str, value: Any) -> str:
    text = _clean_text(name, value)
    if not text:
        return ""
    url = text if _parts(text).scheme else _absolute(text)
    parts = _parts(url)
    # With a user name there would be a password, for everybody to read.
    if parts.scheme not in _SCHEMES or not parts.hostname or "@" in parts.netloc:
        raise InvalidClaims("it is no http or https URL")
    if _NOT_IN_A_URL.search(url):
        raise InvalidClaims("it has characters that no URL has")
    _check_length(name, url)
    return url


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # which is looked at no earlier
    except ValueError as exc:
        raise InvalidClaims("it is no URL") from exc
    return parts


def _absolute(path: str) -> str:
    if conf.PUBLIC_BASE_URL is None:
        raise InvalidClaims("it is relative, and PUBLIC_BASE_URL is not set")
    return urljoin(conf.PUBLIC_BASE_URL, path)


def _clean_metadata(name: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidClaims(f"it is a {type(value).__name__}, not a mapping")
    if len(value) > MAX_METADATA_KEYS:
        raise InvalidClaims(f"over {MAX_METADATA_KEYS} keys")
    texts = [text for pair in value.items() for text in pair]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidClaims("its keys and values are not all text")
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
