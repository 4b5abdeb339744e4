"""What is asked before a Layer user ID is given to another user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.forms import DiscreetForm
from django_layer_identity.models import LayerUser
from django_layer_identity.models.reasons import MAX_REASON_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet


def users_named(text: str) -> QuerySet[AbstractBaseUser]:
    """
    Return the users that log in under that name: nearly always one, or none.

    :raises ValueError, ValidationError: where it cannot be such a name, when asked.
    """
    model: Any = get_user_model()
    name = getattr(model, "USERNAME_FIELD", model._meta.pk.name)
    users: QuerySet[AbstractBaseUser] = model._base_manager.using(
        router.db_for_write(LayerUser)
    )
    return users.filter(**{name: text})


class ReassignForm(DiscreetForm, forms.Form):
    """To whom, why, and which ID it is where only its digest is left."""

    user = forms.CharField(
        label=_("New user"),
        help_text=_("The name that he logs in with."),
        strip=False,
    )
    user_id = forms.CharField(
        label=_("Layer user ID"),
        help_text=_("Its text went with its user: enter it as it was."),
        strip=False,
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("It stays in the history: no names, but a ticket's number, say."),
        max_length=MAX_REASON_LENGTH,
    )

    def __init__(self, entry: LayerUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        if entry.user_id:
            del self.fields["user_id"]

    def clean_user(self) -> AbstractBaseUser:
        model = get_user_model()
        try:
            user = users_named(self.cleaned_data["user"]).get()
        except (model.DoesNotExist, ValueError, ValidationError) as exc:
            raise ValidationError(_("There is no such user.")) from exc
        except model.MultipleObjectsReturned as exc:
            raise ValidationError(_("Several users have this name.")) from exc
        if user.pk == self.entry.current_for_id:
            raise ValidationError(_("The user has this Layer user ID already."))
        return user

    def clean_user_id(self) -> str:
        text: str = self.cleaned_data["user_id"]
        if not self.entry.names(text):
            raise ValidationError(_("This is another Layer user ID."))
        return text
