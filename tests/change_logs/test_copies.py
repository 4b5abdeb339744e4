from __future__ import annotations

import pytest
from django.conf import settings
from django.core import checks
from django.core.checks import Warning

from django_layer_identity.models import LayerUser
from tests.endpoint import NONCE, ask

AS_INSTALLED = pytest.mark.skipif(settings.EXCLUDE, reason="Nothing is excluded.")
EXCLUDED = pytest.mark.skipif(
    not settings.EXCLUDE, reason="The app's models are excluded."
)

WARNING = Warning(
    "Encrypted private keys and the Layer user IDs of deleted users are copied by: "
    "auditlog, easyaudit.",
    hint='auditlog: AUDITLOG_EXCLUDE_TRACKING_MODELS = ["layer_identity"]; easyaudit: '
    "DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA = "
    '["layer_identity.SigningKey", "layer_identity.LayerUser"]',
    id="layer_identity.W051",
)


@pytest.fixture
def logged(transactional_db, key, alice):
    """The log entries of both packages about a key and about a deleted user."""
    from auditlog.models import LogEntry
    from easyaudit.models import CRUDEvent

    assert ask(alice, nonce=NONCE).status_code == 200
    alice.delete()
    assert LayerUser.objects.get().user_id == ""
    return {
        "auditlog": [str(entry.changes) for entry in LogEntry.objects.all()],
        "easyaudit": [event.object_json_repr for event in CRUDEvent.objects.all()],
    }


def copies(logged, text):
    """Return the packages whose entries contain the text."""
    return [name for name, texts in logged.items() if any(text in one for one in texts)]


@AS_INSTALLED
def test_both_packages_copy_encrypted_private_keys(logged, key):
    assert copies(logged, key.encrypted_private_key) == ["auditlog", "easyaudit"]


@AS_INSTALLED
def test_both_packages_copy_the_layer_user_id_of_a_deleted_user(logged):
    of_ledger = {
        name: [text for text in texts if "digest" in text]
        for name, texts in logged.items()
    }

    assert copies(of_ledger, "alice") == ["auditlog", "easyaudit"]


@AS_INSTALLED
def test_the_check_names_both_packages():
    assert checks.run_checks(tags=["layer_identity"]) == [WARNING]


@EXCLUDED
def test_excluded_models_are_not_copied(logged, key):
    assert copies(logged, key.encrypted_private_key) == []
    assert copies(logged, "digest") == []
    assert copies(logged, "Liddell") == [
        "auditlog",
        "easyaudit",
    ]  # users are still logged


@EXCLUDED
def test_the_check_is_silent_if_the_models_are_excluded():
    assert checks.run_checks(tags=["layer_identity"]) == []
