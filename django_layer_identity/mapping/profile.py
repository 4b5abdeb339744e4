"""The profile claims that go along with a user; none of them ever stops a login."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError
from django.utils.functional import Promise

from django_layer_identity.conf import DEFAULT_CLAIMS, conf
from django_layer_identity.exceptions import ConfigurationError, InvalidClaims
from django_layer_identity.mapping.claims import fit
from django_layer_identity.mapping.sources import resolve
from django_layer_identity.protocol.claims import CLAIM_LIMITS, Profile, ProfileClaim

if TYPE_CHECKING:
    from django_layer_identity.conf import Source
    from django_layer_identity.mapping.sources import MappingContext

logger = logging.getLogger("django_layer_identity")


def profile_claims(context: MappingContext) -> Profile:
    """
    Return the claims of ``CLAIMS`` that have a value for this user.

    What fails, and what Layer would not take, is left out with a line in the log. After a
    database that fails the rest is left out too: each would wait for its time-outs again.
    """
    sources = conf.CLAIMS
    known = [name for name in CLAIM_LIMITS if name in sources]
    claims: dict[str, ProfileClaim] = {}
    for name in known:
        try:
            claims[name] = _claim(name, sources[name], context)
        except (OperationalError, InterfaceError):
            logger.exception(
                "Claim %s left out, and the rest: a database failed.", name
            )
            break
    return {name: value for name, value in claims.items() if value}


def _claim(name: str, source: Source, context: MappingContext) -> ProfileClaim:
    try:
        value = resolve(source, context)
        if isinstance(value, Promise):
            value = str(value)  # lazy until now, and as likely to fail
    except ConfigurationError:
        if DEFAULT_CLAIMS.get(name) == source:
            return ""  # nobody asked for it, and this user model has none
        logger.warning("Claim %s left out: its source leads nowhere.", name)
        return ""
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Claim %s left out: its source failed.", name)
        return ""
    return "" if value is None else _fit(name, value)


def _fit(name: str, value: Any) -> ProfileClaim:
    try:
        return fit(name, value)
    except InvalidClaims as exc:
        logger.warning("Claim %s left out: %s.", name, exc)
    except Exception:  # of a mapping or an object of the project's
        logger.exception("Claim %s left out: its value failed.", name)
    return ""
