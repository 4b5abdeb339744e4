from __future__ import annotations

import shlex

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from django_layer_identity.models import LayerApp
from tests.endpoint import NONCE, ask, read
from tests.guide_pages import commands


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


@pytest.mark.django_db
def test_the_commands_create_both_apps(capsys):
    for line, printed in commands("several-apps"):
        call_command(*shlex.split(line)[2:])
        assert capsys.readouterr().out == f"{printed}\n"

    assert [str(app.identifier) for app in LayerApp.objects.order_by("pk")] == [
        "layer:///apps/production/6f1a2c3e-5b7d-4e8f-9a0b-1c2d3e4f5a6b",
        "layer:///apps/staging/7a2b3c4d-6e8f-4a9b-8c1d-2e3f4a5b6c7d",
    ]


@pytest.fixture
def member(alice):
    """Alice, in the group of the app Messenger."""
    alice.groups.add(Group.objects.create(name="Messenger"))
    return alice


def test_a_user_gets_tokens_of_their_own_app(key, app, member):
    response = ask(member, nonce=NONCE, app_id=str(app.app_id))

    assert read(response)[0] == 200


@pytest.mark.parametrize("app_id", [{}, {"app_id": ""}, {"app_id": 7}, {"app_id": "x"}])
def test_a_request_without_an_app_is_refused(key, member, app_id):
    status, body = read(ask(member, nonce=NONCE, **app_id))

    assert (status, body["code"]) == (403, "permission_denied")


def test_a_user_of_another_tenant_is_refused(key, app, alice):
    alice.groups.add(Group.objects.create(name="Another tenant"))

    status, body = read(ask(alice, nonce=NONCE, app_id=str(app.identifier)))

    assert (status, body["code"]) == (403, "permission_denied")
