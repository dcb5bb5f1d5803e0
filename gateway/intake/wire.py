"""MQTT packets, as far as a client that receives at QoS 0 and 1 and publishes at QoS 1 needs them. Pure:
bytes in, packets out.

MQTT 3.1.1 and 5 (OASIS, 29 October 2014 and 7 March 2019); section numbers below are those of version 5. A
broker that breaks the protocol earns a WireError, and nothing else is ever raised: what a *publisher* chose
(topic, payload, length, properties) cannot cause one, or its message would end every connection that it is
sent on again. Memory is bounded by `KEEP_BYTES` and the size of one read, whatever lengths are claimed.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

KEEP_BYTES = (
    131_072  # of a packet; the rest is passed over. More than the longest topic and the contract's 16 KiB
)
MAX_PACKET = 1 << 20  # what we let a broker of version 5 send; nothing in the contract comes near
V311, V5 = 4, 5  # protocol levels (3.1.2.2)

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"  # DISCONNECT, normal: the session stays, the will is not sent

SESSION_EXPIRY, RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE = 0x11, 0x21, 0x27  # properties (2.2.2.2)
SERVER_KEEP_ALIVE, REASON_STRING = 0x13, 0x1F
_BYTES_OF = {0x01: 1, 0x02: 4, 0x11: 4, 0x13: 2, 0x17: 1, 0x19: 1, 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1}
_BYTES_OF |= {0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
_TEXTS = frozenset((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F))
_USER_PROPERTY = 0x26

Publish = tuple[bytes, int, bytes, int]
"""Topic, packet id (0: no acknowledgement is due), payload as far as it was kept, its true size in bytes."""


class WireError(Exception):
    """The broker sent what the protocol does not allow here; the connection is of no more use."""


class Control(NamedTuple):
    """A packet other than PUBLISH. Which fields say something depends on `type` (one of those above)."""

    type: int
    packet: int = 0
    codes: bytes = b""  # reason code, or one for each subscription
    session_present: bool = False
    properties: dict[int, int | bytes] = {}  # noqa: RUF012 (never altered)


class Reader:
    """Takes a stream of bytes apart. One per connection; of no more use once it has raised."""

    def __init__(self, level: int = V311, keep_payload: int = 16_384) -> None:
        self._v5 = level == V5
        self._keep_payload = keep_payload
        self._rest = bytearray()
        self._need = 2  # bytes without which nothing can be taken out of `_rest`
        self._skip = 0  # bytes still to pass over, of the packet that `_held` is
        self._held: Publish | None = None

    def feed(self, data: bytes) -> tuple[list[Publish], list[Control]]:
        """What is complete with this. Raises WireError."""
        publishes: list[Publish] = []
        controls: list[Control] = []
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            if self._skip:
                return publishes, controls
            data = data[passed:]
            if self._held is not None:
                publishes.append(self._held)
                self._held = None
        if self._rest or len(data) < self._need:
            self._rest += data
            if len(self._rest) < self._need:
                return publishes, controls
            data = bytes(self._rest)
            self._rest.clear()
        self._take_apart(data, publishes, controls)
        return publishes, controls

    def _take_apart(self, data: bytes, publishes: list[Publish], controls: list[Control]) -> None:
        at, end = 0, len(data)
        while True:
            if end - at < 2:
                break
            head, size, start = data[at], data[at + 1], at + 2
            if size & 0x80:
                found = _length(data, at + 1, end)
                if found is None:
                    break
                size, start = found
            stop = start + size
            if stop > end:
                if size <= KEEP_BYTES or end - start < KEEP_BYTES:
                    self._need = start - at + min(size, KEEP_BYTES)
                    self._rest += data[at:]
                    return
                self._held = self._publish(head, data, start, start + KEEP_BYTES, size)
                self._skip = stop - end
                self._need = 2
                return
            if head >> 4 == PUBLISH:
                publishes.append(self._publish(head, data, start, min(stop, start + KEEP_BYTES), size))
            else:
                controls.append(self._control(head, data[start:stop]))
            at = stop
        self._need = end - at + 1 if end > at else 2
        self._rest += data[at:]

    def _publish(self, head: int, data: bytes, start: int, stop: int, size: int) -> Publish:
        """A PUBLISH (3.3) whose body of `size` bytes is there from `start` to `stop`."""
        if head >> 4 != PUBLISH:
            raise WireError(f"packet of type {head >> 4} with {size} bytes")
        at = start + 2
        if stop < at:
            raise WireError("PUBLISH without a topic")
        topic_end = at + (data[start] << 8) + data[start + 1]
        topic = data[at:topic_end]
        at, packet, qos = topic_end, 0, head & 0x06
        if qos:
            if qos != 0x02:
                raise WireError(f"PUBLISH with QoS {qos >> 1}, where 1 was subscribed to")
            at += 2
            if at <= stop:
                packet = (data[at - 2] << 8) + data[at - 1]
                if not packet:
                    raise WireError("PUBLISH with packet id 0")
        if at > stop:
            raise WireError("PUBLISH that is shorter than its topic")
        end = start + size
        if self._v5:
            found = _length(data, at, stop)
            if found is None:
                raise WireError("PUBLISH without properties")
            at = found[1] + found[0]
            if at > end:
                raise WireError("PUBLISH that is shorter than its properties")
            if at > stop:  # properties alone are longer than what is kept: a publisher's freedom
                return topic, packet, b"", size
        return topic, packet, data[at : min(stop, at + self._keep_payload)], end - at

    def _control(self, head: int, body: bytes) -> Control:
        type_ = head >> 4
        if type_ == PUBACK and (len(body) == 2 or (self._v5 and len(body) > 2)):
            return Control(type_, body[0] << 8 | body[1], body[2:3] or b"\0")
        if type_ == PINGRESP and not body:
            return Control(type_)
        if type_ == CONNACK and len(body) >= 2:
            properties = _properties(body, 2) if self._v5 and len(body) > 2 else {}
            return Control(type_, 0, body[1:2], bool(body[0] & 1), properties)
        if type_ == SUBACK and len(body) >= 3:
            start = 2
            if self._v5:
                found = _length(body, 2, len(body))
                start = len(body) if found is None else found[1] + found[0]
            if body[start:]:
                return Control(type_, body[0] << 8 | body[1], body[start:])
        if type_ == DISCONNECT and self._v5:
            properties = _properties(body, 1) if len(body) > 1 else {}
            return Control(type_, 0, body[:1] or b"\0", properties=properties)
        raise WireError(f"packet of type {type_} with {len(body)} bytes")


def _length(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """A variable byte integer (1.5.5) and where it ends; None: it is not complete. Raises WireError."""
    value = 0
    for place in range(4):
        if at + place >= end:
            return None
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise WireError("a length of more than four bytes")


def _properties(body: bytes, at: int) -> dict[int, int | bytes]:
    """Properties (2.2.2) at `at`; of one that repeats, the last. Raises WireError."""
    found = _length(body, at, len(body))
    if found is None or found[1] + found[0] > len(body):
        raise WireError("properties that are not complete")
    size, at = found
    end = at + size
    properties: dict[int, int | bytes] = {}
    while at < end:
        name, at = body[at], at + 1
        if name == 0x0B:  # subscription identifier
            number = _length(body, at, end)
            if number is None:
                raise WireError("a property that is not complete")
            properties[name], at = number
            continue
        texts = 2 if name == _USER_PROPERTY else 1 if name in _TEXTS else 0
        if not texts and name not in _BYTES_OF:
            raise WireError(f"unknown property {name:#04x}")
        for _ in range(max(1, texts)):
            size = _BYTES_OF.get(name, 0) if not texts else 2 + int.from_bytes(body[at : at + 2], "big")
            value = body[at : at + size]
            at += size
            if at > end or len(value) < size:
                raise WireError("a property that is not complete")
            properties[name] = value[2:] if texts else int.from_bytes(value, "big")
    return properties


def connect(
    level: int,
    client_id: str,
    keepalive_s: int,
    username: str | None,
    password: str | None,
    expiry_s: int,
    receive_maximum: int,
) -> bytes:
    """CONNECT (3.1) to a session that the broker keeps, for `expiry_s` after a disconnection in version 5."""
    flags = (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    parts = [_text("MQTT"), bytes((level, flags)), struct.pack(">H", keepalive_s)]
    if level == V5:
        parts.append(
            _sized(
                struct.pack(
                    ">BIBHBI",
                    SESSION_EXPIRY,
                    expiry_s,
                    RECEIVE_MAXIMUM,
                    receive_maximum,
                    MAXIMUM_PACKET_SIZE,
                    MAX_PACKET,
                )
            )
        )
    parts.append(_text(client_id))
    parts += [_text(part) for part in (username, password) if part is not None]
    return _packet(0x10, b"".join(parts))


def subscribe(level: int, packet: int, topic_filter: str) -> bytes:
    """SUBSCRIBE (3.8) to one filter with QoS 1."""
    none = b"\0" if level == V5 else b""
    return _packet(0x82, packet.to_bytes(2, "big") + none + _text(topic_filter) + b"\x01")


def publish(
    level: int, packet: int, topic: str, payload: bytes, *, again: bool = False, retain: bool = False
) -> bytes:
    """PUBLISH (3.3) with QoS 1; `again`: with the DUP flag; `retain`: the broker is to keep it."""
    none = b"\0" if level == V5 else b""
    return _packet(
        (0x3A if again else 0x32) | retain, _text(topic) + packet.to_bytes(2, "big") + none + payload
    )


def pubacks(packets: Iterable[int]) -> bytes:
    """A PUBACK (3.4), "success", for each packet id, in their order."""
    return b"".join([b"\x40\x02%c%c" % (packet >> 8, packet & 0xFF) for packet in packets])


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + _sized(body)


def _sized(body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        length.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(length) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
