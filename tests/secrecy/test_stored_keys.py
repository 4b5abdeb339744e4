"""Encrypted private keys in copies, pickles and dumps of their rows."""

from __future__ import annotations

import copy
import pickle
from io import StringIO

import pytest
from django.core.management import call_command

from django_layer_identity.models import SigningKey
from django_layer_identity.models.issuing import get_for_issuing


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_does_not_contain_the_private_key(key, copied):
    copied_key = copied(SigningKey.objects.get())

    assert "encrypted_private_key" not in vars(copied_key)
    assert copied_key.load_signer().key_id == key.identifier


def test_a_pickled_app_does_not_contain_the_private_key(key, alice):
    app = get_for_issuing(None, alice.pk)

    assert key.encrypted_private_key.encode() not in pickle.dumps(app)


def test_saving_a_copy_keeps_the_private_key(key):
    copied_key = copy.deepcopy(SigningKey.objects.get())
    copied_key.save()

    assert SigningKey.objects.get().encrypted_private_key == key.encrypted_private_key


def test_a_key_from_a_dump_signs_again(key, tmp_path):
    dump = StringIO()
    call_command("dumpdata", "layer_identity", stdout=dump)
    path = tmp_path / "dump.json"
    path.write_text(dump.getvalue())
    SigningKey.objects.all()._raw_delete("default")

    call_command("loaddata", str(path), verbosity=0)

    SigningKey.objects.get().run_self_test()
