"""Find a planted secret in whatever was seen, in the clear or decoded."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

RUN = 24  # characters of base64, as the promise has it; they hold 18 bytes
BYTES = 18

_RUN_OF_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}")
_ESCAPE = re.compile(r"\\(?:x|u00)([0-9a-fA-F]{2})|\\([nrt'\"\\])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_NOISE = re.compile(r"(?:\\+[nrt]|[\s:'\"])+")


def _windows(whole: str, size: int) -> set[str]:
    return {whole[at : at + size] for at in range(len(whole) - size + 1)}


@dataclass(frozen=True)
class Needle:
    """Every run of a secret in one form; ``half`` finds candidates quickly."""

    form: str
    runs: frozenset[str]
    halves: frozenset[str]
    size: int

    @classmethod
    def of(cls, form: str, size: int, secrets: list[str], public: list[str]) -> Needle:
        """What the public half holds too, the modulus above all, is no secret."""
        runs = set().union(*(_windows(text, size) for text in secrets))
        known = set().union(*(_windows(text, size) for text in public))
        runs -= known
        halves = {half for run in runs for half in (_windows(run, size // 2))}
        return cls(form, frozenset(runs), frozenset(halves), size)

    def is_in(self, seen: str) -> bool:
        """Any run holds one of the blocks that lie side by side in what was seen."""
        half = self.size // 2
        return any(
            seen[start : start + self.size] in self.runs
            for at in range(0, len(seen) - half + 1, half)
            if seen[at : at + half] in self.halves
            for start in range(max(0, at - half), at + 1)
        )


class Planted:
    """A private key, and texts that are as secret, to be looked for everywhere."""

    def __init__(self, key: RSAPrivateKey, **texts: str) -> None:
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self._bytes = [Needle.of("bytes", BYTES, [_latin(der)], [_latin(public)])]
        self._texts = [
            # PKCS#8 holds PKCS#1, and base64 has three ways of cutting it up.
            Needle.of("base64", RUN, _base64s(der), _base64s(public)),
            Needle.of("hex", 2 * BYTES, [der.hex()], [public.hex()]),
            *(Needle.of(form, RUN, [text], []) for form, text in texts.items()),
        ]
        self._add_numbers(key)

    def _add_numbers(self, key: RSAPrivateKey) -> None:
        numbers = key.private_numbers()
        names = ("d", "p", "q", "dmp1", "dmq1", "iqmp")
        secret = [getattr(numbers, name) for name in names]
        little = [_latin(number.to_bytes(512, "little")) for number in secret]
        zeros = ["\0" * 512]
        self._bytes.append(Needle.of("little-endian", BYTES, little, zeros))
        self._texts.append(Needle.of("decimal", RUN, [str(n) for n in secret], []))

    def found_in(self, seen: str | bytes) -> list[str]:
        """Name the forms in which it was seen; an empty list is good news."""
        text = seen if isinstance(seen, str) else _latin(seen)
        found = {needle.form for needle in self._in_readings(text)}
        decoded = {f"{needle.form}, encoded" for needle in self._in_base64(text)}
        return sorted(found | decoded)

    def _in_readings(self, text: str) -> list[Needle]:
        needles = [*self._bytes, *self._texts]
        return [
            needle
            for reading in {text, _unescaped(text), _compact(text)}
            for needle in needles
            if needle.is_in(reading) or needle.is_in(reading.lower())
        ]

    def _in_base64(self, text: str) -> list[Needle]:
        decoded = " ".join(
            _latin(base64.b64decode(run[at : _whole(run, at)]))
            for run in _RUN_OF_BASE64.findall(_compact(text))
            for at in range(4)
        )
        return [n for n in (*self._bytes, *self._texts) if n.is_in(decoded)]


def _whole(run: str, start: int) -> int:
    return start + (len(run) - start) // 4 * 4


def _base64s(der: bytes) -> list[str]:
    return [base64.b64encode(der[at:]).decode().rstrip("=") for at in range(3)]


def _latin(data: bytes) -> str:
    return data.decode("latin-1")


def _unescaped(text: str) -> str:
    """Undo ``repr`` and JSON: ``\\x30`` is a byte again."""
    return _ESCAPE.sub(
        lambda found: (
            chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2])
        ),
        text,
    )


def _compact(text: str) -> str:
    """Undo HTML, URLs and base64url; take out what only wraps and divides."""
    text = unquote(html.unescape(text)).replace("-", "+").replace("_", "/")
    return _NOISE.sub("", text)
