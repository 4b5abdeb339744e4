"""
User models and related models for the tests of the mapping.

Foreign keys have no database constraints, because Django creates these tables before the
migrated ones.
"""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Lower


class Member(AbstractBaseUser):
    """A user model without ``username`` and names; the primary key is a text."""

    email = models.CharField(max_length=200, primary_key=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email


class Patient(AbstractBaseUser):
    """A user model with a UUID as its login, and an e-mail address."""

    number = models.UUIDField(unique=True)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "number"


class Soldier(AbstractBaseUser):
    """A user model with an integer as its login."""

    number = models.IntegerField(unique=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "number"


class Officer(Soldier):
    """A user model whose primary key is a link to another model."""


class Profile(models.Model):
    id = models.BigAutoField(primary_key=True)
    user = models.OneToOneField(User, models.CASCADE, db_constraint=False)
    phone_number = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.phone_number


class Device(models.Model):
    udid = models.UUIDField(primary_key=True)
    user = models.OneToOneField(User, models.CASCADE, db_constraint=False)

    def __str__(self) -> str:
        return str(self.udid)


class Guest(models.Model):
    """A user model without Django's base classes, not even with ``is_active``."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """Fields that are unique in the database, in several ways, and fields that are not."""

    id = models.BigAutoField(primary_key=True)
    user = models.OneToOneField(User, models.CASCADE, db_constraint=False)
    employer = models.ForeignKey(
        "Contact", models.SET_NULL, null=True, db_constraint=False
    )
    own = models.CharField(max_length=100, unique=True)
    by_constraint = models.CharField(max_length=100)
    by_folding = models.CharField(max_length=100)
    together = models.CharField(max_length=100)
    alone = models.CharField(max_length=100)
    of_some = models.CharField(max_length=100)
    with_another = models.CharField(max_length=100)
    shared = models.CharField(max_length=100)

    class Meta:
        unique_together = [("together",)]
        constraints = [
            models.UniqueConstraint("by_constraint", name="one"),
            models.UniqueConstraint(Lower("by_folding"), name="two"),
            models.UniqueConstraint(fields=["alone"], name="three"),
            models.UniqueConstraint(
                fields=["of_some"], condition=models.Q(shared=""), name="four"
            ),
            models.UniqueConstraint(fields=["with_another", "shared"], name="five"),
            models.CheckConstraint(condition=~models.Q(own=""), name="six"),
        ]

    def __str__(self) -> str:
        return self.own
