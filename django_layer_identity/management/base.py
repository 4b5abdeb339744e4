"""What the commands share: arguments, files, and errors that people can read."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, router

from django_layer_identity.exceptions import LayerIdentityError, Refusal
from django_layer_identity.keys.reading import MAX_LENGTH
from django_layer_identity.models import LayerApp, SigningKey

#: Arguments of more than one command.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "--app": {
        "metavar": "APP",
        "help": "app ID in any form; may be left out where there is only one Layer app",
    },
    "--key-id": {"help": "the ID that Layer's dashboard shows for it, if known yet"},
    "--activate": {"action": "store_true", "help": "sign with it at once"},
    "--json": {"action": "store_true", "help": "for scripts"},
    "key": {
        "metavar": "KEY",
        "help": "key ID, or the first 8 or more digits of a fingerprint",
    },
    "user": {"metavar": "USER", "help": "the natural key: a username"},
}
MAX_FILE_NAME = 255  # characters; NAME_MAX of Linux


class LayerCommand(BaseCommand):
    """
    A command that parses, calls one function and prints.

    Subclasses name those of :data:`ARGUMENTS` that they take, and write ``run``.
    Standard output is the result alone, so that it can be piped, and remarks go to
    standard error. What is raised as ``LayerIdentityError`` is shown as an error.
    """

    arguments: tuple[str, ...] = ()
    run: Callable[..., None]

    def add_arguments(self, parser: CommandParser) -> None:
        for name in self.arguments:
            parser.add_argument(name, **ARGUMENTS[name])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(**options)
        except Refusal as exc:
            # Clients are not told the reason; whoever sits at the terminal is.
            reason = f" Reason: {exc.__cause__}" if exc.__cause__ else ""
            raise CommandError(f"{exc}{reason}") from exc
        except LayerIdentityError as exc:
            raise CommandError(str(exc)) from exc
        except ValidationError as exc:
            raise CommandError(_by_field(exc)) from exc
        except (InterfaceError, OperationalError) as exc:
            raise CommandError(
                "The database is busy or cannot be reached, and what was under way was "
                f"not done. Run it again. Reason: {exc}"
            ) from exc

    def remark(self, text: str) -> None:
        """Tell the person at the terminal something that is not the result."""
        self.stderr.write(text, style_func=str)


class KeyCommand(LayerCommand):
    """
    A command that changes one key and prints its new state.

    Subclasses write ``change``; options that they add are passed to it by name.
    """

    arguments = ("--app", "key")
    change: Callable[..., None]
    consequence = ""  # for standard error, once it is done

    def run(self, *, key: str, app: str | None, **options: Any) -> None:
        layer_app = None if app is None else LayerApp.objects.get_by_app_id(app)
        keys = SigningKey.objects.db_manager(router.db_for_write(SigningKey))
        signing_key = keys.get_by_id_or_fingerprint(key, layer_app)
        self.change(signing_key, **options)
        self.stdout.write(signing_key.state.value)
        if self.consequence:
            self.remark(self.consequence)


def _by_field(exc: ValidationError) -> str:
    return " ".join(
        f"{name}: {message}"
        for name, messages in exc.message_dict.items()
        for message in messages
    )


def read_secret_file(name: str, *, called: str | None = None) -> bytes | str:
    """
    Return what is in a file, or in standard input where the name is ``-``.

    It is read as far as a private key can reach, and no further.

    :param called: what it is in a message, where its name may not be repeated.
    :raises CommandError: if it cannot be read.
    """
    with _open(name, called or _called(name)) as file:
        content: bytes | str = file.read(MAX_LENGTH + 1)
    return content


@contextmanager
def open_text(name: str) -> Iterator[TextIO]:
    """
    Open a text file, or standard input where the name is ``-``: UTF-8, with or without
    a byte order mark, whatever the locale.

    :raises CommandError: if it cannot be read, at the beginning or later.
    """
    try:
        with _open(name, _called(name)) as file:
            if file is sys.stdin:
                yield file
                return
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            try:
                yield text
            finally:
                text.detach()  # whoever opened the file closes it
    except UnicodeDecodeError as exc:
        raise CommandError(f"{name} is not a text file.") from exc


@contextmanager
def _open(name: str, called: str) -> Iterator[IO[Any]]:
    """Open a file of bytes; standard input is text where a program put text there."""
    try:
        if name == "-":
            yield getattr(sys.stdin, "buffer", sys.stdin)
        else:
            with open(name, "rb") as file:
                yield file
    except OSError as exc:
        raise CommandError(f"{called} cannot be read: {exc.strerror}.") from None


def _called(name: str) -> str:
    """Return how to call a file, which is not by what is its content by mistake."""
    is_content = len(name) > MAX_FILE_NAME or "-----BEGIN" in name
    return "FILE" if is_content or name.splitlines() != [name] else name


def new_key_as_json(key: SigningKey) -> str:
    """Return what a script goes on with when there is a new key."""
    facts = {
        "fingerprint": key.fingerprint,
        "state": key.state.value,
        "key_id": str(key.identifier) if key.identifier else None,
        "public_key": key.public_key,
    }
    return json.dumps(facts, indent=2)
