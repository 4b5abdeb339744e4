"""Shared code of the commands: arguments, files and readable errors."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, Any, TextIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, ProgrammingError, router

from django_layer_identity.exceptions import LayerIdentityError, Refusal
from django_layer_identity.keys.reading import MAX_LENGTH
from django_layer_identity.management.parsing import LayerParser, clean_options
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.reporting import explains_itself

#: Arguments that several commands take.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "--app": {
        "metavar": "APP",
        "help": "app ID in any form; optional if there is only one Layer app",
    },
    "--key-id": {
        "help": "a UUID that you make up, or the one from Layer's dashboard; "
        "layer_key_set_id sets it later"
    },
    "--activate": {"action": "store_true", "help": "sign with this key from now on"},
    "--no-input": {
        "action": "store_false",
        "dest": "interactive",
        "help": "do not ask for confirmation; without a terminal, the command never asks",
    },
    "--json": {"action": "store_true", "help": "print JSON, for scripts"},
    "key": {
        "metavar": "KEY",
        "help": "key ID, or the first 8 or more digits of a fingerprint",
    },
    "user": {"metavar": "USER", "help": "the user's natural key, such as a username"},
}
ALIASES = {"--no-input": ("--noinput",)}  # Django's commands have both
MAX_FILE_NAME = 255  # characters; NAME_MAX of Linux


class LayerCommand(BaseCommand):
    """
    A command that parses its arguments, calls one function and prints the result.

    Subclasses list the names from :data:`ARGUMENTS` that they take, and define ``run``.
    Standard output contains only the result, so that it can be piped. Remarks go to
    standard error. A ``LayerIdentityError`` becomes a ``CommandError``.
    """

    arguments: tuple[str, ...] = ()
    run: Callable[..., None]

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(*args, **kwargs)
        parser.__class__ = LayerParser  # Django has no hook for the class
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        for name in self.arguments:
            names = (name, *ALIASES.get(name, ()))
            parser.add_argument(*names, **ARGUMENTS[name])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(**clean_options(options))
        except Refusal as exc:
            # Clients do not get the reason, but the operator does.
            reason = f" Reason: {_sentence(exc.__cause__)}" if exc.__cause__ else ""
            needs_advice = exc.needs_operator or (
                exc.is_server_error and not explains_itself(exc.__cause__)
            )
            advice = f" {exc.advice}" if needs_advice else ""
            raise CommandError(f"{exc}{reason}{advice}") from exc
        except LayerIdentityError as exc:
            raise CommandError(str(exc)) from exc
        except ValidationError as exc:
            raise CommandError(_by_field(exc)) from exc
        except (InterfaceError, OperationalError, ProgrammingError) as exc:
            raise CommandError(
                "The database failed, so the command did not finish. If a table or a "
                "column is missing, run “manage.py migrate”. If the database was busy or "
                f"unavailable, run the command again. Reason: {exc}"
            ) from exc

    def remark(self, text: str) -> None:
        """Write a remark to standard error."""
        self.stderr.write(text, style_func=str)


class Found(CommandError):
    """The command worked, and found what it looks for: exit status 1."""


class FindingCommand(LayerCommand):
    """
    A command that looks for problems.

    The exit status is 0 if it finds none, 1 if it finds some and raises :exc:`Found`,
    and 2 if it fails, so that scripts can tell the two apart.

    The system checks do not run first: they would hide what the command finds.
    """

    requires_system_checks: Any = []

    def print_json(self, findings: Iterable[Any]) -> None:
        """Print one JSON list of the findings, which are dataclasses."""
        content = [asdict(finding) for finding in findings]
        self.stdout.write(json.dumps(content, indent=2))

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Found:
            raise
        except CommandError as exc:
            exc.returncode = 2
            raise
        except BrokenPipeError as exc:
            # Python flushes standard output at exit, which would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError(
                "Standard output was closed before the end.", returncode=2
            ) from exc
        except Exception as exc:
            raise CommandError(
                # The message of a foreign exception may contain secrets.
                f"The command failed: {type(exc).__name__}. Add --traceback to see the "
                "details.",
                returncode=2,
            ) from exc


class KeyCommand(LayerCommand):
    """
    A command that changes one key and prints its new state.

    Subclasses define ``change``. It gets the key, and the options as keyword arguments.
    If it takes something away, it calls ``confirm`` first.
    """

    arguments: tuple[str, ...] = ("--app", "key")
    change: Callable[..., None]
    consequence = ""  # written to standard error after the change

    def run(self, *, key: str, app: str | None, **options: Any) -> None:
        layer_app = None if app is None else LayerApp.objects.get_by_app_id(app)
        keys = SigningKey.objects.db_manager(router.db_for_write(SigningKey))
        signing_key = keys.get_by_id_or_fingerprint(key, layer_app)
        self.change(signing_key, **options)
        self.stdout.write(signing_key.state.value)
        if self.consequence:
            self.remark(self.consequence)

    def confirm(self, warning: str, *, interactive: bool) -> None:
        """
        Write the warning to standard error. On a terminal, ask whether to continue.

        :raises CommandError: if the answer is not yes.
        """
        self.remark(warning)
        if not (interactive and sys.stdin and sys.stdin.isatty()):
            return
        # input() would write the question to standard output, which may be a pipe.
        self.stderr.write("Type 'yes' to continue, or 'no' to cancel: ", str, "")
        self.stderr.flush()
        try:
            answer = input()
        except EOFError:
            answer = ""
        if answer.strip().lower() != "yes":
            raise CommandError("Cancelled: nothing was changed.")


def what_is_next(key: SigningKey) -> str:
    """Say the state of a new key, and how it becomes the active one."""
    digits = key.fingerprint[:8]
    if key.state == key.State.DRAFT:
        return (
            "The key is draft, so it signs nothing yet. Next: layer_key_set_id "
            f"{digits} UUID, then layer_key_activate {digits}."
        )
    if key.state == key.State.READY:
        return (
            "The key is ready, but it signs nothing yet. Next: layer_key_activate "
            f"{digits}."
        )
    return f"The key is {key.state.label}."


def what_stops(key: SigningKey) -> str:
    """Say what the users of a key's app get when the key does not sign any more."""
    app = LayerApp.objects.using(key.database).get(pk=key.app_id)
    keys = SigningKey.objects.using(key.database)
    active = keys.filter(active_for=key.app_id).first()
    if not app.enabled:
        return f"{app} is disabled: its users get no tokens."
    if active == key:
        return f"{app}'s users get no tokens until you activate another key."
    if active is None:
        return f"{app} has no active key: its users get no tokens."
    if active.lacks_encryption_key:
        return f"{app}'s active key, {active}, cannot be decrypted: its users get no tokens."
    return f"{app} still has its active key, {active}."


