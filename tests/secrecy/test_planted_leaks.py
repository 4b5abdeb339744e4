"""The sweep fails where there is something to find: one leak is planted at a time."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from itertools import chain
from unittest.mock import patch

import pytest

from django_layer_identity.admin.forms import PrivateKeyInput
from django_layer_identity.admin.keys import SigningKeyAdmin
from django_layer_identity.conf import conf
from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.keys.secrets import Secret
from django_layer_identity.management.base import LayerCommand
from django_layer_identity.models import SigningKey
from tests import internals
from tests.secrecy import reports, surfaces
from tests.secrecy.logs import at_debug
from tests.secrecy.test_sweep import leaks

pytestmark = pytest.mark.slow


def text_of(der):
    return repr(der.to_der())


def loaded(key):
    return key.load_signer().private_key.to_der()


def page_shows_it():
    return patch.object(
        SigningKeyAdmin, "search_help_text", property(lambda self: in_any_row())
    )


def in_any_row():
    key = SigningKey.objects.exclude(key_id=None).first()
    return loaded(key).hex() if key else ""


def box_shows_it_again():
    shown = lambda self, value: value and value.reveal()  # noqa: E731
    return patch.object(PrivateKeyInput, "format_value", shown)


def search_finds_it():
    results = SigningKeyAdmin.get_search_results

    def search(self, request, queryset, term):
        self.message_user(request, in_any_row())
        return results(self, request, queryset, term)

    return patch.object(SigningKeyAdmin, "get_search_results", search)


def search_is_run():
    return patch(internals.ADMIN_REFUSE_SEARCH, lambda request: None)


def history_tells_it():
    add = SigningKeyAdmin.log_addition

    def log(self, request, key, message):
        pasted = request.POST["private_key"].reveal()
        return add(self, request, key, [{"added": {"name": pasted, "object": ""}}])

    return patch.object(SigningKeyAdmin, "log_addition", log)


def message_tells_it():
    def log(self, request, key, message):
        request.session["last"] = request.POST["private_key"].reveal()

    return patch.object(SigningKeyAdmin, "log_addition", log)


@contextmanager
def stored_in_the_clear():
    encrypt = patch(internals.ENCRYPT_KEY, lambda der, **of: der.hex())
    decrypt = patch(internals.DECRYPT_KEY, lambda stored, **of: bytes.fromhex(stored))
    with encrypt, decrypt:
        yield


def repr_shows_it():
    return patch.object(PrivateKey, "__repr__", text_of)


def wrapper_shows_it():
    return patch.object(Secret, "__repr__", Secret.reveal)


def pickle_takes_it():
    return patch.object(PrivateKey, "__reduce__", lambda key: (bytes, (key.to_der(),)))


def copies_take_it():
    copied = lambda key, memo: key.to_der()  # noqa: E731
    return patch.object(PrivateKey, "__deepcopy__", copied)


def form_keeps_it():
    return patch(internals.ADMIN_WRAP_FORM_DATA, lambda data, **more: data)


def answer_has_it():
    def body(issued):
        return {"key": loaded(issued.app.active_key).hex()}

    return patch(internals.MAKE_SUCCESS_BODY, body)


def command_prints_it():
    def remark(self, text):
        self.stderr.write(in_any_row())

    return patch.object(LayerCommand, "remark", remark)


def command_prints_an_entry():
    def remark(self, text):
        self.stderr.write(repr(conf.KEY_ENCRYPTION_KEYS))

    return patch.object(LayerCommand, "remark", remark)


def log_has_it():
    init = PrivateKey.__init__

    def log(self, key):
        init(self, key)
        logging.getLogger("django_layer_identity.keys").debug("read %r", self.to_der())

    return patch.object(PrivateKey, "__init__", log)


def log_of_statements_has_it():
    save = SigningKey.save

    def log(self, *args, **kwargs):
        number = (
            internals.rsa_key_of(self.load_signer().private_key).private_numbers().p
        )
        SigningKey.objects.filter(public_key=str(number)).exists()
        return save(self, *args, **kwargs)

    return patch.object(SigningKey, "save", log)


@pytest.mark.parametrize(
    ("surface", "leak", "where"),
    [
        (surfaces.admin_pages, page_shows_it, "/admin/layer_identity/signingkey/"),
        (surfaces.admin_answers, box_shows_it_again, "/admin/layer_identity/"),
        (surfaces.searches, search_finds_it, "/admin/layer_identity/signingkey/?q="),
        (
            surfaces.searches,
            search_is_run,
            "/admin/layer_identity/signingkey/ searched",
        ),
        (surfaces.records, history_tells_it, "history"),
        (surfaces.records, message_tells_it, "session"),
        (surfaces.stored_rows, stored_in_the_clear, "layer_identity.SigningKey"),
        (surfaces.dumps, stored_in_the_clear, "dumpdata json"),
        (surfaces.objects, repr_shows_it, "_repr of PrivateKey"),
        (surfaces.objects, wrapper_shows_it, "_vars of form"),
        (surfaces.objects, pickle_takes_it, "_pickled of PrivateKey"),
        (surfaces.objects, copies_take_it, "_copied of PrivateKey"),
        (surfaces.objects, form_keeps_it, "_vars of form"),
        (surfaces.endpoint_answers, answer_has_it, "a token"),
        (surfaces.command_outputs, command_prints_it, "layer_key_generate"),
        (surfaces.command_outputs, command_prints_an_entry, "layer_key_import"),
        (surfaces.endpoint_answers, log_has_it, "log of django_layer_identity.keys"),
        (surfaces.stored_rows, log_of_statements_has_it, "log of django.db.backends"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_sweep_sees_a_planted_leak(world, planted, surface, leak, where):
    with leak(), at_debug() as log:
        seen = chain(surface(world), logged(log))
        found = (name for name, text in seen if planted.found_in(text))

        assert next((name for name in found if name.startswith(where)), None)


def logged(log):
    """What the log holds when everything else has been seen."""
    yield from log.texts.items()


def nothing_is_wrapped():
    return patch(internals.ADMIN_WRAP_POST, lambda data: data)


def nothing_is_forgotten():
    return patch(internals.HIDE_LOCALS, lambda exc, done: None)


def an_entry_is_in_the_message():
    def fail(entry):
        raise ValueError(f"{entry} is wrong")

    return patch(internals.MAKE_ENCRYPTION_KEY, fail)


@pytest.mark.parametrize(
    ("flow", "place", "leak"),
    [
        (reports.import_key, internals.ADMIN_SAVE_KEY, nothing_is_wrapped),
        (reports.import_key, internals.LOAD_DER, nothing_is_forgotten),
        (reports.issue, internals.LOAD_STORED_DER, nothing_is_forgotten),
        (reports.activate, internals.PARSE_CIPHERTEXT, nothing_is_forgotten),
        (reports.import_key, internals.ADMIN_SAVE_KEY, an_entry_is_in_the_message),
    ],
)
def test_the_sweep_sees_a_leak_in_an_error_report(world, planted, flow, place, leak):
    with leak():
        seen = list(reports.reports(world, flow, place, debug=True))

    assert leaks(planted, enumerate(seen)) != {}
