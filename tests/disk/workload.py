"""What devices send in a while, as batches for a journal, and what must be there afterwards.

A function of its seed. Everything that makes a journal write something is in it: several logs of a device,
messages in and out of order, sent again, changed copies, gaps that are filled later, numbers that are
declared lost, records without a number, refused messages, states and replies.
"""

import random
from collections.abc import Iterable

from msgspec import Struct, field

from gateway.journal import Arrival, Judged, Outcome, Records, Refused, Reply, StateReport
from gateway.journal.bodies import compose

LOGS = (("bin-001", "0000000a"), ("bin-001", "0000000b"), ("bin-002", "0000000c"), ("truck-01", "0000000d"))
Log = tuple[str, str]


class Ledger(Struct):
    """What devices made, by log: the first text of each number, and which numbers they gave up."""

    texts: dict[Log, dict[int, bytes]] = field(default_factory=lambda: {log: {} for log in LOGS})
    lost: dict[Log, set[int]] = field(default_factory=lambda: {log: set() for log in LOGS})


class Workload(Struct):
    """Batches in their order, and the ledger after each of them."""

    batches: list[list[Arrival]]
    ledgers: list[Ledger]


def workload(seed: int, batches: int, start_ms: int) -> Workload:
    """A while of traffic, one batch a second from `start_ms` on."""
    chance = random.Random(seed)
    made = Workload([], [])
    devices = {log: _Device(log, chance) for log in LOGS}
    for number in range(batches):
        now_ms = start_ms + 1000 * number
        batch: list[Arrival] = []
        for _ in range(chance.randint(1, 5)):
            batch += devices[chance.choice(LOGS)].act(now_ms)
        made.batches.append(batch)
        made.ledgers.append(
            Ledger(
                {log: dict(device.arrived) for log, device in devices.items()},
                {log: device.lost - device.arrived.keys() for log, device in devices.items()},
            )
        )
    return made


class _Device:
    """One log of one device."""

    def __init__(self, log: Log, chance: random.Random) -> None:
        self.log = log
        self.arrived: dict[int, bytes] = {}
        self.lost: set[int] = set()
        self._chance = chance
        self._first = chance.choice((0, 1, 500))  # the oldest that it holds
        self._next = self._first
        self._held: dict[int, bytes] = {}
        self._skipped: set[int] = set()  # made, and held back so that a gap arises

    def act(self, now_ms: int) -> list[Arrival]:
        """Some messages, as they come from a device."""
        chance, device = self._chance, self.log[0]
        match chance.choices(
            ("fresh", "again", "changed", "fill", "lose", "nameless", "refused", "state"),
            (10, 3, 1, 3, 1, 1, 1, 2),
        )[0]:
            case "fresh":
                return [self._send(now_ms, self._make(chance.randint(1, 8)))]
            case "again" if self.arrived:
                return [self._send(now_ms, chance.sample(sorted(self.arrived), 1))]
            case "changed" if self.arrived:
                seq = chance.choice(sorted(self.arrived))
                return [self._message(now_ms, [b'{"seq":%d,"changed":%d}' % (seq, now_ms)], [Judged(seq)])]
            case "fill" if self._skipped:
                return [self._send(now_ms, sorted(self._skipped))]
            case "lose" if self._skipped:
                self._first = max(self._skipped) + 1
                self.lost |= self._skipped
                self._skipped.clear()
                return [StateReport(now_ms, device, b'{"at":%d}' % now_ms, self.log[1], self._first)]
            case "nameless":
                judged = Judged(None, Outcome.QUARANTINED, ("bad-record",), "no number")
                return [self._message(now_ms, [b'{"nameless":%d}' % now_ms], [judged])]
            case "refused":
                body = b"{ %d" % (now_ms if chance.random() < 0.5 else 0)  # the same again, sometimes
                return [Refused(now_ms, device, "up/records", "not-json", "why", body, len(body))]
            case _:
                state = StateReport(now_ms, device, b'{"at":%d}' % now_ms, self.log[1], self._first)
                return [state, Reply(now_ms, device, b'{"id":"%d"}' % now_ms)]

    def _make(self, count: int) -> list[int]:
        """Number new records; now and then the first of them is held back."""
        numbers = list(range(self._next, self._next + count))
        self._next += count
        for seq in numbers:
            filler = b"x" * self._chance.choice((10, 60, 400))
            self._held[seq] = b'{"seq":%d, "kind":"reading","x":"%b"}' % (seq, filler)
        if self.arrived and len(numbers) > 1 and self._chance.random() < 0.3:
            self._skipped.add(numbers.pop(0))
        return numbers

    def _send(self, now_ms: int, numbers: list[int]) -> Records:
        judged = []
        for seq in numbers:
            self._skipped.discard(seq)
            self.arrived[seq] = self._held[seq]
            judged.append(_judged(seq))
        return self._message(now_ms, [self._held[seq] for seq in numbers], judged)

    def _message(self, now_ms: int, texts: Iterable[bytes], judged: list[Judged]) -> Records:
        device, log = self.log
        body = compose(log, self._first, now_ms, texts)
        return Records(now_ms, device, log, self._first, now_ms, body, judged)


def _judged(seq: int) -> Judged:
    """The same judgement each time: a function of the number."""
    if seq % 7 == 3:
        return Judged(seq, Outcome.FLAGGED, ("clock-none",), "", t_ms=1_700_000_000_000 + seq)
    if seq % 11 == 5:
        return Judged(seq, Outcome.QUARANTINED, ("unknown-kind",), "a kind of tomorrow")
    return Judged(seq)
