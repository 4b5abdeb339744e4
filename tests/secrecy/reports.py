"""Plant faults in many places, and collect Django's error reports."""

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

from tests import internals
from tests.conftest import KEY_ID
from tests.internals import clear_loaded_keys
from tests.secrecy.world import World

PLANTED_FAULT = "a planted fault"


class PlantedFault(Exception):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(PLANTED_FAULT)


def fail(*args: object, **kwargs: object) -> None:
    raise PlantedFault


def import_key(world: World) -> Iterator[str]:
    yield world.post_key(key_id=str(KEY_ID)).content.decode()


def import_again(world: World) -> Iterator[str]:
    """Import a stored key, whose private key is decrypted once to find out."""
    yield world.post_key(key_id=str(KEY_ID)).content.decode()


def import_with_passphrase(world: World) -> Iterator[str]:
    yield world.post_encrypted_key().content.decode()


def upload(world: World) -> Iterator[str]:
    yield world.upload_key().content.decode()


def search_for_a_key(world: World) -> Iterator[str]:
    for name in ("layer_identity/signingkey", "layer_identity_audit/auditentry"):
        answer = world.client.get(f"/admin/{name}/", {"q": world.pem()})
        yield answer.content.decode()


def issue(world: World) -> Iterator[str]:
    clear_loaded_keys()
    yield world.issue().content.decode()


def activate(world: World) -> Iterator[str]:
    clear_loaded_keys()
    yield world.run_action("activate").content.decode()


def retire(world: World) -> Iterator[str]:
    yield world.run_action("retire", post="yes").content.decode()


def import_by_command(world: World) -> Iterator[str]:
    file = str(world.file("key.pem", world.pem()))
    out, err = StringIO(), StringIO()
    try:
        call_command("layer_key_import", file, stdout=out, stderr=err)
    except (PlantedFault, CommandError):
        yield from _reports(None, *sys.exc_info())
    yield out.getvalue() + err.getvalue()


class _Broken:
    """A replacement for a module in which one function fails."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self._module, self._name = module, name

    def __getattr__(self, name: str) -> object:
        return fail if name == self._name else getattr(self._module, name)


def _planted_at(place: str) -> AbstractContextManager:
    place, _, name = place.partition(":")
    return patch(place, _Broken(import_string(place), name) if name else fail)


FLOWS: list[Callable] = [
    import_key,
    import_again,
    import_with_passphrase,
    upload,
    issue,
    activate,
    retire,
    import_by_command,
]

#: Places before the page's own code, where the admin authenticates the user.
BEFORE_THE_PAGE = (
    "django.contrib.sessions.backends.db.SessionStore.load",
    "django.contrib.auth.get_user",
    "django.contrib.admin.sites.AdminSite.has_permission",
)

#: Each flow, with a place where a fault is planted in it.
FAULTS: list[tuple[Callable, str]] = [
    *(
        (flow, place)
        for flow in FLOWS
        for place in internals.FAULT_PLACES[flow.__name__]
    ),
    (import_key, "django.forms.models.ModelForm.__init__"),
    (import_key, "django.db.models.sql.compiler.SQLInsertCompiler.execute_sql"),
    (import_key, "django.contrib.admin.options.ModelAdmin.construct_change_message"),
    (import_key, "django.contrib.admin.options.ModelAdmin.get_formsets_with_inlines"),
    (search_for_a_key, "django.contrib.messages.api.add_message"),
    (search_for_a_key, "django.contrib.messages.storage.base.BaseStorage.update"),
    *((import_key, place) for place in BEFORE_THE_PAGE),
    *((import_with_passphrase, place) for place in BEFORE_THE_PAGE),
]


class _Reporter(AdminEmailHandler):
    """Turn each log record into the reports that operators receive."""

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
    """Collect the reports of the loggers of Django and of the package."""
    reporter = _Reporter()
    loggers = [logging.getLogger(name) for name in ("django", "django_layer_identity")]
    for logger in loggers:
        logger.addHandler(reporter)
    try:
        yield reporter.seen
    finally:
        for logger in loggers:
            logger.removeHandler(reporter)


def reports(world: World, flow: Callable, place: str, *, debug: bool) -> Iterator[str]:
    """Run a flow with a planted fault, and yield all output and reports about it."""
    world.client.raise_request_exception = False
    world.user_client.raise_request_exception = False
    if flow in (issue, activate, retire, import_again):
        world.import_key()
    with override_settings(DEBUG=debug), _listening() as seen, _planted_at(place):
        yield from flow(world)
    yield from seen
