"""A broker with a gateway behind it, for virtual time: bytes in, bytes out, nothing else.

As much of MQTT 3.1.1 as a device of the contract uses (sessions, QoS 1 both ways, keep-alive answers), and a
gateway that acknowledges with `down/ack` what it received in an unbroken run. It journals nothing: the
ledger is the flash.
"""

import json
from dataclasses import dataclass, field
from typing import Any

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14
_MAX_BODY = 65536


class _ProtocolError(Exception):
    pass


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    size, length = b"", len(body)
    while True:
        length, digit = divmod(length, 128)
        size += bytes((digit | (128 if length else 0),))
        if not length:
            return bytes((kind << 4 | flags,)) + size + body


def _text(body: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + int.from_bytes(body[at : at + 2])
    if end > len(body):
        raise _ProtocolError("string runs past the packet's end")
    return body[at + 2 : end].decode(), end


@dataclass(slots=True)
class Cloud:
    """What stays while connections come and go: sessions, and per log the newest record of the unbroken
    run."""

    heads: dict[str, int] = field(default_factory=dict)  # "<device>/<log>" -> seq
    sessions: dict[str, list[str]] = field(default_factory=dict)  # client id -> its subscriptions
    records: int = 0

    @classmethod
    def load(cls, state: dict[str, Any] | None) -> "Cloud":
        """What `save` returned, or a fresh one for None."""
        return cls(**state) if state else cls()

    def save(self) -> dict[str, Any]:
        """JSON-ready state."""
        return {"heads": self.heads, "sessions": self.sessions, "records": self.records}

    def connection(self) -> "Connection":
        """A client has opened a TCP connection."""
        return Connection(self)

    def heard(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """A message from a device: the messages that go down to it for that."""
        parts = topic.split("/")
        if len(parts) != 5 or parts[3:] != ["up", "records"]:
            return []
        ack = self.take(parts[2], payload)
        if ack is None:
            return []
        return [(f"huishou/1/{parts[2]}/down/ack", json.dumps(ack, separators=(",", ":")).encode())]

    def take(self, device: str, payload: bytes) -> dict[str, Any] | None:
        """A records message: the acknowledgement it earns, None when it cannot be read or leaves a gap."""
        try:
            message = json.loads(payload)
            log, first = message["log"], message["first"]
            numbers = [r["seq"] for r in message["recs"]]
        except (ValueError, TypeError, KeyError):
            return None
        name = f"{device}/{log}"
        # Everything below `first` is gone on the device and declared so: the run goes on from there.
        head = max(self.heads.get(name, 0), first - 1)
        for seq in numbers:
            if seq == head + 1:
                head = seq
                self.records += 1
        self.heads[name] = head
        return {"v": 1, "log": log, "seq": head} if head else None


@dataclass(slots=True)
class Connection:
    """One client's connection; `received` is its whole life. `closed`: the server has hung up."""

    cloud: Cloud
    closed: bool = False
    client: str = ""
    _in: bytes = b""
    _next_id: int = 0

    def received(self, _now_ms: int, data: bytes) -> bytes:
        """Bytes from the client; returns the bytes for it. A violation of the protocol closes the
        connection."""
        self._in += data
        out = b""
        try:
            while not self.closed and (packet := self._next()) is not None:
                out += self._handle(*packet)
        except (_ProtocolError, IndexError, UnicodeDecodeError):
            self.closed = True
        return out

    def _next(self) -> tuple[int, int, bytes] | None:
        length = shift = 0
        for i in range(1, 5):
            if len(self._in) <= i:
                return None
            digit = self._in[i]
            length |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                break
        else:
            raise _ProtocolError("remaining length of more than four bytes")
        if length > _MAX_BODY:
            raise _ProtocolError("packet too large")
        end = i + 1 + length
        if len(self._in) < end:
            return None
        head, body = self._in[0], self._in[i + 1 : end]
        self._in = self._in[end:]
        return head >> 4, head & 15, body

    def _handle(self, kind: int, flags: int, body: bytes) -> bytes:
        if not self.client and kind != CONNECT:
            raise _ProtocolError("the first packet must be CONNECT")
        if kind == CONNECT:
            return self._connect(body)
        if kind == PUBLISH:
            return self._publish(flags, body)
        if kind == SUBSCRIBE:
            return self._subscribe(body)
        if kind == UNSUBSCRIBE:
            return _packet(UNSUBACK, 0, body[:2])
        if kind == PINGREQ:
            return _packet(PINGRESP, 0, b"")
        if kind == DISCONNECT:
            self.closed = True
        elif kind != PUBACK:
            raise _ProtocolError(f"packet type {kind} is none of a client's")
        return b""

    def _connect(self, body: bytes) -> bytes:
        name, at = _text(body, 0)
        if self.client or name != "MQTT" or body[at] != 4:
            raise _ProtocolError("not MQTT 3.1.1")
        clean = bool(body[at + 1] & 2)
        self.client, _ = _text(body, at + 4)
        present = not clean and self.client in self.cloud.sessions
        if not present:
            self.cloud.sessions[self.client] = []
        return _packet(CONNACK, 0, bytes((int(present), 0)))

    def _subscribe(self, body: bytes) -> bytes:
        at, granted = 2, b""
        topics = self.cloud.sessions[self.client]
        while at < len(body):
            topic, at = _text(body, at)
            granted += bytes((min(body[at], 1),))
            at += 1
            if topic not in topics:
                topics.append(topic)
        return _packet(SUBACK, 0, body[:2] + granted)

    def _publish(self, flags: int, body: bytes) -> bytes:
        topic, at = _text(body, 0)
        out = b""
        if flags & 6:
            out = _packet(PUBACK, 0, body[at : at + 2])
            at += 2
        for down, message in self.cloud.heard(topic, body[at:]):
            out += self.send(down, message)
        return out

    def send(self, topic: str, payload: bytes) -> bytes:
        """A QoS 1 PUBLISH for the client; b"" when it has not subscribed to `topic`."""
        if not any(_matches(t, topic) for t in self.cloud.sessions[self.client]):
            return b""
        self._next_id = self._next_id % 65535 + 1
        name = topic.encode()
        body = len(name).to_bytes(2) + name + self._next_id.to_bytes(2) + payload
        return _packet(PUBLISH, 2, body)


def _matches(pattern: str, topic: str) -> bool:
    wanted, levels = pattern.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
