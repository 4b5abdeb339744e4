from __future__ import annotations

import pytest
from django.utils import timezone

from tests.endpoint import configure


@pytest.fixture
def phone(alice):
    from accounts.models import Phone

    return Phone.objects.create(
        user=alice, number="+44 20 7031 3000", verified_at=timezone.now()
    )


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def test_a_verified_number_is_the_user_id(user_id, alice, phone):
    assert user_id(alice) == "+442070313000"


def test_a_number_without_country_code_is_refused_without_a_region(
    settings, user_id, alice, phone
):
    phone.number = "020 7031 3000"
    phone.save()
    assert user_id(alice) == "user_id_unavailable"

    configure(settings, PHONE_REGION="GB")
    assert user_id(alice) == "+442070313000"


def test_a_changed_number_is_refused_until_it_is_verified(user_id, alice, phone):
    phone.change_number("+44 20 7031 3001")
    assert user_id(alice) == "user_id_unavailable"

    phone.verified_at = timezone.now()
    phone.save()
    assert user_id(alice) == "+442070313001"
