"""The tag and filters of the app's front page. A tag works in every admin site."""

from __future__ import annotations

from typing import Any

from django import template

from django_layer_identity.admin.display import active_key, age
from django_layer_identity.admin.overview import MAX_COUNT, Overview

register = template.Library()
register.filter("layer_active_key", active_key)
register.filter("layer_age", age)


@register.inclusion_tag("admin/layer_identity/overview.html", takes_context=True)
def layer_overview(context: Any) -> dict[str, Any]:
    """Show each Layer app, what is wrong, and the button that helps."""
    user, available = context["request"].user, context.get("available_apps", [])
    return {
        "overview": Overview(user, available),
        "max_count": MAX_COUNT,
        "perms": context["perms"],
    }
