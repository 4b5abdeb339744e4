"""What the commands share: arguments, and errors that people can read."""

from __future__ import annotations

import io
import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO, cast

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from django_layer_identity.exceptions import LayerIdentityError, Refusal
from django_layer_identity.keys.reading import MAX_LENGTH
from django_layer_identity.models import LayerApp, SigningKey


class LayerCommand(BaseCommand):
    """
    A command that parses, calls one function and prints.

    Subclasses write ``run``; standard output is its result alone, so that it can be
    piped, and remarks go to standard error. What is raised as ``LayerIdentityError``
    is shown as an error.
    """

    run: Callable[..., None]

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

    change: Callable[..., None]
    consequence = ""  # for standard error, once it is done

    def add_arguments(self, parser: CommandParser) -> None:
        add_app_argument(parser)
        parser.add_argument(
            "key",
            metavar="KEY",
            help="key ID, or the first 8 or more digits of a fingerprint",
        )

    def run(self, *, key: str, app: str | None, **options: Any) -> None:
        layer_app = None if app is None else LayerApp.objects.named(app)
        signing_key = SigningKey.objects.named(key, layer_app)
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


def add_app_argument(parser: CommandParser | ArgumentParser) -> None:
    """Let a command take ``--app``."""
    parser.add_argument(
        "--app",
        metavar="APP",
        help="app ID in any form; may be left out where there is only one Layer app",
    )


MAX_FILE_NAME = 255  # characters; NAME_MAX of Linux


def read_secret_file(name: str, *, called: str | None = None) -> bytes | str:
    """
    Return what is in a file, or in standard input where the name is ``-``.

    It is read as far as a private key can reach, and no further.

    :param called: what it is in a message, where its name may not be repeated.
    :raises CommandError: if it cannot be read.
    """
    try:
        if name == "-":
            stream: IO[Any] = getattr(sys.stdin, "buffer", sys.stdin)
            return cast("bytes | str", stream.read(MAX_LENGTH + 1))
        with open(name, "rb") as file:
            return file.read(MAX_LENGTH + 1)
    except OSError as exc:
        called = called or _called(name)
        raise CommandError(f"{called} cannot be read: {exc.strerror}.") from None


def _called(name: str) -> str:
    """Return how to call a file, which is not by what is its content by mistake."""
    is_content = len(name) > MAX_FILE_NAME or "-----BEGIN" in name
    return "FILE" if is_content or name.splitlines() != [name] else name


@contextmanager
def open_text(name: str) -> Iterator[TextIO]:
    """
    Open a text file, or standard input where the name is ``-``: UTF-8, with or without
    a byte order mark, whatever the locale.

    :raises CommandError: if it cannot be read, at the beginning or later.
    """
    try:
        if name == "-":
            with _standard_input() as text:
                yield text
        else:
            with open(name, encoding="utf-8-sig", newline="") as file:
                yield file
    except UnicodeDecodeError as exc:
        raise CommandError(f"{name} is not a text file.") from exc
    except OSError as exc:
        raise CommandError(f"{_called(name)} cannot be read: {exc.strerror}.") from None


@contextmanager
def _standard_input() -> Iterator[TextIO]:
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:  # text already, such as a program puts in its place
        yield sys.stdin
        return
    text = io.TextIOWrapper(buffer, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        text.detach()  # which leaves the buffer open: it is not ours


def new_key_as_json(key: SigningKey) -> str:
    """Return what a script goes on with when there is a new key."""
    facts = {
        "fingerprint": key.fingerprint,
        "state": key.state.value,
        "key_id": str(key.identifier) if key.identifier else None,
        "public_key": key.public_key,
    }
    return json.dumps(facts, indent=2)