def _sentence(exc: BaseException) -> str:
    text = str(exc)
    return text if text.endswith(".") else f"{text}."


def _by_field(exc: ValidationError) -> str:
    return " ".join(
        f"{name}: {message}"
        for name, messages in exc.message_dict.items()
        for message in messages
    )


def read_secret_file(name: str, *, label: str | None = None) -> bytes | str:
    """
    Return the content of a file, or of standard input if the name is ``-``.

    Read at most one byte more than the largest private key.

    :param label: the name in error messages, if they must not repeat the file name.
    :raises CommandError: if the file cannot be read.
    """
    with _open(name, label or _label(name)) as file:
        content: bytes | str = file.read(MAX_LENGTH + 1)
    return content


@contextmanager
def open_text(name: str) -> Iterator[TextIO]:
    """
    Open a text file, or standard input if the name is ``-``.

    The encoding is UTF-8, with or without a byte order mark. The locale does not matter.

    :raises CommandError: if the file cannot be opened or, later, cannot be read.
    """
    try:
        with _open(name, _label(name)) as file:
            if file is sys.stdin:
                yield file
                return
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            try:
                yield text
            finally:
                text.detach()  # so that closing is left to _open()
    except UnicodeDecodeError as exc:
        raise CommandError(
            f"{_label(name)} is not text in UTF-8. Save it as UTF-8; spreadsheets call "
            "this “CSV UTF-8”."
        ) from exc


@contextmanager
def _open(name: str, label: str) -> Iterator[IO[Any]]:
    """Open a file in binary mode. Standard input may be a text stream without bytes."""
    try:
        if name == "-":
            yield getattr(sys.stdin, "buffer", sys.stdin)
        else:
            with open(name, "rb") as file:
                yield file
    except OSError as exc:
        raise CommandError(f"{label} cannot be read: {exc.strerror}.") from None


def _label(name: str) -> str:
    """Return the file name for messages. Never repeat content given as a name."""
    if name == "-":
        return "Standard input"
    is_content = len(name) > MAX_FILE_NAME or "-----BEGIN" in name
    return "FILE" if is_content or name.splitlines() != [name] else name


def new_key_as_json(key: SigningKey) -> str:
    """Return the facts about a new key that scripts need."""
    facts = {
        "fingerprint": key.fingerprint,
        "state": key.state.value,
        "key_id": str(key.identifier) if key.identifier else None,
        "public_key": key.public_key,
    }
    return json.dumps(facts, indent=2)
