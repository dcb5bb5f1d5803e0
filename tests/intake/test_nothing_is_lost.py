"""Devices, a broker that forgets, a line that breaks, a journal that fails, a gateway that is killed: in any
order of these, what was acknowledged is on disk, and in the end every record is there exactly once.

The line, the queue, the commit thread's work and the journal are the real ones; broker and devices are
models. Nothing waits for the clock: each step is over when its effect has been seen.
"""

import socket
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.config import MqttConfig
from gateway.contract import decode_ack
from gateway.devices import Device
from gateway.intake import wire
from gateway.intake.committer import Committer, Parcel
from gateway.intake.decide import Decider
from gateway.intake.inbox import Inbox
from gateway.intake.link import Link
from gateway.journal import Appended, Arrival, JournalError, JournalReader, SqliteJournal

DEADLINE_S = 5.0
LOG = "0000abcd"
CONNECT, SUBSCRIBE = 0x10, 0x82
NAMES = ("bin-001", "bin-002", "bin-003")


def sized(head: int, body: bytes) -> bytes:
    """A packet of two length bytes at most."""
    length = bytes((len(body),)) if len(body) < 128 else bytes((len(body) & 0x7F | 0x80, len(body) >> 7))
    return bytes((head,)) + length + body


def first_packet(stream: bytes) -> tuple[int, bytes, bytes] | None:
    """Its first byte and its body, and what follows; None: it is not complete."""
    if len(stream) < 2 or (stream[1] & 0x80 and len(stream) < 3):
        return None
    size, start = (stream[1], 2) if stream[1] < 0x80 else (stream[1] & 0x7F | stream[2] << 7, 3)
    if len(stream) < start + size:
        return None
    return stream[0], stream[start : start + size], stream[start + size :]


def until(condition: Callable[[], bool]) -> None:
    """Another thread is about to make it so; it takes microseconds, so looks are close."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "did not come about"
        time.sleep(0.0002)


class Flaky(SqliteJournal):
    """A real journal whose next appends go wrong as told: before anything is stored, or after all of it."""

    wrong: Sequence[str] = ()

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        self.safe: set[bytes] = set()  # messages that are on disk

    def append(self, batch: Sequence[Arrival]) -> Appended:
        wrong, self.wrong = (self.wrong or ("",))[0], self.wrong[1:]
        if wrong == "before":
            raise JournalError("refused")
        done = super().append(batch)
        self.safe |= {arrival.body for arrival in batch}
        if wrong == "after":
            raise JournalError("stored, and said that it was not")
        return done


class Unit:
    """A device that keeps the contract: holds each record until `down/ack` covers it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: dict[int, bytes] = {}
        self.freed = 0
        self.sent = 0

    def make(self) -> None:
        seq = len(self.made) + 1
        text = b'{"seq":%d,"t":%d,"clock":"ntp","kind":"boot","reason":"power","fw":"1","hw":"1"}'
        self.made[seq] = text % (seq, 1_763_715_600_000 + seq)

    def message(self, count: int) -> tuple[bytes, bytes] | None:
        """The next of its records, as a publication; None: there is nothing to send."""
        numbers = range(self.sent + 1, min(self.sent + count, len(self.made)) + 1)
        if not numbers:
            return None
        self.sent = numbers[-1]
        texts = b",".join(self.made[seq] for seq in numbers)
        head = b'{"v":1,"log":"%b","first":%d,"sent":1,"recs":[' % (LOG.encode(), self.freed + 1)
        return f"huishou/1/{self.name}/up/records".encode(), head + texts + b"]}"


