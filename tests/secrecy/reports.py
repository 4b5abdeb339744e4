"""Faults at many places, and what Django's error reports say of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from types import ModuleType
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils.log import AdminEmailHandler
from django.utils.module_loading import import_string
from django.views.debug import ExceptionReporter

from django_layer_identity.keys.signers import forget_loaded_keys
from tests.conftest import KEY_ID
from tests.secrecy.world import World

PLANTED_FAULT = "a fault that somebody planted"
PACKAGE = "django_layer_identity."


class PlantedFault(Exception):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(PLANTED_FAULT)


def fail(*args: object, **kwargs: object) -> None:
    raise PlantedFault


def _import(world: World) -> Iterator[str]:
    yield world.post_key(key_id=str(KEY_ID)).content.decode()


def _import_with_passphrase(world: World) -> Iterator[str]:
    yield world.post_locked_key().content.decode()


def _upload(world: World) -> Iterator[str]:
    yield world.upload_key().content.decode()


def _paste_into_an_app(world: World) -> Iterator[str]:
    page = f"/admin/layer_identity/layerapp/{world.app.pk}/change/"
    yield world.client.post(page, {"name": world.pem()}).content.decode()


def _paste_into_a_reason(world: World) -> Iterator[str]:
    page = "/admin/layer_identity/layeruser/1/reassign/"
    yield world.client.post(page, {"reason": world.pem()}).content.decode()


def _issue(world: World) -> Iterator[str]:
    forget_loaded_keys()
    yield world.issue().content.decode()


def _activate(world: World) -> Iterator[str]:
    forget_loaded_keys()
    yield world.act("activate").content.decode()


def _retire(world: World) -> Iterator[str]:
    yield world.act("retire").content.decode()


def _import_by_command(world: World) -> Iterator[str]:
    file = str(world.file("key.pem", world.pem()))
    out, err = StringIO(), StringIO()
    try:
        call_command("layer_key_import", file, stdout=out, stderr=err)
    except (PlantedFault, CommandError):
        yield from _reports(None, *sys.exc_info())
    yield out.getvalue() + err.getvalue()


class _Broken:
    """A module, as one of ours sees it, in which one function fails."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self._module, self._name = module, name

    def __getattr__(self, name: str) -> object:
        return fail if name == self._name else getattr(self._module, name)


def _planted_at(place: str) -> AbstractContextManager:
    place, _, name = place.partition(":")
    return patch(place, _Broken(import_string(place), name) if name else fail)


#: Where a fault is planted, and who comes by there.
FAULTS: list[tuple[Callable, str]] = [
    *(
        (_import, f"{PACKAGE}{place}")
        for place in (
            "admin.forms.read_private_key",
            "admin.forms.NewSigningKeyForm._clean_fields",
            "admin.forms.NewSigningKeyForm.clean",
            "admin.forms.NewSigningKeyForm.full_clean",
            "admin.signing_keys.SigningKeyAdmin.save_form",
            "admin.signing_keys.SigningKeyAdmin.save_model",
            "admin.signing_keys.SigningKeyAdmin.log_addition",
            "admin.signing_keys.SigningKeyAdmin.response_add",
            "keys.pem.PrivateKey.__init__",
            "keys.pem.PrivateKey.to_der",
            "keys.pem.load_der_private_key",
            "keys.pasted.text.base64:b64decode",
            "keys.pem.check_kind",
            "keys.encryption.Fernet.encrypt",
            "keys.encryption.HKDF.derive",
            "keys.encryption.base64:b64encode",
            "keys.encryption.json:dumps",
            "models.SigningKey.save",
            "models.SigningKey.validate_constraints",
        )
    ),
    (_import, "django.forms.models.ModelForm.__init__"),
    (_import, "django.db.models.sql.compiler.SQLInsertCompiler.execute_sql"),
    (_import, "django.contrib.admin.options.ModelAdmin.construct_change_message"),
    (_import, "django.contrib.admin.options.ModelAdmin.get_formsets_with_inlines"),
    # Before the page's own code, where the admin asks who is there.
    *(
        (flow, f"django.contrib.{place}")
        for flow in (
            _import,
            _import_with_passphrase,
            _paste_into_an_app,
            _paste_into_a_reason,
        )
        for place in (
            "sessions.backends.db.SessionStore.load",
            "auth.get_user",
            "admin.sites.AdminSite.has_permission",
        )
    ),
    (_import_with_passphrase, f"{PACKAGE}keys.pasted.passphrase.load_der_private_key"),
    (_import_with_passphrase, f"{PACKAGE}admin.forms.read_private_key"),
    (_import_with_passphrase, f"{PACKAGE}models.SigningKey.save"),
    (_upload, f"{PACKAGE}admin.forms.read_private_key"),
    (_upload, f"{PACKAGE}keys.pem.load_der_private_key"),
    (_upload, f"{PACKAGE}admin.signing_keys.SigningKeyAdmin.log_addition"),
    *(
        (flow, f"{PACKAGE}{place}")
        for flow in (_issue, _activate)
        for place in (
            "keys.encryption.Fernet.decrypt",
            "keys.encryption.HKDF.derive",
            "keys.encryption.json:loads",
            "keys.encryption.base64:b64decode",
            "keys.signers.restore_private_key",
            "keys.pem.load_der_private_key",
            "keys.pem.PrivateKey.__init__",
            "keys.pem.PrivateKey.sign",
        )
    ),
    (_issue, f"{PACKAGE}protocol.token._jws.encode"),
    (_retire, f"{PACKAGE}models.SigningKey.retire"),
    (_retire, f"{PACKAGE}admin.signing_keys.SigningKeyAdmin.log_change"),
    (_import_by_command, f"{PACKAGE}keys.pem.load_der_private_key"),
    (_import_by_command, f"{PACKAGE}keys.encryption.Fernet.encrypt"),
    (_import_by_command, f"{PACKAGE}models.SigningKey.save"),
]


class _Reporter(AdminEmailHandler):
    """Make of each record what operators are sent, by mail and otherwise."""

    def __init__(self) -> None:
        super().__init__(include_html=True)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(logging.Formatter().format(record))
        if record.exc_info:
            request = getattr(record, "request", None)
            self.seen += _reports(request, *record.exc_info)
        super().emit(record)

    def send_mail(self, *parts: object, **more: object) -> None:
        self.seen.append(f"{parts} {more}")


def _reports(request: object, *exc_info: object) -> list[str]:
    reporter = ExceptionReporter(request, *exc_info)
    return [reporter.get_traceback_html(), reporter.get_traceback_text()]


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Collect what the loggers of Django's requests and of the app report."""
    reporter = _Reporter()
    loggers = [logging.getLogger(name) for name in ("django", PACKAGE.rstrip("."))]
    for logger in loggers:
        logger.addHandler(reporter)
    try:
        yield reporter.seen
    finally:
        for logger in loggers:
            logger.removeHandler(reporter)


def reports(world: World, flow: Callable, place: str, *, debug: bool) -> Iterator[str]:
    """Let a flow run into a fault, and yield everything that is said about it."""
    world.client.raise_request_exception = False
    world.user_client.raise_request_exception = False
    if flow in (_issue, _activate, _retire):
        world.import_key()
    with override_settings(DEBUG=debug), _listening() as seen, _planted_at(place):
        yield from flow(world)
    yield from seen
