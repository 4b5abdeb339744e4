"""Helpers for tests of the pages of signing keys."""

from __future__ import annotations

import re

from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages

from django_layer_identity.models import SigningKey

KEYS = "/admin/layer_identity/signingkey/"


def page_of(key):
    return f"{KEYS}{key.pk}/change/"


def run_action(client, action, *keys, **more):
    """Run an action of the list on these keys."""
    selected = {"_selected_action": [key.pk for key in keys]}
    return client.post(KEYS, {"action": action, **selected, **more})


def press(client, button, key, **more):
    """Press a button on the page of a key."""
    return run_action(client, button, key, from_page="1", **more)


def buttons_of(page):
    inputs = r'<input type="submit"[^>]* value="([^"]+)"'
    buttons = r"<button [^>]+>([^<]+)"
    content = page.partition('id="signingkey_form"')[2]
    found = re.findall(f"{inputs}|{buttons}", content)
    return [value or text for value, text in found]


def state_of(key):
    return SigningKey.objects.get(pk=key.pk).state


def errors(response):
    return response.context["adminform"].form.errors


def messages_of(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def history():
    return [entry.get_change_message() for entry in LogEntry.objects.all()]


def history_of(key):
    entries = LogEntry.objects.filter(object_id=str(key.pk))
    return [entry.get_change_message() for entry in entries]
