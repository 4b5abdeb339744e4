"""The tag of the app's front page in the admin. A tag works in every admin site."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("admin/layer_identity/overview.html", takes_context=True)
def layer_overview(context: Any) -> dict[str, Any]:
    """Show each Layer app, what is wrong, and the button that helps."""
    # Django imports this module in every project, also in one without the admin.
    from django_layer_identity.admin.overview import Overview

    user, available = context["request"].user, context.get("available_apps", [])
    return {"overview": Overview(user, available), "perms": context["perms"]}
