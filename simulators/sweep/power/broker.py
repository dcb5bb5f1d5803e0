"""A broker that misbehaves in every way that QoS 1 allows, and in some that it does not; a gateway behind it.

What may happen to a message from the device (`_FATES`), and to one for it (`_DOWN`); besides, a connection
may be refused, never answered or cut at any packet, and a session forgotten with all that was queued; and the
broker says things that no gateway says (`nonsense`). A message that it keeps for later reaches the gateway
behind newer ones. Time is virtual; every choice is a function of round, connection and packet.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from simulators.board.network import ONE_WAY_US, VirtualNetwork
from simulators.peers.cloud import CONNECT, PUBACK, PUBLISH, Cloud, Connection
from simulators.sweep.power.nonsense import GARBAGE, nonsense

Message = tuple[str, bytes]
"""Topic and payload."""


class Gateway(Protocol):
    """What stands behind the broker."""

    def take(self, now_ms: int, topic: str, payload: bytes) -> list[Message]:
        """A message arrives; what is sent down for it once it is stored durably."""

    def look(self, now_ms: int) -> list[Message]:
        """What the gateway sends without being asked (it asks for what is missing)."""


# What becomes of a PUBLISH, with how often (in hundredths).
_FATES = {
    "well": 55,
    "dropped": 6,  # acknowledged, and forgotten
    "unacknowledged": 6,  # the gateway has it; the PUBACK is lost
    "late": 8,  # the PUBACK comes later
    "twice-acknowledged": 4,
    "doubled": 5,  # the gateway hears it twice
    "kept": 8,  # the gateway hears it later, behind newer ones
    "cut-before": 3,  # the connection ends, and nobody has it
    "cut-after": 5,  # the connection ends, and the gateway has it
}
_DOWN = {"well": 60, "lost": 12, "late": 16, "doubled": 8, "stale": 4}
_CONNECTING = {"well": 80, "refused": 6, "silent": 4, "forgotten": 10}
_SPEAKS = {"well": 92, "nonsense": 7, "garbage": 1}
_LATE_MS = 45_000
_KEPT_MS = 300_000
_MOST_KEPT = 50


@dataclass(slots=True, kw_only=True)
class Broker(Cloud):
    """Sessions, what waits for the gateway, and how often what was done. `rude`: the connections that are."""

    gateway: Gateway
    name: str
    rude: frozenset[int]
    counts: dict[str, int] = field(default_factory=dict)
    _network: VirtualNetwork | None = None
    now_ms: int = 0
    last: bytes = b"{}"  # the newest acknowledgement that the gateway gave
    _connections: int = 0
    _kept: list[tuple[int, str, bytes]] = field(default_factory=list)
    fate: str = "well"  # of the PUBLISH at hand

    def attach(self, network: VirtualNetwork) -> None:
        """Take the place of whoever was at the other end of a unit's network."""
        self._network = network
        network.connect = lambda port: self.accept() if port == 1883 else None

    def accept(self) -> "RudeConnection | None":
        """A device connects; None: refused."""
        number = self._connections
        self._connections += 1
        line = RudeConnection(self, Connection(self), number, number in self.rude)
        if line.choose(_CONNECTING, "connect") == "refused":
            self.count("connection refused")
            return None
        return line

    def push(self, line: "RudeConnection", at_ms: int, packet: bytes) -> None:
        """Send a packet later, if the connection lives so long."""
        if self._network is not None:
            self._network.push(line, at_ms * 1000 + ONE_WAY_US, packet)

    def count(self, what: str) -> None:
        """It happened once more."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def heard(self, topic: str, payload: bytes) -> list[Message]:
        """A message from a device, by the fate that was drawn for it."""
        if self.fate == "dropped":
            return []
        if self.fate == "kept" and len(self._kept) < _MOST_KEPT:
            self._kept.append((self.now_ms + _KEPT_MS, topic, payload))
            return []
        down = self.gateway.take(self.now_ms, topic, payload)
        if self.fate == "doubled":
            down += self.gateway.take(self.now_ms, topic, payload)
        self.last = next((payload for topic, payload in down if topic.endswith("/ack")), self.last)
        return down

    def due(self, at_ms: int) -> list[Message]:
        """What was kept for the gateway until now reaches it; what it says to that, and on its own."""
        due = [one for one in self._kept if one[0] <= at_ms]
        self._kept = [one for one in self._kept if one[0] > at_ms]
        down: list[Message] = []
        for _at, topic, payload in due:
            down += self.gateway.take(self.now_ms, topic, payload)
        self.last = next((payload for topic, payload in down if topic.endswith("/ack")), self.last)
        return down + self.gateway.look(self.now_ms)

    def forget(self, client: str) -> None:
        """The session is gone, and with it what was queued."""
        self.sessions.pop(client, None)
        self._kept.clear()


@dataclass(slots=True)
class RudeConnection:
    """One connection, packet by packet; see `simulators.board.network.Stream`."""

    broker: Broker
    inner: Connection
    number: int
    rude: bool
    closed: bool = False
    _in: bytes = b""
    _packets: int = 0
    _silent: bool = False

    def choose(self, fates: dict[str, int], what: str) -> str:
        """What happens to the packet at hand."""
        if not self.rude:
            return "well"
        rng = random.Random(f"{self.broker.name}/{self.number}/{self._packets}/{what}")
        return rng.choices(list(fates), list(fates.values()))[0]

    def received(self, now_ms: int, data: bytes) -> bytes:
        """Bytes from the device; what it is told at once."""
        broker = self.broker
        broker.now_ms = now_ms
        out = b""
        for packet in self._split(data):
            if self.closed:
                break
            self._packets += 1
            out += self._packet(packet)
        out += self._says()
        for topic, payload in broker.due(now_ms):
            if self.inner.client in broker.sessions and not self._silent:
                out += self._down(self.inner.send(topic, payload))
        self.closed = self.closed or self.inner.closed
        return b"" if self._silent else out

    def _says(self) -> bytes:
        """What nobody asked for."""
        fate = self.choose(_SPEAKS, "says")
        if fate == "well" or self.inner.client not in self.broker.sessions:
            return b""
        self.broker.count(fate)
        rng = random.Random(f"{self.broker.name}/{self.number}/{self._packets}/words")
        if fate == "garbage":
            return rng.choice(GARBAGE)
        topic, payload = nonsense(rng, self.inner.client, self.broker.last)
        return self.inner.send(topic, payload)

    def _split(self, data: bytes) -> Iterator[bytes]:
        """The complete packets of what came; the rest waits."""
        self._in += data
        while (end := _end(self._in)) is not None:
            packet, self._in = self._in[:end], self._in[end:]
            yield packet

    def _packet(self, packet: bytes) -> bytes:
        kind = packet[0] >> 4
        if kind == CONNECT:
            fate = self.choose(_CONNECTING, "session")
            self._silent = fate == "silent"
            if fate == "forgotten":
                self.broker.count("session forgotten")
                self.broker.sessions.clear()
                self.broker.forget(self.inner.client)
            return self.inner.received(self.broker.now_ms, packet)
        if kind != PUBLISH:
            return self.inner.received(self.broker.now_ms, packet)
        fate = self.choose(_FATES, "publish")
        self.broker.count(f"publish {fate}")
        if fate == "cut-before":
            self.closed = True
            return b""
        self.broker.fate = fate
        answer = self.inner.received(self.broker.now_ms, packet)
        self.broker.fate = "well"
        if fate == "cut-after":
            self.closed = True
            return b""
        return b"".join(self._up(one, fate) for one in _packets(answer))

    def _up(self, packet: bytes, fate: str) -> bytes:
        """A packet of the answer to a PUBLISH."""
        if packet[0] >> 4 != PUBACK:
            return self._down(packet)
        if fate == "unacknowledged":
            return b""
        if fate == "late":
            return self._later(packet)
        return packet * 2 if fate == "twice-acknowledged" else packet

    def _down(self, packet: bytes) -> bytes:
        """A message for the device."""
        if not packet:
            return b""
        fate = self.choose(_DOWN, f"down {packet[-12:]!r}")
        self.broker.count(f"down {fate}")
        if fate == "lost":
            return b""
        if fate == "late":
            return self._later(packet)
        if fate == "stale":
            self._later(packet)  # and once more when newer ones have overtaken it
        return packet * 2 if fate == "doubled" else packet

    def _later(self, packet: bytes) -> bytes:
        rng = random.Random(f"{self.broker.name}/{self.number}/{self._packets}/later")
        at_ms = self.broker.now_ms + rng.randint(100, _LATE_MS)
        self.broker.push(self, at_ms, packet)
        return b""


def _end(data: bytes) -> int | None:
    """Where the first packet ends [2.2.3]; None: it is not complete."""
    length = shift = 0
    for at in range(1, min(len(data), 5)):
        length |= (data[at] & 127) << shift
        shift += 7
        if not data[at] & 128:
            end = at + 1 + length
            return end if len(data) >= end else None
    return None


def _packets(data: bytes) -> Iterator[bytes]:
    while (end := _end(data)) is not None:
        yield data[:end]
        data = data[end:]
