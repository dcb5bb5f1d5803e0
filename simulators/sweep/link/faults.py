"""What can go wrong, as data: kinds of faults, how long they last, and within which time the link must be
back.

The bound of a kind is made of the firmware's own constants: how soon the fault is seen, the longest pause
that its back-off can draw then, and what an attempt may take at brokers that do not answer.
"""

import random
from dataclasses import dataclass

from simulators.board.firmware import edge

_backoff, _liveness = edge("edge.link.backoff"), edge("edge.link.liveness")
KEEPALIVE_S = 60
HALF_OPEN_S: int = KEEPALIVE_S // 2 + min(KEEPALIVE_S // 2, _liveness.ANSWER_MS // 1000)  # until it is seen
ATTEMPT_S = 2 * (8 + 10 + 10)  # two brokers, each: name, connection, CONNACK
FIRST_S: int = _backoff.FIRST_MS // 1000
LIMIT_S: int = _backoff.LIMIT_MS // 1000
REFILL_S: int = _backoff.REFILL_MS // 1000
SETTLE_S = 6  # join the radio, a name, a connection, the next record's way
MOMENT = (0, 0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. `lasts_s`: from, to (MOMENT: it is over at once). `seen_s`: until the device must
    have left the connection (None: nothing ends it). `stall_s`: what the window's own patience may add."""

    what: str
    lasts_s: tuple[int, int] = MOMENT
    seen_s: float | None = None
    stall_s: int = 0
    home_only: bool = True  # whether it may also strike the first broker alone

    def bound_s(self, lasts_s: float) -> float:
        """From the fault's end until a record made after it must be at the gateway."""
        seen = self.seen_s or 0
        if not lasts_s:
            return seen + self.stall_s + FIRST_S + SETTLE_S
        return seen + self.stall_s + ATTEMPT_S + LIMIT_S + REFILL_S + SETTLE_S


LONG = (5, 1200)
KINDS: dict[str, Kind] = {
    "clean-close": Kind("the broker closes the connection", seen_s=1),
    "reset": Kind("the connection is reset", seen_s=1),
    "half-open": Kind("the way forgets the connection: nothing arrives either way", seen_s=HALF_OPEN_S),
    "broker-restart": Kind("all closed, and refused for a while", LONG, 1),
    "no-radio": Kind("no network at all", LONG, None, HALF_OPEN_S),
    "black-hole": Kind("everything sent is lost, connections too", LONG, HALF_OPEN_S),
    "deaf": Kind("what the broker says is lost", LONG, HALF_OPEN_S),
    "slow": Kind("every way takes seconds longer", (20, 300), None, 30),
    "connect-hangs": Kind("closed; new connections never open", LONG, 1),
    "says-nothing": Kind("closed; then takes connections and is silent", LONG, 1),
    "throws-out": Kind("closes each connection that it has just taken", LONG, 1),
    "lets-in-and-throws-out": Kind("closes each connection after its CONNACK", LONG, 1),
    "refuses": Kind("CONNACK with a refusal", LONG, 1),
    "nonsense-first": Kind("answers CONNECT with what is no MQTT", LONG, 1),
    "nonsense": Kind("sends what is no MQTT, in the middle", seen_s=HALF_OPEN_S),
    "huge-packet": Kind("announces a packet that no contract allows", seen_s=1),
    "half-packet": Kind("sends the beginning of a packet, then closes", seen_s=1),
    "reserved-bits": Kind("sends a packet of QoS 3 and the like", seen_s=1),
    "refuses-subscription": Kind("SUBACK with 0x80", LONG, 1),
    "session-lost": Kind("restarts and has forgotten every session", seen_s=1),
    "all-forgotten": Kind("broker and gateway have forgotten everything", seen_s=1, home_only=False),
    "pubacks-lost": Kind("PUBACKs are lost", (20, 600), None, 30),
    "no-pings": Kind("pings are not answered, nor anything else than data", (90, 600), None, HALF_OPEN_S),
    "gateway-away": Kind("the broker works, nobody acknowledges", (20, 1200), None, 40, home_only=False),
    "acks-twice": Kind("each message comes twice, the second with DUP", (20, 300)),
    "acks-late": Kind("acknowledgements come up to 40 s late, out of order", (20, 300), None, 60),
    "acks-wrong": Kind("acknowledges what was never sent, of other logs, in no JSON", (20, 300)),
    "dribble": Kind("each byte comes alone", (20, 300), None, 30),
    "flood": Kind("hundreds of strange messages at once", (20, 120), None, 30),
    "names-silent": Kind("closed; the name server says nothing", LONG, 1, home_only=False),
    "names-unknown": Kind("closed; the name does not exist for a while", LONG, 1, home_only=False),
    "names-failing": Kind("closed; the name server fails", LONG, 1, home_only=False),
    "names-forged": Kind("closed; wrong answers come before the true one", LONG, 1, home_only=False),
    "broker-moved": Kind("the name has another address now, the old one is dead", seen_s=1),
    "thrown-out-each-minute": Kind("each connection is closed after a minute", (300, 1800)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a round: `both` brokers or the first alone; `n`: what else its kind needs."""

    kind: str
    lasts_ms: int
    both: bool
    n: int

    @property
    def bound_s(self) -> float:
        return KINDS[self.kind].bound_s(self.lasts_ms / 1000)


def drawn(rng: random.Random, kind: str) -> Fault:
    """A fault of this kind."""
    low, high = KINDS[kind].lasts_s
    lasts_s = low * (high / low) ** rng.random() if high else 0.0
    both = rng.random() < 0.7 or not KINDS[kind].home_only
    return Fault(kind, round(lasts_s * 1000), both, rng.randrange(1 << 16))
