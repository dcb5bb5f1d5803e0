"""The text of `up/records` bodies. Pure.

Exact record texts out of one, and one made of exact record texts.
"""

import zlib
from collections.abc import Iterable

import msgspec


class _Recs(msgspec.Struct):
    recs: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(_Recs)


def split(body: bytes) -> list[bytes]:
    """The JSON texts of a body's records, byte for byte, in their order. Raises msgspec.DecodeError."""
    return [bytes(part) for part in _DECODER.decode(body).recs]


class Texts:
    """The record texts of a body by their place in it.

    Cut out when first asked for: most bodies never are.
    """

    __slots__ = ("_body", "_texts")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._texts: list[bytes] | None = None

    def __getitem__(self, place: int) -> bytes:
        if self._texts is None:
            self._texts = split(self._body)
        return self._texts[place]


def compose(log: str, first: int, sent_ms: int, records: Iterable[bytes]) -> bytes:
    """A body that carries the given record texts unchanged."""
    return b'{"v":1,"log":"%b","first":%d,"sent":%d,"recs":[%b]}' % (
        log.encode(),
        first,
        sent_ms,
        b",".join(records),
    )


def checksum(first: int, body: bytes, notes: bytes | None) -> int:
    """CRC-32 (zlib's) of a row's body and notes, begun with its first number."""
    crc = zlib.crc32(body, first)
    return zlib.crc32(notes, crc) if notes else crc
