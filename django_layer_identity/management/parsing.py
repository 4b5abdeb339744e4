"""Read the arguments of the commands, from a command line or ``call_command()``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_layer_identity.keys.reading import holds_key
from django_layer_identity.mapping.typed_ids import make_visible
from django_layer_identity.models import LayerApp

#: Options that name something. White space around them is a slip of the mouse.
IDENTIFIERS = frozenset({"app", "app_id", "key", "key_id", "provider_id", "user"})

KEY_ON_COMMAND_LINE = (
    "an argument contains a private key. Give the name of its file instead. Treat the "
    "key as disclosed: the shell's history and the list of processes may show it"
)
# What argparse takes for a value although it begins with a hyphen.
_VALUE = re.compile(r"-|-\d+|-\d*\.\d+|.*\s.*", re.DOTALL)


def clean_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the options with identifiers as stripped text and paths as text.

    ``call_command()`` passes Python values, such as a UUID, a ``LayerApp`` or a ``Path``,
    as they are. With ``exact``, keep the user's natural key as it is.
    """
    stripped = IDENTIFIERS - {"user"} if options.get("exact") else IDENTIFIERS
    return {name: _clean(value, name in stripped) for name, value in options.items()}


def _clean(value: Any, stripped: bool) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, LayerApp):
        return str(value.identifier)
    return str(value).strip() if stripped and value is not None else value


class LayerParser(CommandParser):
    """Explain values that begin with a hyphen, and never repeat a private key."""

    _given: list[str]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = list(args)
        for _previous, value in self._misread():
            if value.startswith("-h"):  # argparse would print the help, and succeed
                self.error(f"unrecognized arguments: {value}")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> Any:
        if holds_key("\n".join(self._given)):
            try:
                super().error(KEY_ON_COMMAND_LINE)
            except (CommandError, SystemExit) as exc:
                raise exc from None  # the errors before it repeat the argument
        for previous, value in self._misread():
            message += self._explain(previous, value)
            break
        super().error(message)

    def _misread(self) -> Iterator[tuple[str, str]]:
        """Yield the values that were read as options, and the argument before each."""
        previous = ""
        for value in self._given:
            if value == "--":
                return
            if value.startswith("-") and not self._is_expected(value):
                yield previous, value
            previous = value

    def _is_expected(self, value: str) -> bool:
        options = self._option_string_actions
        if _VALUE.fullmatch(value) or value in options:
            return True
        if not value.startswith("--"):
            return False
        name = value.partition("=")[0]  # argparse accepts abbreviations
        return any(option.startswith(name) for option in options)

    def _explain(self, previous: str, value: str) -> str:
        shown = make_visible(value)
        names = [str(action.metavar) for action in self._get_positional_actions()]
        action = self._option_string_actions.get(previous)
        if action and action.nargs is None:
            advice = f"Write “{previous}={shown}”"
        elif names:
            place = " ".join([self.prog.strip(), "[options]", "--", *names])
            advice = f"If it is not an option, put “--” before it: “{place}”"
        else:
            return ""
        return (
            f". “{shown}” begins with a hyphen, so it was read as an option. {advice}"
        )
