from __future__ import annotations

import copy
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError

from django_layer_identity.exceptions import (
    AppExists,
    AppFrozen,
    AppIDRequired,
    AppUnknown,
    InvalidIdentifier,
    NotFound,
)
from django_layer_identity.models import LayerApp
from django_layer_identity.models.issuing import get_for_issuing
from django_layer_identity.protocol.identifiers import AppID, ProviderID
from tests.conftest import APP_ID, PROVIDER_ID

OTHER = UUID("aaaaaaaa-0000-4000-8000-000000000009")


@pytest.fixture
def other_app(db):
    return LayerApp.objects.create(
        name="Test", app_id=OTHER, environment="staging", provider_id=PROVIDER_ID
    )


def ensure(**changes):
    values = {
        "name": "Messenger",
        "app_id": AppID(APP_ID, "production"),
        "provider_id": ProviderID(PROVIDER_ID),
    }
    return LayerApp.objects.get_or_create_exact(**{**values, **changes})


def find(app):
    return get_for_issuing(app, user_pk=7).app


def test_an_app_is_shown_by_its_name(app):
    assert str(app) == "Messenger"


def test_an_app_has_its_ids_in_layers_format(app):
    assert str(app.identifier) == f"layer:///apps/production/{APP_ID}"
    assert str(app.provider) == f"layer:///providers/{PROVIDER_ID}"


@pytest.mark.parametrize(
    "app_id",
    [str(APP_ID), str(APP_ID).upper(), f"layer:///apps/production/{APP_ID}"],
)
def test_an_app_is_found_by_its_id_in_any_form(app, other_app, app_id):
    assert find(app_id) == app
    assert LayerApp.objects.get_by_app_id(app_id) == app


def test_an_app_is_found_by_its_instance(app, other_app):
    assert find(app) == app


def test_the_only_enabled_app_is_the_default(app, other_app):
    LayerApp.objects.filter(pk=other_app.pk).update(enabled=False)

    assert find(None) == app


def test_of_several_enabled_apps_one_must_be_named(app, other_app):
    with pytest.raises(AppIDRequired):
        find(None)


@pytest.mark.parametrize(
    "app_id",
    [
        None,
        "",
        "messenger",
        str(OTHER),
        f"layer:///apps/staging/{APP_ID}",
        f"layer:///providers/{PROVIDER_ID}",
        7,
        ["x"],
    ],
)
def test_every_other_app_is_unknown(db, app_id):
    LayerApp.objects.create(
        name="Off", app_id=APP_ID, provider_id=PROVIDER_ID, enabled=False
    )

    with pytest.raises(AppUnknown):
        find(app_id)


def test_an_environment_that_is_not_the_apps_is_unknown(app):
    with pytest.raises(AppUnknown):
        find(f"layer:///apps/staging/{APP_ID}")


def test_a_disabled_app_is_unknown_even_by_its_instance(app):
    LayerApp.objects.update(enabled=False)

    with pytest.raises(AppUnknown):
        find(app)


def test_an_app_and_its_active_key_take_one_query(key, django_assert_num_queries):
    for wanted in (str(APP_ID), None):
        with django_assert_num_queries(1):
            assert get_for_issuing(wanted, user_pk=7).key == key


def test_the_only_app_is_the_default_for_commands(app):
    assert LayerApp.objects.get_by_app_id(None) == app


def test_a_command_must_name_one_of_several_apps(app, other_app):
    with pytest.raises(NotFound) as caught:
        LayerApp.objects.get_by_app_id(None)

    assert str(caught.value) == (
        "There are several Layer apps. Name one by its app ID, in a command with --app."
    )


@pytest.mark.parametrize("app_id", [str(OTHER), f"layer:///apps/staging/{APP_ID}"])
def test_an_unknown_app_id_is_reported(app, app_id):
    with pytest.raises(NotFound) as caught:
        LayerApp.objects.get_by_app_id(app_id)

    assert str(caught.value) == f"There is no Layer app with the app ID {app_id}."


def test_an_invalid_app_id_is_reported(app):
    with pytest.raises(InvalidIdentifier):
        LayerApp.objects.get_by_app_id("messenger")


def test_an_app_is_created_once(db):
    first = ensure()

    assert ensure() == first
    assert LayerApp.objects.get() == first
    assert first.environment == "production"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Chat"}, "name: Messenger"),
        ({"app_id": AppID(APP_ID, "staging")}, "environment: production"),
        ({"provider_id": ProviderID(OTHER)}, f"provider_id: {PROVIDER_ID}"),
    ],
)
def test_an_app_is_not_changed_by_creating_it_again(db, change, message):
    before = copy.copy(ensure())

    with pytest.raises(AppExists) as caught:
        ensure(**change)

    assert str(caught.value) == (
        f"A Layer app with this app ID already exists with another {message}. "
        "Use the same value."
    )
    after = LayerApp.objects.get()
    assert (after.name, after.environment, after.provider_id) == (
        before.name,
        before.environment,
        before.provider_id,
    )


def test_an_app_with_a_name_too_long_is_not_created(db):
    with pytest.raises(ValidationError):
        ensure(name="x" * 101)

    assert not LayerApp.objects.exists()


