"""Where Layer user IDs and profile claims come from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.checks.sources import complaint_about
from django_layer_identity.conf import conf
from django_layer_identity.protocol.claims import CLAIM_LIMITS, RESERVED_CLAIMS


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
    known = {*CLAIM_LIMITS, *RESERVED_CLAIMS}  # of the reserved ones another rule tells
    if isinstance(claims, Mapping) and known.issuperset(claims):
        return []
    return [
        Error(
            "LAYER_IDENTITY['CLAIMS'] must be a dict of claims that Layer knows.",
            hint=f"Known: {', '.join(CLAIM_LIMITS)}.",
            id="layer_identity.E006",
        )
    ]


def _reserved_claims() -> list[CheckMessage]:
    claims: object = conf.CLAIMS
    reserved = RESERVED_CLAIMS.intersection(
        claims if isinstance(claims, Mapping) else ()
    )
    return [
        Error(
            f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which is reserved.",
            hint=(
                "It says who the token is for and until when: remove it. Layer user IDs "
                "come from LAYER_IDENTITY['USER_ID'], times from 'TOKEN_LIFETIME'."
            ),
            id="layer_identity.E024",
        )
        for name in sorted(reserved)
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


RULES = (_user_id, _claims, _reserved_claims, _claim_sources, _public_base_url)
