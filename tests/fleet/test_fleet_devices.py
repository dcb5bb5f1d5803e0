"""A device of the fleet keeps the contract, whatever is acknowledged, lost or repeated; its records are
good."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.contract import decode_records, decode_state
from gateway.devices import parse_devices
from gateway.intake.decide import Decider, Incoming
from gateway.journal import Outcome, Records
from simulators.fleet import Flood, Options, devices_file, read_ledger, wire
from simulators.fleet.delays import Delays
from simulators.fleet.device import MAX_BODY, Device
from simulators.fleet.flood import KEEP, FloodDevice
from simulators.fleet.ledger import Ledger
from simulators.fleet.roster import device_id, log_id, unit_of

T_MS = 1_795_000_000_000


def _device(index: int = 0, per_message: int = 3, window: int = 2) -> Device:
    unit = unit_of(1, index)
    return Device(device_id("fleet", index), log_id(1, index, 0), unit, per_message, window, T_MS)


class OneDevice(RuleBasedStateMachine):
    """Against a model that is the plainest: which records exist, which were freed or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.device = _device()
        self.texts: dict[int, bytes] = {}
        self.free = 0  # all up to here are freed or lost
        self.sent = 0
        self.flying = 0
        self.now_s = 0.0

    @rule(count=st.integers(1, 8))
    def make(self, count: int) -> None:
        for _ in range(count):
            seq = self.device.next
            self.texts[seq] = self.device.make(T_MS + seq)

    @rule()
    def send(self) -> None:
        self.now_s += 1
        cursor = self.device.cursor
        body = self.device.message(self.now_s, T_MS)
        if body is None:
            assert self.flying >= 2 or cursor == self.device.next
            return
        self.flying += 1
        message = json.loads(body)
        seqs = [record["seq"] for record in message["recs"]]
        assert seqs == list(range(cursor, cursor + len(seqs)))  # unbroken, from where it stood
        assert message["first"] == self.free + 1
        assert seqs[0] > self.free  # nothing that is freed goes out again
        self.sent = max(self.sent, seqs[-1])
        assert b",".join(self.texts[seq] for seq in seqs) in body  # byte for byte as on flash

    @rule()
    def puback(self) -> None:
        self.device.puback()
        self.flying = max(0, self.flying - 1)

    @rule(part=st.floats(0, 1))
    def ack(self, part: float) -> None:
        seq = self.free + round(part * (self.sent - self.free))
        self.device.acknowledged(self.device.log, seq, self.now_s)
        self.free = max(self.free, seq)

    @rule(ahead=st.integers(1, 5))
    def ack_of_what_was_never_sent(self, ahead: int) -> None:
        before = self.device.false_acks
        assert self.device.acknowledged(self.device.log, max(self.sent, self.free) + ahead, self.now_s) == []
        assert self.device.false_acks == before + 1

    @rule()
    def ack_of_another_log(self) -> None:
        assert self.device.acknowledged("00000000", 10**6, self.now_s) == []

    @rule()
    def reconnect(self) -> None:
        self.device.reconnected(self.now_s)
        self.flying = 0

    @precondition(lambda self: len(self.device.held) > 1)
    @rule(count=st.integers(1, 4))
    def lose(self, count: int) -> None:
        lost = self.device.lose(count)
        assert lost is not None
        assert lost[0] == self.free + 1
        self.free = lost[1]

    @invariant()
    def holds_what_is_not_free(self) -> None:
        device = self.device
        assert device.held == [self.texts[seq] for seq in range(self.free + 1, device.next)]
        assert device.first == self.free + 1
        assert device.first <= device.cursor <= device.next


TestOneDevice = OneDevice.TestCase
TestOneDevice.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_device_that_waits_too_long_starts_again() -> None:
    device = _device()
    for seq in range(6):
        device.make(T_MS + seq)
    first = device.message(0.0, T_MS)
    assert not device.stalled(9.0, 10.0)
    assert device.stalled(10.0, 10.0)
    device.rewind(10.0)
    assert device.message(10.0, T_MS) == first


def test_a_message_stays_below_the_size_that_devices_send() -> None:
    device = _device(per_message=100, window=1000)
    for seq in range(400):
        device.make(T_MS + seq)
    bodies = []
    while (body := device.message(0.0, T_MS)) is not None:
        bodies.append(body)
    assert max(map(len, bodies)) <= MAX_BODY
    assert sum(len(json.loads(body)["recs"]) for body in bodies) == 400


