"""Where Layer user IDs and profile claims come from."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.checks.sources import complaint_about
from django_layer_identity.conf import conf
from django_layer_identity.protocol.claims import PROFILE_CLAIMS


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
    if isinstance(claims, Mapping) and all(name in PROFILE_CLAIMS for name in claims):
        return []
    return [
        Error(
            "LAYER_IDENTITY['CLAIMS'] must be a dict of claims that Layer knows.",
            hint=f"Known: {', '.join(PROFILE_CLAIMS)}.",
            id="layer_identity.E006",
        )
    ]


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


RULES = (_user_id, _claims, _claim_sources)
