from __future__ import annotations

import pytest

from tests.endpoint import NONCE, ask, decode


@pytest.fixture
def profile(alice):
    from accounts.models import Profile

    return Profile.objects.create(user=alice, avatar="avatars/alice.png")


def profile_claims(user, key):
    claims = decode(ask(user, nonce=NONCE).json()["identity_token"], key)
    return {
        name: claims[name]
        for name in sorted(claims)
        if name not in ("iss", "prn", "iat", "exp", "nce")
    }


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def test_the_token_has_the_picture_and_the_plan(key, alice, profile):
    assert profile_claims(alice, key) == {
        "avatar_url": "https://example.com/media/avatars/alice.png",
        "display_name": "Alice Liddell",
        "first_name": "Alice",
        "metadata": {"plan": "free"},
    }


def test_a_user_without_names_and_picture_gets_a_token(key, alice, profile):
    alice.first_name = alice.last_name = ""
    alice.save()
    profile.avatar = ""
    profile.save()

    assert profile_claims(alice, key) == {
        "display_name": f"Guest {alice.pk}",
        "metadata": {"plan": "free"},
    }
