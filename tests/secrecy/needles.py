"""Find a planted secret in a text, as plain text or decoded."""

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

RUN = 24  # characters of base64, the promised limit; they encode 18 bytes
BYTES = 18

_RUN_OF_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}")
_ESCAPE = re.compile(r"\\(?:x|u00)([0-9a-fA-F]{2})|\\([nrt'\"\\])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_NOISE = re.compile(r"(?:\\+[nrt]|[\s:'\"])+")


def _windows(whole: str, size: int) -> set[str]:
    return {whole[at : at + size] for at in range(len(whole) - size + 1)}


@dataclass(frozen=True)
class Needle:
    """All runs of a secret in one form; ``halves`` finds candidates quickly."""

    form: str
    runs: frozenset[str]
    halves: frozenset[str]
    size: int

    @classmethod
    def of(cls, form: str, size: int, secrets: list[str], public: list[str]) -> Needle:
        """Exclude what the public key contains too, above all the modulus."""
        runs = set().union(*(_windows(text, size) for text in secrets))
        known = set().union(*(_windows(text, size) for text in public))
        runs -= known
        halves = {half for run in runs for half in (_windows(run, size // 2))}
        return cls(form, frozenset(runs), frozenset(halves), size)

    def is_in(self, seen: str) -> bool:
        """Return whether a run is in the text. Every run contains one of the blocks."""
        half = self.size // 2
        return any(
            seen[start : start + self.size] in self.runs
            for at in range(0, len(seen) - half + 1, half)
            if seen[at : at + half] in self.halves
            for start in range(max(0, at - half), at + 1)
        )


class Planted:
    """A private key and other secret texts to search for."""

    def __init__(self, key: RSAPrivateKey, **texts: str) -> None:
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self._bytes = [Needle.of("bytes", BYTES, [_latin(der)], [_latin(public)])]
        self._texts = [
            # PKCS#8 contains PKCS#1, and base64 has three alignments.
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
        """Return the forms in which a secret was found; empty means no leak."""
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
    """Undo the escapes of ``repr`` and JSON, such as ``\\x30``."""
    return _ESCAPE.sub(
        lambda found: (
            chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2])
        ),
        text,
    )


def _compact(text: str) -> str:
    """Undo the escapes of HTML, URLs and base64url, and remove separators."""
    text = unquote(html.unescape(text)).replace("-", "+").replace("_", "/")
    return _NOISE.sub("", text)
