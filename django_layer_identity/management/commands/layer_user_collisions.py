"""``manage.py layer_user_collisions``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.db import router

from django_layer_identity.collisions import Group, Survey, survey_users
from django_layer_identity.management.base import FindingCommand, Found
from django_layer_identity.management.progress import Progress
from django_layer_identity.models import LayerApp


class Command(FindingCommand):
    help = (
        "List users with the same or similar Layer user IDs, and users without a "
        "usable ID. Run it before you go live. The exit status is 0 if there are none, 1 "
        "if there are any, and 2 if the command fails."
    )
    arguments = ("--app", "--json")
    requires_system_checks = "__all__"  # wrong settings would give wrong user IDs

    def run(self, *, app: str | None, json: bool, **options: Any) -> None:
        with (
            Progress(sys.stderr) as progress,
            survey_users(_find_app(app), progress) as survey,
        ):
            progress.end()
            for line in _as_json(survey) if json else _as_text(survey):
                self.stdout.write(line)
            self.stdout.flush()
            groups, unusable = survey.group_count, survey.unusable_count
        if groups or unusable:
            raise Found(
                f"Users: {survey.users}. Groups with the same or similar Layer user IDs: "
                f"{groups}. Users without a usable Layer user ID: {unusable}."
            )
        self.remark(f"Users: {survey.users}. Each has a different Layer user ID.")


def _find_app(app: str | None) -> LayerApp:
    stored = LayerApp.objects.using(router.db_for_write(LayerApp))
    if app is None and not stored.exists():
        return LayerApp()  # the project may have none yet
    return LayerApp.objects.get_by_app_id(app)


def _as_text(survey: Survey) -> Iterator[str]:
    for group in survey.groups():
        yield f"{group.difference}: {group.count} users{_duplicates(group)}"
        yield from (f"  {pk}  {user_id!r}" for pk, user_id in group.users)
        if group.count > len(group.users):
            yield f"  and {group.count - len(group.users)} more"
    for user in survey.unusable():
        yield f"no usable ID: {user.pk}  {user.reason}"


def _duplicates(group: Group) -> str:
    if group.same in (0, group.count):
        return ""
    return f", {group.same} of them with exactly the same ID"


def _as_json(survey: Survey) -> Iterator[str]:
    """Yield one JSON object per line: there may be as many entries as users."""
    for group in survey.groups():
        users = [{"pk": pk, "user_id": user_id} for pk, user_id in group.users]
        yield json.dumps({**asdict(group), "users": users}, default=str)
    for user in survey.unusable():
        yield json.dumps(asdict(user))
