from __future__ import annotations

from uuid import UUID


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def test_a_user_gets_a_random_uuid_and_keeps_it(user_id, alice):
    first = user_id(alice)

    assert UUID(first).version == 4
    assert user_id(alice) == first


def test_an_id_that_is_recorded_before_the_first_token_is_the_users(user_id, alice):
    from messenger.layer import layer_user_id

    early = layer_user_id(alice)

    assert UUID(early).version == 4
    assert layer_user_id(alice) == user_id(alice) == early


def test_the_id_of_the_first_token_is_not_replaced(user_id, alice):
    from messenger.layer import layer_user_id

    first = user_id(alice)

    assert layer_user_id(alice) == first
