"""Compute the Layer user ID of a Django user."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User

from django_layer_identity.exceptions import (
    ConfigurationError,
    UserIDFailed,
    UserIDUnavailable,
)
from django_layer_identity.mapping import MappingContext
from django_layer_identity.mapping.sources import resolve_source
from django_layer_identity.mapping.user_ids import compute_user_id
from django_layer_identity.models import LayerApp
from tests.endpoint import configure
from tests.models import Contact, Device, Member, Profile

UDID = UUID("eeeeeeee-0000-4000-8000-000000000005")


def context_of(user, **options):
    return MappingContext(user, LayerApp(name="Messenger"), **options)


def shout(context):
    return context.user.get_username().upper()


NO_FUNCTION = "alice"


class Fragile:
    """A user whose attributes fail in different ways."""

    @property
    def handle(self):
        return self.missing

    def refuse(self):
        raise UserIDUnavailable


@pytest.fixture
def user_id(settings):
    """Return a user's Layer user ID for a value of ``USER_ID``."""

    def user_id(user, source):
        configure(settings, USER_ID=source)
        return compute_user_id(context_of(user))

    return user_id


def test_the_username_is_the_default():
    assert compute_user_id(context_of(User(username="alice"))) == "alice"


def test_the_username_field_of_another_user_model_is_the_default():
    assert compute_user_id(context_of(Member(email="a@example.com"))) == "a@example.com"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("username", "alice"),
        ("email", "alice@example.com"),
        ("get_username", "alice"),
        ("get_full_name", "Alice Liddell"),
        ("email.upper", "ALICE@EXAMPLE.COM"),
        ("pk", "17"),
        ("profile.phone_number", "+441865000000"),
        ("device.udid", "eeeeeeee-0000-4000-8000-000000000005"),
        (lambda context: str(context.user.profile), "+441865000000"),
        (lambda context: f"{context.user.device}", str(UDID)),
        (lambda context: f"{context.user.contact}", "alice-1"),
        (shout, "ALICE"),
        ("tests.mapping.test_user_ids:shout", "ALICE"),
        (lambda context: context.app.name, "Messenger"),
        (lambda context: 17, "17"),
        (lambda context: 0, "0"),
        (lambda context: UDID, "eeeeeeee-0000-4000-8000-000000000005"),
        (lambda context: " padded ", " padded "),
        (lambda context: "x" * 128, "x" * 128),
        (lambda context: "auth0|東京~*😀", "auth0|東京~*😀"),
    ],
)
def test_a_user_id_comes_from_attributes_methods_and_callables(user_id, source, value):
    user = User(17, username="alice", email="alice@example.com")
    user.first_name, user.last_name = "Alice", "Liddell"
    user.profile = Profile(phone_number="+441865000000")
    user.device = Device(udid=UDID)
    user.contact = Contact(own="alice-1")

    assert user_id(user, source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [("profile.phone_number", "+441865000000"), ("device.udid", str(UDID))],
)
def test_related_rows_are_followed(user_id, alice, source, value):
    Profile.objects.create(user=alice, phone_number="+441865000000")
    Device.objects.create(user=alice, udid=UDID)

    assert user_id(alice, source) == value


@pytest.mark.parametrize("source", ["profile.phone_number", "device.udid", "profile"])
def test_a_user_without_a_related_row_has_no_id(user_id, alice, source):
    with pytest.raises(UserIDUnavailable):
        user_id(alice, source)


@pytest.mark.parametrize(
    "value",
    [None, "", " ", "\t", "\u2003", "None", "x" * 129, "a\nb", "\x00", "\udfff"],
)
def test_a_missing_value_is_refused(user_id, value):
    with pytest.raises(UserIDUnavailable):
        user_id(User(), lambda context: value)


def test_an_empty_field_is_refused(user_id):
    with pytest.raises(UserIDUnavailable):
        user_id(User(username="alice"), "email")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "bool"),
        (False, "bool"),
        (1.0, "float"),
        (b"alice", "bytes"),
        ([], "list"),
    ],
)
def test_a_value_of_another_type_is_refused(user_id, value, kind):
    with pytest.raises(UserIDFailed) as refused:
        user_id(User(), lambda context: value)

    assert str(refused.value.__cause__) == (
        f"A Layer user ID must be text, an integer or a UUID, not {kind}."
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nickname", "'nickname' does not exist: User has no attribute 'nickname'."),
        ("username.", "'username.' does not exist: str has no attribute ''."),
        ("", "'' does not exist: User has no attribute ''."),
        ("username.__class__", "'username.__class__' names a private attribute."),
        ("_state.db", "'_state.db' names a private attribute."),
        ("delete", "'delete' names a method that changes data."),
        ("profile.save", "'profile.save' names a method that changes data."),
        (
            "tests.mapping.test_user_ids:NO_FUNCTION",
            "'tests.mapping.test_user_ids:NO_FUNCTION' is not callable.",
        ),
        (
            "tests.mapping.test_user_ids:nothing",
            "'tests.mapping.test_user_ids:nothing' cannot be imported: "
            'Module "tests.mapping.test_user_ids" does not define a "nothing" attribute/class',
        ),
        (
            "no.such:function",
            "'no.such:function' cannot be imported: No module named 'no'",
        ),
        (":function", "':function' cannot be imported: Empty module name"),
    ],
)
def test_a_source_that_does_not_exist_is_a_configuration_error(source, reason):
    user = User(username="alice")
    user.profile = Profile()

    with pytest.raises(ConfigurationError) as error:
        resolve_source(source, context_of(user))

    assert str(error.value) == reason


def test_a_source_that_does_not_exist_is_a_server_error(user_id):
    with pytest.raises(UserIDFailed) as refused:
        user_id(User(), "nickname")

    assert isinstance(refused.value.__cause__, ConfigurationError)


def test_an_attribute_that_fails_differs_from_a_missing_attribute(user_id):
    with pytest.raises(UserIDFailed) as refused:
        user_id(Fragile(), "handle")

    assert str(refused.value.__cause__) == "'Fragile' object has no attribute 'missing'"


def test_a_method_may_raise_a_refusal(user_id):
    with pytest.raises(UserIDUnavailable):
        user_id(Fragile(), "refuse")


def test_a_method_that_needs_arguments_fails(user_id):
    with pytest.raises(UserIDFailed):
        user_id(User(), "check_password")


def test_a_context_does_not_show_the_current_user_id():
    context = context_of(User(username="alice"), current_user_id="secret-id")

    assert "secret-id" not in repr(context)
