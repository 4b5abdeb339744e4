"""A template filter for the admin's pages."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def limit_search(form: SafeString, length: int) -> SafeString:
    """Give the search field of a search form a maximum length."""
    limit = format_html('name="q" maxlength="{}"', length)
    return mark_safe(form.replace('name="q"', limit))  # noqa: S308  # nosec B308 B703  # both are safe
