"""Typical custom user models; none has Django's ``username``."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class PersonManager(BaseUserManager):
    def create_user(self, email, **more):
        return self.create(email=email, **more)


class Person(AbstractBaseUser):
    """Identified by e-mail; the primary key is a UUID and is set before the first save."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"

    objects = PersonManager()

    def __str__(self):
        return self.email


class Subscriber(AbstractBaseUser):
    """Identified by a text that is also the primary key; always active."""

    email = models.CharField(max_length=60, primary_key=True)

    USERNAME_FIELD = "email"

    objects = PersonManager()

    def __str__(self):
        return self.email


class Neighbour(Person):
    """A proxy for the same rows."""

    class Meta:
        proxy = True


class Employee(Person):
    """In two tables; the primary key is the link to the parent table."""

    room = models.CharField(max_length=10, blank=True)


class Worker(Person):
    """In two tables with a separate primary key, which can equal another person's."""

    person = models.OneToOneField(Person, models.CASCADE, parent_link=True)
    badge = models.UUIDField(primary_key=True)


class Visitor(models.Model):
    """Without Django's base class: no password, no ``is_active``, no natural keys."""

    id = models.AutoField(primary_key=True)
    email = models.CharField(max_length=60, unique=True)

    is_anonymous = False
    is_authenticated = True
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    def __str__(self):
        return self.email
