"""An MQTT 3.1.1 client session without I/O: bytes in become events, calls become bytes to send.

Follows the OASIS standard; section numbers in brackets. QoS 0 and 1. The session outlives the connection
[4.1]: what was published with `keep` and not acknowledged is sent again, with DUP, after a reconnect, also
when the broker has forgotten us; records are not kept here, since they are on flash and the window goes
back to them. Nothing grows without bound: ROOM messages of ours may be kept, WAITING packet ids be out.
"""

from struct import pack

from edge.errors import EdgeError

if False:  # for types
    from collections.abc import Generator
    from typing import Any

MAX_PACKET = 16384 + 512
ROOM = 16
WAITING = 64  # a broker that leaves so many of ours unanswered is left

_CONNECT = 0x10
_CONNACK = 2
_PUBLISH = 3
_PUBACK = 4
_SUBSCRIBE = 0x82
_SUBACK = 9
_PINGREQ = b"\xc0\x00"
_PINGRESP = 13
_DISCONNECT = b"\xe0\x00"

_REFUSED = "accepted protocol-version client-id server-unavailable bad-credentials not-authorised"


def _string(text: "str | bytes") -> bytes:
    data = text.encode() if isinstance(text, str) else text
    if len(data) > 65535:
        raise EdgeError("mqtt-too-long", "a string of %d bytes" % len(data))
    return pack(">H", len(data)) + data


def _packet(head: int, body: bytes) -> bytes:
    """Fixed header with the remaining length in base 128 [2.2.3]."""
    out = bytearray([head])
    length = len(body)
    while True:
        byte = length & 0x7F
        length >>= 7
        out.append(byte | (0x80 if length else 0))
        if not length:
            return bytes(out) + body


