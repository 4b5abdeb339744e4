"""As much of DER as it takes to tell what a passphrase costs before it is tried."""

from __future__ import annotations

INTEGER, SEQUENCE = 0x02, 0x30


class NotDER(ValueError):
    """The bytes are not DER, or end before they should."""


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """
    Return tag and content of each element; those inside are not looked at.

    :raises NotDER: if one is none, or ends before it should.
    """
    found, at = [], 0
    while at < len(data):
        tag = data[at]
        start, length = _length(data, at + 1)
        at = start + length
        if at > len(data):
            raise NotDER
        found.append((tag, data[start:at]))
    return found


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content begins and how long it is."""
    first = data[at : at + 1]
    if not first:
        raise NotDER
    if first[0] < 0x80:
        return at + 1, first[0]
    octets = first[0] - 0x80
    if not 1 <= octets <= 3 or len(data) <= at + octets:
        raise NotDER
    return at + 1 + octets, int.from_bytes(data[at + 1 : at + 1 + octets], "big")


def sequence(data: bytes) -> list[tuple[int, bytes]]:
    """
    Return the elements of the one sequence that the bytes are.

    :raises NotDER: if they are anything else.
    """
    found = elements(data)
    if [tag for tag, _ in found] != [SEQUENCE]:
        raise NotDER
    return elements(found[0][1])


def integer(content: bytes) -> int:
    """Return the value of an INTEGER."""
    return int.from_bytes(content, "big", signed=True)
