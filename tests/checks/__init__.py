from __future__ import annotations

import re

from django.core import checks

from tests.pages import page

#: Settings without a warning from ``check --deploy``, in any project.
HARMLESS = {
    "KEY_ENCRYPTION_KEYS": ["x" * 32],
    "NONCE_GUARD": "database",
    "AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "THROTTLE_RATES": {"user": None, "failures": None},
}

PAGE = page("checks")
_ROW = re.compile(
    r"^   \* - ``layer_identity\.(\w+)``.*\n"
    r"     - (.+\n(?:(?: {7}.+)?\n)*?)"
    r"     - (.+\n(?:(?: {7}.+)?\n)*)",
    re.MULTILINE,
)


def documented_checks():
    """Return the ID, messages and hints of each row of the page on checks."""
    return [
        (id, _paragraphs(messages), _paragraphs(hints))
        for id, messages, hints in _ROW.findall(PAGE.read_text())
    ]


def _paragraphs(cell):
    linked = re.sub(r":doc:`/\w+/([\w-]+)`", lambda match: _title(match[1]), cell)
    texts = (" ".join(text.split()) for text in linked.split("\n\n"))
    return [text.replace("``", "") for text in texts if text]


def _title(name):
    return page(name).read_text().splitlines()[0]


def _matches(text, documented):
    """Compare a text with documented ones, in which “…” stands for any text."""
    return any(
        re.fullmatch(re.escape(each).replace("…", ".+"), text) for each in documented
    )


def assert_documented(messages):
    rows = {id: texts for id, *texts in documented_checks()}
    for message in messages:
        known_messages, hints = rows[message.id.removeprefix("layer_identity.")]
        assert _matches(message.msg, known_messages), f"{PAGE} lacks {message.msg!r}."
        assert _matches(message.hint, hints), f"{PAGE} lacks {message.hint!r}."


def found(settings, **layer_identity):
    settings.LAYER_IDENTITY = layer_identity
    messages = checks.run_checks(tags=["layer_identity"])
    assert_documented(messages)
    return messages


def deployed(settings, **layer_identity):
    settings.LAYER_IDENTITY = {**HARMLESS, **layer_identity}
    messages = checks.run_checks(tags=["security"], include_deployment_checks=True)
    ours = [message for message in messages if "layer_identity" in message.id]
    assert_documented(ours)
    return ours