@pytest.mark.parametrize("index", [0, 9], ids=["bin", "truck"])
def test_records_are_accepted_one_and_all(index: int) -> None:
    """A day and a half, a record a minute, through the real decoder and checks."""
    known = parse_devices(json.dumps(devices_file(Options(devices=10))).encode())
    decider = Decider(known.get)
    device = _device(index, per_message=10, window=10**6)
    kinds, refused = set(), []
    for number in range(2_000):
        device.make(T_MS + number * 60_000)
        if number % 10 != 9:
            continue
        body = device.message(0.0, T_MS)
        assert body
        topic = f"huishou/1/{device.id}/up/records"
        arrival = decider.decide(Incoming(topic, body, len(body), T_MS + number * 60_000 + 500))
        assert isinstance(arrival, Records)
        kinds |= {item.kind for item in decode_records(body).recs}
        refused += [one for one in arrival.records if one.outcome is Outcome.QUARANTINED]
    assert refused == []
    expected: dict[int, set[str]] = {
        0: {"boot", "reading", "deposit", "collect", "door", "session"},
        9: {"boot", "reading", "position", "fence", "weigh"},
    }
    assert kinds == expected[index]


def test_the_same_seed_gives_the_same_bytes() -> None:
    def texts(seed: int) -> list[bytes]:
        unit = unit_of(seed, 3)
        return [unit.text(seq, T_MS + seq) for seq in range(50)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_bad_records_have_a_good_number_and_are_refused_alone() -> None:
    device = _device(per_message=20, window=4)
    for seq in range(20):
        device.make(T_MS + seq, bad=seq % 2 == 1)
    body = device.message(0.0, T_MS)
    assert body
    items = decode_records(body).recs
    assert [item.record is None for item in items] == [False, True] * 10
    assert [item.seq for item in items] == list(range(1, 21))


def test_a_state_is_one_of_the_contract() -> None:
    device = _device()
    device.make(T_MS)
    state = decode_state(device.state())
    assert (state.online, state.log, state.first, state.head) == (True, device.log, 1, 1)


def test_a_new_log_says_what_the_old_one_took_with_it() -> None:
    device = _device()
    for seq in range(5):
        device.make(T_MS + seq)
    device.message(0.0, T_MS)
    device.acknowledged(device.log, 2, 0.0)
    assert device.open_log("0badcafe") == (3, 5)
    device.make(T_MS + 9)
    body = device.message(0.0, T_MS)
    assert body
    assert json.loads(body)["recs"][0]["seq"] == 1


@pytest.mark.parametrize("kind", ["valid", "duplicates", "garbage"])
def test_a_flood_never_runs_dry_and_holds_little(kind: Any) -> None:
    flood = Flood(kind)
    device = FloodDevice("wild-flood", "0badcafe", flood.kind, 50, 5, seed=1)
    bodies = []
    for _ in range(KEEP // 50 + 100):
        if device.wants_records():
            for _ in range(50):
                device.make(T_MS)
            device.forget()
        body = device.message(0.0, T_MS)
        assert body is not None
        bodies.append(body)
        device.puback()
    assert len(device.held) <= KEEP
    if kind == "duplicates":
        assert set(bodies[1:]) == {bodies[0]}
    if kind == "garbage":
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(bodies[0])


def test_a_ledger_reads_back_and_leaves_out_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.tsv"
    ledger = Ledger(path)
    ledger.record(b"R", b"fleet-00000\tdeadbeef", 7, b'{"seq":7}')
    ledger.freed(b"fleet-00000\tdeadbeef", 7)
    ledger.lost(b"fleet-00000\tdeadbeef", 8, 11)
    ledger.close()
    with path.open("ab") as file:
        file.write(b"R\tfleet-0")
    entries = list(read_ledger(path))
    assert [(entry.what, entry.seq, entry.text, entry.last) for entry in entries] == [
        ("R", 7, b'{"seq":7}', -1),
        ("F", 7, b"", -1),
        ("L", 8, b"", 11),
    ]
    assert {(entry.device, entry.log) for entry in entries} == {("fleet-00000", "deadbeef")}


@given(st.lists(st.binary(max_size=400), max_size=12), st.lists(st.integers(1, 60), min_size=1))
def test_packets_come_whole_however_they_are_cut(payloads: list[bytes], cuts: list[int]) -> None:
    topic = wire.topic_field("huishou/1/fleet-00001/down/ack")
    stream = b"".join(wire.publish(topic, one, n + 1) + wire.puback(n + 1) for n, one in enumerate(payloads))
    packets, found, at = wire.Packets(), [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += list(packets.feed(stream[at : at + size]))
        at += size
    published = [wire.read_publish(flags, body) for type_, flags, body in found if type_ == wire.PUBLISH]
    assert published == [
        (b"huishou/1/fleet-00001/down/ack", number, one) for number, one in enumerate(payloads, 1)
    ]
    assert sum(type_ == wire.PUBACK for type_, _, _ in found) == len(payloads)


def test_a_length_of_five_bytes_is_no_packet() -> None:
    with pytest.raises(wire.WireError):
        list(wire.Packets().feed(b"\x30\xff\xff\xff\xff\x01"))


@given(st.lists(st.floats(1e-5, 100), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_percentiles_are_right_within_two_per_cent(values: list[float], q: float) -> None:
    delays = Delays()
    for value in values:
        delays.add(value)
    exact = sorted(values)[max(0, -int(-q * len(values) // 1) - 1)]
    found = delays.quantile(q)
    assert found is not None
    assert found == pytest.approx(exact, rel=0.021)
    assert delays.max_s == max(values)
