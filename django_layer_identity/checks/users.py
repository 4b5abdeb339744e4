"""Where Layer user IDs and profile claims come from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.checks.settings import suggestion
from django_layer_identity.checks.sources import complaint_about
from django_layer_identity.checks.user_model import fields_of, is_email
from django_layer_identity.conf import conf
from django_layer_identity.protocol.claims import CLAIM_LIMITS, RESERVED_CLAIMS

#: Names of what proves to be a user: passwords, hashes of sessions, API tokens.
_SECRET = re.compile("password|secret|session|token", re.I)


def _user_id() -> list[CheckMessage]:
    complaint = complaint_about(conf.USER_ID)
    if complaint is None:
        return []
    return [
        Error(
            f"LAYER_IDENTITY['USER_ID'] leads nowhere: {complaint}",
            hint=(
                'An attribute path such as "username" or "profile.phone_number", a '
                'callable, or "module:function".'
            ),
            id="layer_identity.E005",
        )
    ]


def _claims() -> list[CheckMessage]:
    claims: object = conf.CLAIMS
    if isinstance(claims, Mapping):
        return []
    return [
        Error(
            "LAYER_IDENTITY['CLAIMS'] must be a dict.",
            hint='For example: {"display_name": "get_full_name"}.',
            id="layer_identity.E006",
        )
    ]


def _known_claims() -> list[CheckMessage]:
    known = {*CLAIM_LIMITS, *RESERVED_CLAIMS}  # another rule reports the reserved ones
    return [
        Warning(
            f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which Layer does not know: it is "
            "never sent.",
            hint=suggestion(str(name).lower(), CLAIM_LIMITS),
            id="layer_identity.W005",
        )
        for name in _sources()
        if name not in known
    ]


def _disclosing_claims() -> list[CheckMessage]:
    disclosed = {
        name: _disclosed_by(name, source) for name, source in _sources().items()
    }
    return [
        Warning(
            f"The claim {name!r} shows {what} to every chat partner.",
            hint="Name another source in LAYER_IDENTITY['CLAIMS'].",
            id="layer_identity.W006",
        )
        for name, what in disclosed.items()
        if what
    ]


def _disclosed_by(name: str, source: object) -> str | None:
    if not isinstance(source, str) or ":" in source:
        return None  # what a callable returns, only the project knows
    if _SECRET.search(source):
        return f"a secret ({source})"
    if name != "email_address" and is_email(fields_of(source)[0]):
        return "the user's e-mail address"
    return None


def _sources() -> Mapping[str, object]:
    claims: object = conf.CLAIMS
    return claims if isinstance(claims, Mapping) else {}


def _reserved_claims() -> list[CheckMessage]:
    return [
        Error(
            f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which is reserved.",
            hint=(
                "It says who the token is for and until when: remove it. Layer user IDs "
                "come from LAYER_IDENTITY['USER_ID'], times from 'TOKEN_LIFETIME'."
            ),
            id="layer_identity.E024",
        )
        for name in sorted(RESERVED_CLAIMS.intersection(_sources()))
    ]


def _public_base_url() -> list[CheckMessage]:
    url: object = conf.PUBLIC_BASE_URL
    if url is None or _is_origin(url):
        return []
    return [
        Error(
            f"LAYER_IDENTITY['PUBLIC_BASE_URL'] is no origin: {url!r}.",
            hint='Scheme, host and port alone, such as "https://example.com".',
            id="layer_identity.E025",
        )
    ]


def _is_origin(url: object) -> bool:
    if not isinstance(url, str):
        return False
    return (
        re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?/?", url)
        is not None
    )


def _claim_sources() -> list[CheckMessage]:
    configured = getattr(settings, "LAYER_IDENTITY", {}).get("CLAIMS")
    if not isinstance(configured, Mapping):
        return []
    complaints = {name: complaint_about(source) for name, source in configured.items()}
    return [
        Warning(
            f"The claim {name!r} is always left out: {complaint}",
            hint="Correct or remove it in LAYER_IDENTITY['CLAIMS'].",
            id="layer_identity.W002",
        )
        for name, complaint in complaints.items()
        if complaint is not None
    ]


RULES = (
    _user_id,
    _claims,
    _known_claims,
    _reserved_claims,
    _claim_sources,
    _public_base_url,
)
DEPLOYMENT_RULES = (_disclosing_claims,)
