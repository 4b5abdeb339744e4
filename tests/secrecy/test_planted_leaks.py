"""The sweep finds real leaks: each test plants one leak."""

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


def repr_with_key(private_key):
    return repr(private_key.to_der())


def load_der(key):
    return key.load_signer().private_key.to_der()


def page_shows_key():
    return patch.object(
        SigningKeyAdmin, "search_help_text", property(lambda self: key_of_any_row())
    )


def key_of_any_row():
    key = SigningKey.objects.exclude(key_id=None).first()
    return load_der(key).hex() if key else ""


def form_field_shows_key_again():
    shown = lambda self, value: value and value.reveal()  # noqa: E731
    return patch.object(PrivateKeyInput, "format_value", shown)


def search_result_shows_key():
    results = SigningKeyAdmin.get_search_results

    def search(self, request, queryset, term):
        self.message_user(request, key_of_any_row())
        return results(self, request, queryset, term)

    return patch.object(SigningKeyAdmin, "get_search_results", search)


def search_for_key_is_run():
    return patch(internals.ADMIN_REFUSE_SEARCH, lambda request: None)


def history_shows_key():
    add = SigningKeyAdmin.log_addition

    def log(self, request, key, message):
        pasted = request.POST["private_key"].reveal()
        return add(self, request, key, [{"added": {"name": pasted, "object": ""}}])

    return patch.object(SigningKeyAdmin, "log_addition", log)


def session_contains_key():
    def log(self, request, key, message):
        request.session["last"] = request.POST["private_key"].reveal()

    return patch.object(SigningKeyAdmin, "log_addition", log)


@contextmanager
def key_is_stored_as_plain_text():
    encrypt = patch(internals.ENCRYPT_KEY, lambda der, **of: der.hex())
    decrypt = patch(internals.DECRYPT_KEY, lambda stored, **of: bytes.fromhex(stored))
    with encrypt, decrypt:
        yield


def repr_shows_key():
    return patch.object(PrivateKey, "__repr__", repr_with_key)


def secret_shows_value():
    return patch.object(Secret, "__repr__", Secret.reveal)


def pickle_contains_key():
    return patch.object(PrivateKey, "__reduce__", lambda key: (bytes, (key.to_der(),)))


def copy_contains_key():
    copied = lambda key, memo: key.to_der()  # noqa: E731
    return patch.object(PrivateKey, "__deepcopy__", copied)


def form_contains_key():
    return patch(internals.ADMIN_WRAP_FORM_DATA, lambda data, **more: data)


def response_contains_key():
    def body(issued):
        return {"key": load_der(issued.app.active_key).hex()}

    return patch(internals.MAKE_SUCCESS_BODY, body)


def command_prints_key():
    def remark(self, text):
        self.stderr.write(key_of_any_row())

    return patch.object(LayerCommand, "remark", remark)


def command_prints_entry():
    def remark(self, text):
        self.stderr.write(repr(conf.KEY_ENCRYPTION_KEYS))

    return patch.object(LayerCommand, "remark", remark)


def log_contains_key():
    init = PrivateKey.__init__

    def log(self, key):
        init(self, key)
        logging.getLogger("django_layer_identity.keys").debug("read %r", self.to_der())

    return patch.object(PrivateKey, "__init__", log)


def sql_log_contains_key():
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
        (surfaces.admin_pages, page_shows_key, "/admin/layer_identity/signingkey/"),
        (surfaces.admin_answers, form_field_shows_key_again, "/admin/layer_identity/"),
        (
            surfaces.searches,
            search_result_shows_key,
            "/admin/layer_identity/signingkey/?q=",
        ),
        (
            surfaces.searches,
            search_for_key_is_run,
            "/admin/layer_identity/signingkey/ searched",
        ),
        (surfaces.records, history_shows_key, "history"),
        (surfaces.records, session_contains_key, "session"),
        (
            surfaces.stored_rows,
            key_is_stored_as_plain_text,
            "layer_identity.SigningKey",
        ),
        (surfaces.dumps, key_is_stored_as_plain_text, "dumpdata json"),
        (surfaces.objects, repr_shows_key, "_repr of PrivateKey"),
        (surfaces.objects, secret_shows_value, "_vars of form"),
        (surfaces.objects, pickle_contains_key, "_pickled of PrivateKey"),
        (surfaces.objects, copy_contains_key, "_copied of PrivateKey"),
        (surfaces.objects, form_contains_key, "_vars of form"),
        (surfaces.endpoint_answers, response_contains_key, "a token"),
        (surfaces.command_outputs, command_prints_key, "layer_key_generate"),
        (surfaces.command_outputs, command_prints_entry, "layer_key_import"),
        (
            surfaces.endpoint_answers,
            log_contains_key,
            "log of django_layer_identity.keys",
        ),
        (surfaces.stored_rows, sql_log_contains_key, "log of django.db.backends"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_sweep_finds_a_planted_leak(world, planted, surface, leak, where):
    with leak(), at_debug() as log:
        seen = chain(surface(world), logged(log))
        found = (name for name, text in seen if planted.found_in(text))

        assert next((name for name in found if name.startswith(where)), None)


def logged(log):
    """Yield the log after all other output was consumed."""
    yield from log.texts.items()


def secrets_are_not_wrapped():
    return patch(internals.ADMIN_WRAP_POST, lambda data: data)


def locals_are_not_hidden():
    return patch(internals.HIDE_LOCALS, lambda exc, done: None)


def message_contains_entry():
    def fail(entry):
        raise ValueError(f"{entry} is wrong")

    return patch(internals.MAKE_ENCRYPTION_KEY, fail)


@pytest.mark.parametrize(
    ("flow", "place", "leak"),
    [
        (reports.import_key, internals.ADMIN_SAVE_KEY, secrets_are_not_wrapped),
        (reports.import_key, internals.LOAD_DER, locals_are_not_hidden),
        (reports.issue, internals.LOAD_STORED_DER, locals_are_not_hidden),
        (reports.activate, internals.PARSE_CIPHERTEXT, locals_are_not_hidden),
        (reports.import_key, internals.ADMIN_SAVE_KEY, message_contains_entry),
    ],
)
def test_the_sweep_finds_a_leak_in_an_error_report(world, planted, flow, place, leak):
    with leak():
        seen = list(reports.reports(world, flow, place, debug=True))

    assert leaks(planted, enumerate(seen)) != {}