class City(RuleBasedStateMachine):
    """Three units, one broker, one gateway."""

    @initialize(protocol=st.sampled_from(("3.1.1", "5")))
    def begin(self, protocol: str) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("gateway.intake.link.WAITS_S", (0.0,))
        self.patch.setattr("gateway.intake.link.REFUSED_WAITS_S", (0.0,))
        self.patch.setattr("gateway.intake.committer.RETRY_S", (0.0,))
        self.patch.setattr("gateway.intake.committer.GATHER_S", 0.0)
        self.config = MqttConfig(protocol=protocol)  # type: ignore[arg-type]
        self.level = wire.V5 if protocol == "5" else wire.V311
        self.directory = tempfile.TemporaryDirectory()
        self.units = {name: Unit(name) for name in NAMES}
        self.queue: list[tuple[bytes, bytes]] = []  # the broker's, not yet sent to the gateway
        self.flying: dict[int, tuple[bytes, bytes]] = {}  # sent, without PUBACK
        self.known = False  # the broker has the gateway's session
        self.packet = 0
        self.told = 0  # `down/ack` messages heard
        self.marks = 0  # that the last commit owes
        self.start_gateway()

    # The gateway, real but for the socket and the thread that commits

    def start_gateway(self) -> None:
        self.journal = Flaky(Path(self.directory.name))
        self.inbox: Inbox[Parcel] = Inbox()
        self.ends: list[socket.socket] = []
        self.link = Link(self.config, self.inbox, dial=self.dial)
        self.committer = Committer(
            self.inbox,
            self.journal,
            Decider(lambda name: Device(name, "bin")),
            self.settle,
        )
        self.link.start()
        self.let_in()

    def settle(self, parcels: Sequence[Parcel], done: Appended) -> None:
        self.marks = len(done.acks)
        self.link.settle(parcels, done.acks)

    def dial(self, _config: MqttConfig) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.settimeout(DEADLINE_S)
        ours.setblocking(False)
        self.ends.append(theirs)
        return ours

    def let_in(self) -> None:
        """The broker accepts the connection that the gateway opens, and sends again what has no PUBACK."""
        until(lambda: bool(self.ends))
        self.end = self.ends.pop()
        self.stream, self.seen, self.pubacks = b"", 0, list[int]()
        self.listen(lambda: self.seen == CONNECT)
        none = b"\0" if self.level == wire.V5 else b""
        self.end.sendall(sized(0x20, bytes((int(self.known), 0)) + none))
        self.listen(lambda: self.seen == SUBSCRIBE)
        self.end.sendall(sized(0x90, b"\xff\xff" + none + b"\x01"))
        until(lambda: self.link.ready)
        self.known = True
        again, self.flying = list(self.flying.values()), {}
        self.send(again, head=0x3A)

    def send(self, messages: list[tuple[bytes, bytes]], head: int = 0x32) -> None:
        """The broker delivers; returns when the gateway has it queued."""
        before, data = len(self.inbox), b""
        for topic, payload in messages:
            self.packet = self.packet % 65_000 + 1
            self.flying[self.packet] = topic, payload
            body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", self.packet)
            data += sized(head, body + (b"\0" if self.level == wire.V5 else b"") + payload)
        self.end.sendall(data)
        until(lambda: len(self.inbox) == before + len(messages))

    def listen(self, enough: Callable[[], bool]) -> None:
        """Take in what the gateway writes until it is enough, and hold it against what is on disk."""
        while not enough():
            more = self.end.recv(65_536)
            assert more, "the gateway closed the line"
            self.stream += more
            while packet := first_packet(self.stream):
                head, body, self.stream = packet
                if head == 0x40:
                    self.pubacks.append(body[0] << 8 | body[1])
                elif head in (0x32, 0x3A):
                    self.down_ack(body)
                else:
                    self.seen = head

    def down_ack(self, body: bytes) -> None:
        length = body[0] << 8 | body[1]
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        self.end.sendall(b"\x40\x02" + rest[:2])
        ack = decode_ack(rest[3:] if self.level == wire.V5 else rest[2:])
        unit = self.units[topic.split("/")[2]]
        assert ack.seq <= (self.journal.hwm(unit.name, LOG) or 0), "acknowledged what is not on disk"
        unit.freed = max(unit.freed, ack.seq)
        self.told += 1

    # What happens

    @rule(name=st.sampled_from(NAMES), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4))
    def a_unit_makes_records_and_sends_them(self, name: str, sizes: list[int]) -> None:
        unit = self.units[name]
        for _ in range(sum(sizes)):
            unit.make()
        for size in sizes:
            if message := unit.message(size):
                self.queue.append(message)

    @rule(name=st.sampled_from(NAMES))
    def a_unit_goes_back_to_its_first_unacknowledged_record(self, name: str) -> None:
        self.units[name].sent = self.units[name].freed

    @rule(count=st.integers(1, 10))
    def the_broker_delivers(self, count: int) -> None:
        now, self.queue = self.queue[:count], self.queue[count:]
        self.send(now)

    @precondition(lambda self: len(self.inbox) > 0)
    @rule(wrong=st.lists(st.sampled_from(("before", "after")), max_size=3))
    def the_gateway_commits(self, wrong: list[str]) -> None:
        self.journal.wrong = wrong
        expected, told = list(self.flying), self.told
        assert self.pubacks == [], "acknowledged without a commit"
        assert self.committer.step(0.0)
        self.listen(lambda: len(self.pubacks) == len(expected) and self.told >= told + self.marks)
        assert self.pubacks == expected, "not the messages of this connection, or not in their order"
        for topic, payload in self.flying.values():
            assert payload in self.journal.safe, f"PUBACK on {topic!r} before it was on disk"
        self.flying, self.pubacks = {}, []

    @rule()
    def the_line_breaks(self) -> None:
        self.end.close()
        self.let_in()

    @rule()
    def the_broker_forgets_everything(self) -> None:
        self.queue.clear()
        self.flying.clear()
        self.known = False
        self.the_line_breaks()

    @rule()
    def the_gateway_is_killed(self) -> None:
        self.link.stop()
        self.end.close()
        self.journal.close()
        self.start_gateway()

    def teardown(self) -> None:
        if not hasattr(self, "link"):
            return
        try:
            self.settle_everything()
        finally:
            self.link.stop()
            self.end.close()
            self.journal.close()
            self.patch.undo()
        with JournalReader(Path(self.directory.name)) as reader:
            for name, unit in self.units.items():
                found = [
                    (record.seq, record.raw)
                    for row in reader.read(0, 10_000, name)
                    for record in row.records()
                ]
                assert sorted(found) == sorted(unit.made.items()), "lost, doubled, or altered"
            counters = reader.counters()
            assert counters.received == sum(counters.outcomes.values())
        self.directory.cleanup()

    def settle_everything(self) -> None:
        for _ in range(200):
            if all(unit.freed == len(unit.made) for unit in self.units.values()):
                return
            for unit in self.units.values():
                unit.sent = unit.freed
                while message := unit.message(5):
                    self.queue.append(message)
            self.the_broker_delivers(len(self.queue))
            while len(self.inbox):
                self.the_gateway_commits([])
        raise AssertionError("the units are not rid of their records")


TestCity = City.TestCase
TestCity.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
