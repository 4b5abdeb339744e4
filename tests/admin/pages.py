"""The pages of signing keys, in a tester's words."""

from __future__ import annotations

import re

from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages

from django_layer_identity.models import SigningKey

KEYS = "/admin/layer_identity/signingkey/"


def page_of(key):
    return f"{KEYS}{key.pk}/change/"


def act(client, action, *keys, **more):
    """Choose an action for some keys of the list."""
    selected = {"_selected_action": [key.pk for key in keys]}
    return client.post(KEYS, {"action": action, **selected, **more})


def press(client, button, key, **more):
    """Press a button on the page of a key."""
    return act(client, button, key, from_page="1", **more)


def buttons_of(page):
    inputs, buttons = (
        r'<input type="submit"[^>]* value="([^"]+)"',
        r"<button [^>]+>([^<]+)",
    )
    content = page.partition('id="signingkey_form"')[2]
    found = re.findall(f"{inputs}|{buttons}", content)
    return [value or text for value, text in found]


def state_of(key):
    return SigningKey.objects.get(pk=key.pk).state


def errors(response):
    return response.context["adminform"].form.errors


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def history():
    return [entry.get_change_message() for entry in LogEntry.objects.all()]


def history_of(key):
    entries = LogEntry.objects.filter(object_id=str(key.pk))
    return [entry.get_change_message() for entry in entries]
