"""The network and the brokers of a round: what a fault does to bytes, names and connections."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop

from simulators.board import link
from simulators.board.network import CONNECT_US, ONE_WAY_US, REFUSED, VirtualNetwork
from simulators.peers import dns
from simulators.peers.cloud import PINGRESP, PUBACK, PUBLISH, SUBACK, Cloud, Connection
from simulators.peers.ntp import reply as ntp_reply
from simulators.sweep.link.faults import Fault

NAMES = {"home.example": "10.0.1.1", "away.example": "10.0.2.1"}
RESET = 104
_LOSES_UP = ("black-hole", "half-open")
_LOSES_DOWN = ("black-hole", "half-open", "deaf")
CLOSES = (
    "clean-close",
    "connect-hangs",
    "says-nothing",
    "throws-out",
    "lets-in-and-throws-out",
    "refuses",
    "nonsense-first",
    "refuses-subscription",
    "session-lost",
    "all-forgotten",
    "names-silent",
    "names-unknown",
    "names-failing",
    "names-forged",
    "broker-moved",
)


class Gateway(Cloud):
    """Both brokers' one gateway: tells when a record arrived that was made after an instant."""

    def __init__(self, arrived: Callable[[int], None]) -> None:
        super().__init__()
        self._arrived = arrived
        self.away = False
        self.jumped: list[str] = []

    def take(self, device: str, payload: bytes) -> dict[str, object] | None:
        if self.away:
            return None
        message = json.loads(payload)
        head = self.heads.get(f"{device}/{message['log']}")
        if head is not None and message["first"] > head + 1:
            self.jumped.append(f"after {head} comes {message['first']}")
        ack = super().take(device, payload)
        if ack is not None:
            for record in message["recs"]:
                if record["seq"] <= ack["seq"]:
                    self._arrived(record["t"])
        return ack


@dataclass(eq=False)
class Line:
    """A TCP connection as the network knows it."""

    home: bool
    opened_ms: int
    peer: Connection
    dead: bool = False  # the way has forgotten it
    talked: bool = False  # CONNACK went out
    up_us: int = 0  # when the last byte either way arrives: a stream keeps its order
    down_us: int = 0


