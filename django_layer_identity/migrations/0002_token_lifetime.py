from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.db import migrations, models

MINIMUM, MAXIMUM = timedelta(seconds=30), timedelta(hours=24)


def lift_short_lifetimes(apps: Any, schema_editor: Any) -> None:
    """Raise token lifetimes under 30 seconds to 30 seconds, and name the Layer apps."""
    model = apps.get_model("layer_identity", "LayerApp")
    stored = model.objects.using(schema_editor.connection.alias)
    short = stored.filter(token_lifetime__lt=MINIMUM).order_by("pk")
    lines = [
        f"    {app.name} ({app.app_id}): {app.token_lifetime.total_seconds():g} seconds"
        for app in short
    ]
    if lines:
        short.update(token_lifetime=MINIMUM)
        heading = (
            "A token must live at least 30 seconds. So the token lifetime of these Layer "
            f"apps was raised to 30 seconds ({len(lines)}; the former lifetime follows):"
        )
        sys.stdout.write("\n".join(["", heading, *lines, ""]))


class Migration(migrations.Migration):
    dependencies = [
        ("layer_identity", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(lift_short_lifetimes, migrations.RunPython.noop),
        migrations.RemoveConstraint(
            model_name="layerapp",
            name="layer_identity_app_token_lifetime",
        ),
        migrations.AddConstraint(
            model_name="layerapp",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("token_lifetime__isnull", True),
                    models.Q(
                        ("token_lifetime__gte", MINIMUM),
                        ("token_lifetime__lte", MAXIMUM),
                    ),
                    _connector="OR",
                ),
                name="layer_identity_app_token_lifetime",
                violation_error_message="The token lifetime must be at least 30 seconds and at most 24 hours.",
            ),
        ),
    ]
