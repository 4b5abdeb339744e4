"""``manage.py layer_app_create``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_layer_identity.management.base import LayerCommand
from django_layer_identity.models import LayerApp
from django_layer_identity.protocol.identifiers import ENVIRONMENTS, AppID, ProviderID


class Command(LayerCommand):
    help = "Create a Layer app; repeating the command changes nothing and succeeds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--name", required=True, help="a name for your staff; users do not see it"
        )
        parser.add_argument(
            "--app-id",
            required=True,
            help="a UUID that you make up, or the one from Layer's dashboard",
        )
        parser.add_argument(
            "--provider-id",
            required=True,
            help="a UUID that you make up, or the one from Layer's dashboard",
        )
        parser.add_argument(
            "--environment",
            choices=ENVIRONMENTS,
            help="default: the environment in the app ID, or production",
        )

    def run(
        self,
        *,
        name: str,
        app_id: str,
        provider_id: str,
        environment: str | None,
        **options: Any,
    ) -> None:
        wanted = AppID.parse(app_id)
        if environment and wanted.environment not in (None, environment):
            raise CommandError(
                f"The app ID belongs to {wanted.environment}, but --environment is "
                f"{environment}."
            )
        app = LayerApp.objects.get_or_create_exact(
            name=name,
            app_id=AppID(wanted.uuid, wanted.environment or environment),
            provider_id=ProviderID.parse(provider_id),
        )
        self.stdout.write(str(app.identifier))
        if remark := LayerApp.objects.several_enabled():
            self.remark(remark)
