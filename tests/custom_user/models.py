"""User models as projects have them; none has a ``username`` of Django's."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class PersonManager(BaseUserManager):
    def create_user(self, email, **more):
        return self.create(email=email, **more)


class Person(AbstractBaseUser):
    """Known by e-mail; the primary key is a UUID and is there before the row is."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"

    objects = PersonManager()

    def __str__(self):
        return self.email


class Subscriber(AbstractBaseUser):
    """Known by a number that is text, and the primary key; always active."""

    email = models.CharField(max_length=60, primary_key=True)

    USERNAME_FIELD = "email"

    objects = PersonManager()

    def __str__(self):
        return self.email


class Neighbour(Person):
    """Another view of the same rows."""

    class Meta:
        proxy = True


class Employee(Person):
    """In two tables; the primary key is the way to the other one."""

    room = models.CharField(max_length=10, blank=True)


class Worker(Person):
    """In two tables, with a primary key of its own: it may be another person's."""

    person = models.OneToOneField(Person, models.CASCADE, parent_link=True)
    badge = models.UUIDField(primary_key=True)


class Visitor(models.Model):
    """From scratch: neither a password nor ``is_active`` nor natural keys."""

    id = models.AutoField(primary_key=True)
    email = models.CharField(max_length=60, unique=True)

    is_anonymous = False
    is_authenticated = True
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    def __str__(self):
        return self.email
