"""MQTT 3.1.1 packets (OASIS), as far as a device needs them: QoS 1 out, QoS 0 and 1 in. Pure.

Written for speed, and used by the load generator alone: the firmware has its own session, the gateway
another one.
"""

import struct
from collections.abc import Iterable, Iterator

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
PINGREQ_PACKET = b"\xc0\x00"
DISCONNECT_PACKET = b"\xe0\x00"


class WireError(ValueError):
    """Bytes that are no MQTT packet."""


def remaining_length(size: int) -> bytes:
    """2.2.3: seven bits a byte, the lowest first."""
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def connect(client: str, keepalive_s: int, username: str | None, password: str | None) -> bytes:
    """3.1, clean session."""
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", keepalive_s) + _text(client)
    body += b"".join(_text(value) for value in (username, password) if value is not None)
    return b"\x10" + remaining_length(len(body)) + body


def subscribe(packet: int, filters: Iterable[str]) -> bytes:
    """3.8, QoS 1 for all."""
    body = struct.pack(">H", packet) + b"".join(_text(one) + b"\x01" for one in filters)
    return b"\x82" + remaining_length(len(body)) + body


def publish(topic: bytes, payload: bytes, packet: int, *, retain: bool = False) -> bytes:
    """3.3, QoS 1. `topic`: as `topic_field` made it."""
    size = len(topic) + 2 + len(payload)
    head = b"\x33" if retain else b"\x32"
    return b"%b%b%b%b%b" % (head, remaining_length(size), topic, packet.to_bytes(2, "big"), payload)


def topic_field(topic: str) -> bytes:
    """A topic with its length before it."""
    return _text(topic)


def puback(packet: int) -> bytes:
    """3.4."""
    return b"\x40\x02" + packet.to_bytes(2, "big")


class Packets:
    """Bytes as they come, packets as they are whole: (type, flags, body)."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Whole packets in `data` and what was left before. Raises WireError."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= 2:
            size, shift, body = data[at + 1], 7, at + 2
            if size & 0x80:
                size &= 0x7F
                while body < end and shift <= 21:
                    byte = data[body]
                    body += 1
                    size |= (byte & 0x7F) << shift
                    shift += 7
                    if not byte & 0x80:
                        break
                else:
                    if shift > 21:
                        raise WireError("a remaining length of more than four bytes (MQTT 3.1.1, 2.2.3)")
                    break
            if body + size > end:
                break
            yield data[at] >> 4, data[at] & 15, data[body : body + size]
            at = body + size
        self._rest = data[at:]


def read_publish(flags: int, body: bytes) -> tuple[bytes, int | None, bytes]:
    """Topic, packet id (None at QoS 0) and payload of a PUBLISH's body. Raises WireError."""
    if len(body) < 2:
        raise WireError("PUBLISH without a topic")
    at = 2 + int.from_bytes(body[:2], "big")
    if not flags & 6:
        return body[2:at], None, body[at:]
    if len(body) < at + 2:
        raise WireError("PUBLISH without a packet id")
    return body[2:at], int.from_bytes(body[at : at + 2], "big"), body[at + 2 :]
