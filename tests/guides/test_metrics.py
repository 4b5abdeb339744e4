from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from tests.endpoint import NONCE, ask
from tests.guide_pages import blocks


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def shown(client):
    """Return the lines of the counter."""
    text = client.get("/metrics").text
    return re.findall(r"^layer_identity_tokens_total.*$", text, re.MULTILINE)


def printed():
    [text] = [code for language, _, code in blocks("metrics") if language == "text"]
    return text.split("\n")[:2]


def test_tokens_and_refusals_are_counted_by_app_and_code(client, key, alice):
    from metrics.receivers import OUTCOMES

    OUTCOMES.clear()

    assert ask(alice, nonce=NONCE).status_code == 200
    assert ask(alice).status_code == 400

    assert shown(client) == printed()


def test_a_fault_is_counted(settings, client, key, alice):
    from metrics.receivers import OUTCOMES

    OUTCOMES.clear()
    key.retire()

    assert ask(alice, nonce=NONCE).status_code == 503

    assert shown(client) == [
        'layer_identity_tokens_total{app="Messenger",code="no_signing_key"} 1.0'
    ]


def test_the_alert_has_every_code_with_status_503():
    from django_layer_identity.api.errors import STATUSES

    [rules] = [code for language, _, code in blocks("metrics") if language == "yaml"]
    [codes] = re.findall(r'code=~"(.+?)"', rules)

    assert set(codes.split("|")) == {
        code for code, status in STATUSES.items() if status == 503
    }


@pytest.mark.django_db
def test_a_receiver_gets_no_user_as_label(key):
    from metrics.receivers import OUTCOMES

    OUTCOMES.clear()
    for name in ("bob", "carol"):
        ask(User.objects.create(username=name), nonce=f"{NONCE[:-2]}{name[0]}=")

    assert [sample.labels for sample in OUTCOMES.collect()[0].samples][:1] == [
        {"app": "Messenger", "code": "issued"}
    ]
