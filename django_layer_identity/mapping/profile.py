"""The profile claims that go along with a user; none of them ever stops a login."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from django.utils.functional import Promise

from django_layer_identity.conf import DEFAULT_CLAIMS, conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.mapping.attributes import resolve
from django_layer_identity.protocol.claims import PROFILE_CLAIMS, has_unprintable

if TYPE_CHECKING:
    from django_layer_identity.conf import Source
    from django_layer_identity.mapping.attributes import MappingContext

logger = logging.getLogger("django_layer_identity")

NAMES = ("display_name", "first_name", "last_name")  # shown to others, may be cut

# Control characters, lone surrogates, and the marks that turn the direction of what
# follows them around (Unicode Standard Annex 9), with which one name poses as another.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def profile_claims(context: MappingContext) -> dict[str, str]:
    """
    Return the claims of ``CLAIMS`` that have a value for this user.

    Names lose unsafe characters and are cut to Layer's length; other claims that are
    too long, and whatever fails, are left out with a line in the log.
    """
    sources = conf.CLAIMS
    known = [name for name in PROFILE_CLAIMS if name in sources]
    claims = {name: _claim(name, sources[name], context) for name in known}
    return {name: value for name, value in claims.items() if value.strip()}


def _claim(name: str, source: Source, context: MappingContext) -> str:
    try:
        value = resolve(source, context)
        if isinstance(value, Promise):
            value = str(value)  # lazy until now, and as likely to fail
    except ConfigurationError:
        if DEFAULT_CLAIMS.get(name) == source:
            return ""  # nobody asked for it, and this user model has none
        logger.warning("Claim %s left out: its source leads nowhere.", name)
        return ""
    except Exception:
        logger.exception("Claim %s left out: its source failed.", name)
        return ""
    if value is None:
        return ""
    if not isinstance(value, str):
        kind = type(value).__name__
        logger.warning("Claim %s left out: it is a %s, not text.", name, kind)
        return ""
    return _fit(name, value)


def _fit(name: str, value: str) -> str:
    limit = PROFILE_CLAIMS[name]
    if name in NAMES:
        return _UNSAFE.sub("", value).strip()[:limit].rstrip()
    if limit is not None and len(value) > limit:
        logger.warning("Claim %s left out: over %d characters.", name, limit)
        return ""
    lines = value.splitlines() if name == "public_key" else [value]  # PEM has several
    if any(has_unprintable(line) for line in lines):
        logger.warning("Claim %s left out: it has control characters.", name)
        return ""
    return value
