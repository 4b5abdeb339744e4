"""Create the demo's missing data and keep existing data."""

from __future__ import annotations

from uuid import uuid4

from config import secrets_file
from config.secrets_file import Secrets
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction

from demo.people import PEOPLE
from django_layer_identity import keyring
from django_layer_identity.models import LayerApp, SigningKey


def prepare(secrets: Secrets) -> None:
    """Create the database, the accounts, the Layer app and the signing key if missing."""
    with secrets_file.lock():  # another demo may start at the same time
        call_command("migrate", interactive=False, verbosity=0)
        _create_accounts(secrets["passwords"])
        _create_key(_get_or_create_app())


def _create_accounts(passwords: dict[str, str]) -> None:
    present = set(User.objects.values_list("username", flat=True))
    for person in PEOPLE:
        if person.username not in present:
            User.objects.create_user(
                person.username,
                password=passwords[person.username],
                first_name=person.first_name,
                last_name=person.last_name,
            )
    if "admin" not in present:
        User.objects.create_superuser("admin", password=passwords["admin"])


def _get_or_create_app() -> LayerApp:
    app = LayerApp.objects.order_by("pk").first()
    return app or LayerApp.objects.create(
        name="Demo", app_id=uuid4(), provider_id=uuid4(), environment="staging"
    )


def _create_key(app: LayerApp) -> None:
    """Generate and activate a key with a random ID instead of one from Layer."""
    if SigningKey.objects.filter(active_for=app).exists():
        return
    with transaction.atomic():
        keyring.generate_private_key(app, key_id=uuid4()).activate()