class Session:
    """One client's session.

    Events of `feed`, as tuples: `("connack", session present)`, `("puback", packet id)`, `("suback", packet
    id, granted QoS list)`, `("message", topic, payload, packet id or 0)`, `("pong",)`. A message with a
    packet id is acknowledged by the caller with `puback`, after it has dealt with it. Errors:
    `mqtt-protocol` (the peer broke the standard: close), `mqtt-refused` (CONNACK code), `mqtt-oversize`,
    `mqtt-full` (no room for another kept message), `mqtt-no-packet-id`.
    """

    def __init__(self, client: str) -> None:
        self._client = client
        self._buf = b""
        self._next_id = 0
        self._kept: "list[tuple[int, bytes]]" = []  # (packet id, PUBLISH) to repeat after a reconnect
        self._waiting: "set[int]" = set()  # packet ids in use
        self._open = False  # CONNACK was there

    def connect(
        self, user: str, password: str, keepalive_s: int, will: "tuple[str, bytes]", clean: bool = False
    ) -> bytes:
        """A CONNECT packet with a retained QoS 1 will [3.1]. Also forgets half-received input."""
        self._buf = b""
        self._open = False
        self._waiting = {number for number, _packet in self._kept}
        flags = 0x80 | (0x40 if password else 0) | 0x20 | 0x08 | 0x04 | (0x02 if clean else 0)
        body = _string("MQTT") + bytes([4, flags]) + pack(">H", keepalive_s) + _string(self._client)
        body += _string(will[0]) + _string(will[1]) + _string(user)
        return _packet(_CONNECT, body + (_string(password) if password else b""))

    @property
    def room(self) -> int:
        """How many more messages can be kept."""
        return ROOM - len(self._kept)

    def _id(self) -> int:
        if len(self._waiting) >= WAITING:
            raise EdgeError("mqtt-no-packet-id", "the broker has left %d messages unanswered" % WAITING)
        while True:
            self._next_id = self._next_id % 65535 + 1
            if self._next_id not in self._waiting:
                self._waiting.add(self._next_id)
                return self._next_id

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, keep: bool = False
    ) -> "tuple[int, bytes]":
        """A QoS 1 PUBLISH: (packet id, bytes)."""
        if keep and not self.room:
            raise EdgeError("mqtt-full", "%d messages wait for their PUBACK" % ROOM)
        number = self._id()
        body = _string(topic) + pack(">H", number) + payload
        if len(body) > MAX_PACKET:
            self._waiting.discard(number)
            raise EdgeError("mqtt-oversize", "%d bytes to publish, at most %d" % (len(body), MAX_PACKET))
        if keep:
            self._kept.append((number, _packet(0x3A | retain, body)))
        return number, _packet(0x32 | retain, body)

    def subscribe(self, topic: str) -> "tuple[int, bytes]":
        number = self._id()
        return number, _packet(_SUBSCRIBE, pack(">H", number) + _string(topic) + b"\x01")

    def puback(self, number: int) -> bytes:
        return b"\x40\x02" + pack(">H", number)

    def ping(self) -> bytes:
        return _PINGREQ

    def disconnect(self) -> bytes:
        return _DISCONNECT

    def resend(self) -> "list[bytes]":
        """What to send again once reconnected, in the order first sent [4.4]."""
        return [packet for _number, packet in self._kept]

    def feed(self, data: bytes) -> "Generator[tuple[Any, ...], None, None]":
        """Take received bytes, yield the events that are complete: so what came before an error counts,
        however the bytes were cut.
        """
        self._buf += data
        while True:
            packet = self._next_packet()
            if packet is None:
                return
            yield self._event(packet[0], packet[1])

    def _next_packet(self) -> "tuple[int, bytes] | None":
        buf = self._buf
        length = shift = 0
        for at in range(1, min(len(buf), 5)):
            length |= (buf[at] & 0x7F) << shift
            shift += 7
            if not buf[at] & 0x80:
                if length > MAX_PACKET:
                    raise EdgeError(
                        "mqtt-oversize", "a packet of %d bytes, at most %d" % (length, MAX_PACKET)
                    )
                end = at + 1 + length
                if len(buf) < end:
                    return None
                self._buf = buf[end:]
                return buf[0], buf[at + 1 : end]
        if len(buf) >= 5:
            raise EdgeError("mqtt-protocol", "remaining length of more than four bytes [2.2.3]")
        return None

    def _event(self, head: int, body: bytes) -> "tuple[object, ...]":
        kind = head >> 4
        if (kind == _CONNACK) == self._open:
            raise EdgeError("mqtt-protocol", "CONNACK comes first and once [3.2]; came 0x%02x" % head)
        if kind == _PUBLISH:
            return self._message(head & 15, body)
        if head & 15:
            raise EdgeError("mqtt-protocol", "packet 0x%02x has reserved flags set [2.2.2]" % head)
        if kind == _CONNACK and len(body) == 2 and body[0] <= 1:
            if body[1]:
                names = _REFUSED.split()
                name = names[body[1]] if body[1] < len(names) else "code-%d" % body[1]
                raise EdgeError("mqtt-refused", "the broker refused the connection: " + name)
            self._open = True
            return "connack", bool(body[0])
        if kind == _PUBACK and len(body) == 2:
            number = body[0] << 8 | body[1]
            self._waiting.discard(number)
            self._kept = [kept for kept in self._kept if kept[0] != number]
            return "puback", number
        if kind == _SUBACK and len(body) >= 3:
            number = body[0] << 8 | body[1]
            self._waiting.discard(number)
            return "suback", number, list(body[2:])
        if kind == _PINGRESP and not body:
            return ("pong",)
        raise EdgeError("mqtt-protocol", "unexpected packet 0x%02x of %d bytes" % (head, len(body)))

    def _message(self, flags: int, body: bytes) -> "tuple[object, ...]":
        qos = flags >> 1 & 3
        if len(body) < 2 or qos > 1:
            raise EdgeError("mqtt-protocol", "PUBLISH with QoS %d and %d bytes [3.3]" % (qos, len(body)))
        end = 2 + (body[0] << 8 | body[1])
        number = 0
        start = end + 2 * qos
        if len(body) < start:
            raise EdgeError("mqtt-protocol", "PUBLISH ends within its header [3.3.2]")
        if qos:
            number = body[end] << 8 | body[end + 1]
            if not number:
                raise EdgeError("mqtt-protocol", "PUBLISH with packet id 0 [2.3.1]")
        try:
            topic = body[2:end].decode()
        except UnicodeError:
            raise EdgeError("mqtt-protocol", "a topic that is not UTF-8 [1.5.3]") from None
        return "message", topic, body[start:], number