@pytest.mark.parametrize(
    "lifetime",
    [
        timedelta(seconds=-1),
        timedelta(0),
        timedelta(seconds=29, microseconds=999_999),
        timedelta(hours=24, microseconds=1),
    ],
)
def test_the_database_refuses_a_lifetime_out_of_range(app, lifetime):
    app.token_lifetime = lifetime

    with pytest.raises(IntegrityError):
        app.save()


@pytest.mark.parametrize("lifetime", [timedelta(seconds=30), timedelta(hours=24)])
def test_the_database_accepts_the_shortest_and_the_longest_lifetime(app, lifetime):
    app.token_lifetime = lifetime
    app.full_clean()
    app.save()

    assert LayerApp.objects.get().token_lifetime == lifetime


@pytest.mark.parametrize(
    ("lifetime", "message"),
    [
        (timedelta(days=-2), "A token must live at least 30 seconds."),
        (timedelta(0), "A token must live at least 30 seconds."),
        (timedelta(seconds=29), "A token must live at least 30 seconds."),
        (timedelta(days=2), "A token must live at most 24 hours."),
    ],
)
def test_a_lifetime_out_of_range_is_explained(app, lifetime, message):
    app.token_lifetime = lifetime

    with pytest.raises(ValidationError) as caught:
        app.full_clean()

    assert caught.value.message_dict == {"token_lifetime": [message]}


SAME_IDS = (
    "The app ID and the provider ID are the same, so one of them is wrong. Make up two "
    "different UUIDs. If they are from Layer's dashboard: the app ID began with "
    "layer:///apps/ there, and the provider ID with layer:///providers/."
)


def test_an_app_id_that_is_the_provider_id_is_refused(db):
    with pytest.raises(ValidationError) as caught:
        ensure(provider_id=ProviderID(APP_ID))

    assert caught.value.message_dict == {"provider_id": [SAME_IDS]}
    assert not LayerApp.objects.exists()


def test_an_id_given_as_text_is_compared_too(app):
    app.provider_id = str(APP_ID).upper()

    with pytest.raises(ValidationError) as caught:
        app.full_clean()

    assert caught.value.message_dict == {"provider_id": [SAME_IDS]}


def test_an_app_with_keys_cannot_be_deleted(key):
    with pytest.raises(ProtectedError):
        key.app.delete()


# Frozen IDs

IDS_FROZEN = "The app ID, environment and provider ID cannot change, because a key of this Layer app has been active."


@pytest.fixture
def frozen(key):
    """A stored app with a key that was active."""
    key.retire()
    return LayerApp.objects.get(pk=key.app_id)


@pytest.fixture(
    params=[
        {"app_id": OTHER},
        {"provider_id": OTHER},
        {"environment": "staging"},
    ],
    ids=["app-id", "provider-id", "environment"],
)
def change(request):
    return request.param


def changed(app, change):
    for name, value in change.items():
        setattr(app, name, value)
    return app


def test_ids_can_change_before_a_key_is_active(draft, change):
    changed(draft.app, change).save()

    assert LayerApp.objects.filter(**change).exists()


def test_ids_cannot_change_after_a_key_was_active(frozen, change):
    before = LayerApp.objects.values().get()

    with pytest.raises(AppFrozen) as caught:
        changed(frozen, change).save()

    assert str(caught.value) == IDS_FROZEN
    assert LayerApp.objects.values().get() == before


def test_the_error_for_a_frozen_id_is_at_the_field(frozen, change):
    with pytest.raises(ValidationError) as caught:
        changed(frozen, change).full_clean()

    [name] = change
    assert caught.value.message_dict == {name: [IDS_FROZEN]}


def test_frozen_ids_cannot_change_in_bulk(frozen, change):
    with pytest.raises(AppFrozen) as caught:
        LayerApp.objects.update(**change)

    assert str(caught.value) == (
        "The app ID, environment and provider ID of a Layer app cannot change after one of its keys has been active."
    )
    assert not LayerApp.objects.filter(**change).exists()


def test_ids_of_other_apps_can_change_in_bulk(frozen, other_app):
    others = LayerApp.objects.filter(pk=other_app.pk)

    assert others.update(provider_id=OTHER) == 1


def test_ids_stay_frozen_after_the_key_is_deleted(frozen, key):
    key.delete()

    with pytest.raises(AppFrozen):
        changed(frozen, {"provider_id": OTHER}).save()


def test_saving_a_stale_app_does_not_unfreeze_its_ids(draft):
    stale = LayerApp.objects.get()
    draft.set_key_id(OTHER)
    draft.activate()
    stale.save()

    with pytest.raises(AppFrozen):
        changed(stale, {"provider_id": OTHER}).save()


def test_other_fields_of_a_frozen_app_can_change(frozen):
    frozen.name, frozen.provider_id = "Chat", str(PROVIDER_ID).upper()
    frozen.full_clean()
    frozen.save()

    assert LayerApp.objects.get().name == "Chat"


def test_an_app_is_frozen_at_its_first_activation(key):
    first = LayerApp.objects.get().frozen_at
    key.retire()
    key.activate()

    assert LayerApp.objects.get().frozen_at == first < key.activated_at


def test_an_app_with_keys_is_not_deleted(draft):
    for delete in (draft.app.delete, LayerApp.objects.all().delete):
        with pytest.raises(ProtectedError):
            delete()

    assert LayerApp.objects.exists()