@dataclass
class Wires(VirtualNetwork):
    """In place of the board's network. `begin` and `end` a fault; `at` calls back at an instant."""

    rng: random.Random = field(default_factory=random.Random)
    brokers: list[Cloud] = field(default_factory=list)  # home, away
    gateway: Gateway = field(default_factory=lambda: Gateway(lambda _t: None))
    fault: Fault | None = None
    left: Callable[[int], None] = lambda _ms: None  # the device closed a connection that had been its own
    attempts: int = 0
    now_us: int = 0
    _lines: dict[int, Line] = field(default_factory=dict)
    _moved: dict[str, str] = field(default_factory=dict)
    _calls: dict[int, Callable[[int], None]] = field(default_factory=dict)

    def at(self, ms: int, call: Callable[[int], None]) -> None:
        """Call `call(ms)` when that instant comes."""
        number = self._count
        self._calls[number] = call
        self._later(ms * 1000, number, "!", b"")

    @property
    def at_home(self) -> bool:
        """Whether no connection to the second broker stands."""
        return all(line.home for line in self._lines.values())

    # -- faults ----------------------------------------------------------------------------------------------

    def begin(self, now_ms: int, fault: Fault) -> int:
        """A fault begins; how many live connections it met."""
        self.fault = fault
        met = [(socket, line) for socket, line in self._lines.items() if self._struck(line.home)]
        if fault.kind == "all-forgotten":
            self.gateway.heads.clear()
        if fault.kind in ("all-forgotten", "session-lost"):
            for broker in self.brokers[: 1 + fault.both]:
                broker.sessions.clear()
        if fault.kind == "gateway-away":
            self.gateway.away = True
        if fault.kind == "broker-moved":
            for name in list(NAMES)[: 1 + fault.both]:
                self._moved[name] = f"10.9.{fault.n >> 8}.{fault.n & 255 or 1}"
        for socket, line in met:
            if fault.kind in CLOSES:
                self._close(now_ms, socket, "e")
            elif fault.kind in ("reset", "broker-restart"):
                self._close(now_ms, socket, "f", bytes((RESET,)))
            elif fault.kind in ("half-open", "black-hole", "deaf"):
                line.dead = fault.kind == "half-open"
            elif fault.kind in ("nonsense", "huge-packet", "half-packet", "reserved-bits"):
                data = {
                    "nonsense": self.rng.randbytes(fault.n % 200 + 1),
                    "huge-packet": b"\x32\xff\xff\xff\x7f" + bytes(100),
                    "half-packet": b"\x32\x20\x00\x05ab",
                    "reserved-bits": bytes((0x36 + fault.n % 2 * 0x0B, 2, 0, 0)),
                }[fault.kind]
                self._say(now_ms * 1000 + ONE_WAY_US, socket, line, data)
                if fault.kind == "half-packet":
                    self._close(now_ms, socket, "e")
            elif fault.kind == "flood":
                noise = b"".join(_strange(self.rng, k) for k in range(300))
                for at in range(0, len(noise), 1400):
                    self._say(now_ms * 1000 + ONE_WAY_US + at, socket, line, noise[at : at + 1400])
        return len(met)

    def end(self) -> None:
        """The fault is over."""
        self.gateway.away = False
        self.fault = None

    def _struck(self, home: bool) -> bool:
        return self.fault is not None and (home or self.fault.both)

    def _kind(self, home: bool) -> str:
        return self.fault.kind if self.fault and self._struck(home) else ""

    def _close(self, now_ms: int, socket: int, how: str, data: bytes = b"") -> None:
        line = self._lines.pop(socket, None)
        self._later(max(now_ms * 1000 + ONE_WAY_US, line.down_us if line else 0), socket, how, data)

    def _say(self, at_us: int, socket: int, line: Line, data: bytes) -> None:
        line.down_us = max(line.down_us, at_us)
        self._later(line.down_us, socket, "d", data)

    # -- what the chip does ----------------------------------------------------------------------------------

    def request(self, now_us: int, what: str, socket: int, port: int, data: bytes) -> None:
        self.now_us = now_us
        match what:
            case "c":
                self._connect(now_us, socket, data.decode())
            case "s":
                line = self._lines.get(socket)
                if line and not line.dead and self._kind(line.home) not in _LOSES_UP:
                    line.up_us = max(line.up_us, now_us + ONE_WAY_US + self._lag_us(line.home))
                    self._later(line.up_us, socket, ">", data)
            case "d":
                payload = data.partition(b"\0")[2]
                if port == 123:
                    answer = ntp_reply(payload, now_us + ONE_WAY_US)
                    answers = [answer] if answer else []
                else:
                    answers = self._name(payload)
                for turn, answer in enumerate(answers):
                    self._later(now_us + 2 * ONE_WAY_US + turn * 1000, socket, "d", answer)
            case "x":
                self._lines.pop(socket, None)
                self.left(now_us // 1000)

    def _connect(self, now_us: int, socket: int, address: str) -> None:
        self.attempts += 1
        home = next((n == 0 for n, name in enumerate(NAMES) if self._address(name) == address), None)
        kind = "black-hole" if home is None else self._kind(home)
        if kind in ("black-hole", "connect-hangs"):
            return
        if kind == "broker-restart":
            self._later(now_us + CONNECT_US, socket, "f", bytes((REFUSED,)))
            return
        broker = self.brokers[0 if home else 1]
        self._lines[socket] = Line(bool(home), now_us // 1000, broker.connection())
        self._later(now_us + CONNECT_US + self._lag_us(bool(home)), socket, "o")
        if kind == "throws-out":
            self._close(now_us // 1000 + CONNECT_US // 1000, socket, "e")

    def _lag_us(self, home: bool) -> int:
        return self.rng.randrange(1_000_000, 3_000_000) if self._kind(home) == "slow" else 0

    def _address(self, name: str) -> str:
        return self._moved.get(name, NAMES[name])

    def _name(self, query: bytes) -> list[bytes]:
        """What comes back for a DNS query."""
        kind = self.fault.kind if self.fault else ""
        if kind in ("names-silent", "black-hole", "deaf"):
            return []
        name = dns.asked(query)
        code = {"names-unknown": 3, "names-failing": 2}.get(kind, 0 if name in NAMES else 3)
        if code:
            return [dns.answer(query, "", code=code)]
        good = dns.answer(query, self._address(name))
        if kind == "names-forged":
            wrong = dns.answer(query, "10.102.102.102", number=bytes(b ^ 0x55 for b in query[:2]))
            return [wrong, self.rng.randbytes(40), wrong, good]
        return [good]

    # -- what arrives ----------------------------------------------------------------------------------------

    def advance(self, now_us: int) -> bytes:
        out = b""
        while self._queue and self._queue[0][0] <= now_us:
            at, _, socket, what, data = heappop(self._queue)
            self.now_us = at
            if what == "!":
                self._calls.pop(socket)(at // 1000)
            elif what == ">":
                line = self._lines.get(socket)
                if line:
                    self._hear(at, socket, line, data)
            else:
                out += link.socket_event(socket, what, data)
        return out

    def drop(self) -> None:
        self._lines.clear()

    def _hear(self, now_us: int, socket: int, line: Line, data: bytes) -> None:
        kind = self._kind(line.home)
        if kind == "says-nothing" and not line.talked:
            return
        if kind == "refuses" and not line.talked:
            said = bytes((0x20, 2, 0, 1 + (self.fault.n if self.fault else 0) % 5))
        elif kind == "nonsense-first" and not line.talked:
            said = b"HTTP/1.1 400 Bad Request\r\n\r\n" if self.rng.random() < 0.5 else self.rng.randbytes(50)
        else:
            said = line.peer.received(now_us // 1000, data)
            line.talked = line.talked or bool(said)
        if line.dead or kind in _LOSES_DOWN:
            return
        at = now_us + ONE_WAY_US + self._lag_us(line.home)
        for late_us, packet in self._changed(kind, said):
            step = 3_000 if kind == "dribble" else 0
            size = 1 if step else len(packet)
            for n in range(0, len(packet), size):
                if late_us:
                    self._later(at + late_us, socket, "d", packet)
                else:
                    self._say(max(at, line.down_us) + step, socket, line, packet[n : n + size])
        thrown_out = kind == "lets-in-and-throws-out" or (kind == "refuses" and bool(said))
        outlived = kind == "thrown-out-each-minute" and at // 1000 - line.opened_ms > 60_000
        if thrown_out or outlived or line.peer.closed:
            self._close(at // 1000, socket, "e")

    def _changed(self, kind: str, said: bytes) -> list[tuple[int, bytes]]:
        """What a fault makes of the broker's packets: (delay, packet)."""
        out: list[tuple[int, bytes]] = []
        if kind not in _CHANGING:
            return [(0, said)] if said else []
        for packet in _packets(said):
            sort = packet[0] >> 4
            late = 0
            if (kind == "pubacks-lost" and sort == PUBACK) or (kind == "no-pings" and sort == PINGRESP):
                continue
            if kind == "refuses-subscription" and sort == SUBACK:
                packet = packet[:-1] + b"\x80"
            if kind == "acks-late" and sort == PUBLISH:
                late = self.rng.randrange(40_000_000)
            if kind == "acks-wrong" and sort == PUBLISH:
                out += [(0, _strange(self.rng, n)) for n in range(3)]
            out.append((late, packet))
            if kind == "acks-twice" and sort == PUBLISH:
                out.append((0, bytes((packet[0] | 8,)) + packet[1:]))
        return out


_CHANGING = ("pubacks-lost", "no-pings", "refuses-subscription", "acks-late", "acks-wrong", "acks-twice")


def _packets(data: bytes) -> list[bytes]:
    out = []
    while data:
        length = shift = 0
        for at in range(1, 5):
            length |= (data[at] & 127) << shift
            shift += 7
            if not data[at] & 128:
                break
        out.append(data[: at + 1 + length])
        data = data[at + 1 + length :]
    return out


def _strange(rng: random.Random, n: int) -> bytes:
    """A message that is legal MQTT and says nothing true."""
    device = "huishou/1/bench-1/down/"
    topic, body = rng.choice(
        [
            (device + "ack", b'{"v":1,"log":"00000000","seq":99}'),
            (device + "ack", b'{"v":1,"log":7,"seq":"x"}'),
            (device + "ack", b"\xff\xfe{"),
            (device + "ack", b"[" * 900),
            (device + "ack", b'{"v":1}'),
            (device + "desired", rng.randbytes(200)),
            (device + "elsewhere", b""),
            ("", b"x"),
        ]
    )
    name = topic.encode()
    rest = len(name).to_bytes(2) + name + (n % 65535 + 1).to_bytes(2) + body
    size, length = b"", len(rest)
    while True:
        length, digit = divmod(length, 128)
        size += bytes((digit | (128 if length else 0),))
        if not length:
            return b"\x32" + size + rest
