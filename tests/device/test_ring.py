"""The flash log against a model: whatever is cut, torn or half erased, no record that was written is lost
or changed.
"""

import json
from collections.abc import Callable

import pytest
from edge.errors import EdgeError
from edge.store import record
from edge.store.ring import Ring
from edge.store.sector import entries
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.device.flash import SECTOR, Flash, PowerFails

LOG = 0x1234ABCD


def mount(flash: Flash) -> Ring:
    return Ring(flash, lambda: LOG)


def body(seq: int, size: int) -> bytes:
    return (b"%d:" % seq).ljust(size, b"x")


class RingMachine(RuleBasedStateMachine):
    """Appends, acknowledges, remounts and cuts the power; the model is what a caller was told."""

    @initialize(sectors=st.integers(4, 9))
    def begin(self, sectors: int) -> None:
        self.flash = Flash(sectors)
        self.ring = mount(self.flash)
        self.written: dict[int, bytes] = {}
        self.head = self.acked = 0
        self.maybe: bytes | None = None  # the record whose write was cut

    def _do(self, what: Callable[[], object], cut: int | None, torn: int) -> bool:
        """Do it, with the power cut at the `cut`-th flash operation from now; whether it was completed."""
        self.flash.cut_at = self.flash.operations + cut if cut else 0
        self.flash.torn = torn
        try:
            what()
        except PowerFails:
            self.flash = Flash(0, bytes(self.flash.image))
            return False
        self.flash.cut_at = 0
        return True

    def _remount(self) -> None:
        self.ring = mount(self.flash)
        assert self.ring.log == f"{LOG:08x}"
        assert self.ring.head in (self.head, self.head + (self.maybe is not None))
        if self.ring.head == self.head + 1 and self.maybe is not None:
            self.written[self.ring.head] = self.maybe
        self.head, self.maybe = self.ring.head, None
        assert self.ring.acked <= self.acked
        self.acked = self.ring.acked

    @rule(
        size=st.integers(8, 900),
        spare=st.booleans(),
        cut=st.none() | st.integers(1, 3),
        torn=st.integers(0, 256),
    )
    def append(self, size: int, spare: bool, cut: int | None, torn: int) -> None:
        data = body(self.head + 1, size)
        try:
            done = self._do(lambda: self.ring.append(data, spare), cut, torn)
        except EdgeError as error:
            assert error.code == "log-full"  # noqa: PT017
            assert self.head > self.acked, "a log whose records are all free is never full"
            return
        if done:
            self.head += 1
            self.written[self.head] = data
        else:
            self.maybe = data
            self._remount()

    @rule(share=st.integers(0, 100), cut=st.none() | st.integers(1, 3), torn=st.integers(0, 256))
    def acknowledge(self, share: int, cut: int | None, torn: int) -> None:
        seq = self.acked + (self.head - self.acked) * share // 100
        before = self.acked
        self.acked = max(self.acked, seq)
        if not self._do(lambda: self.ring.ack(seq), cut, torn):
            self._remount()
            assert self.acked >= before, "what was free stays free"

    @rule()
    def power_cycle(self) -> None:
        self.flash = Flash(0, bytes(self.flash.image))
        self._remount()

    @invariant()
    def every_record_that_is_not_free_can_be_read(self) -> None:
        if not hasattr(self, "ring"):
            return
        assert (self.ring.head, self.ring.acked) == (self.head, self.acked)
        seq, found = self.acked + 1, {}
        while seq <= self.head:
            run = self.ring.read(seq, 2000)
            assert run[0][0] == seq
            found.update(run)
            seq = run[-1][0] + 1
        assert found == {n: self.written[n] for n in range(self.acked + 1, self.head + 1)}
        on_flash = {n: data for _log, n, data in entries(bytes(self.flash.image))}
        assert found.items() <= on_flash.items()
        assert on_flash.items() <= self.written.items()


TestRing = RingMachine.TestCase
TestRing.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@pytest.mark.parametrize("torn", [0, 1, 100, 255, 256])
def test_a_cut_at_every_flash_operation_loses_nothing_acknowledged_to_the_caller(torn: int) -> None:
    """One scripted life, laps around a small ring, cut at each of its operations in turn."""

    def life(flash: Flash, told: list[int]) -> None:
        ring = mount(flash)
        for _ in range(120):
            told[0] = ring.append(body(ring.head + 1, 300), spare=False)
            if ring.head % 7 == 0:
                ring.ack(ring.head - 2)

    whole = Flash(4)
    life(whole, [0])
    assert whole.erases > 8  # more than two laps
    for cut in range(1, whole.operations + 1):
        flash, told = Flash(4), [0]
        flash.cut_at, flash.torn = cut, torn
        with pytest.raises(PowerFails):
            life(flash, told)
        after = Flash(0, bytes(flash.image))
        ring = mount(after)
        assert ring.head in (told[0], told[0] + 1)
        run = dict(ring.read(ring.first, 1 << 20)) if ring.head > ring.acked else {}
        assert run == {n: body(n, 300) for n in range(ring.first, ring.head + 1)}
        assert ring.append(b"goes on", spare=False) == ring.head


def test_wear_is_a_small_share_of_an_erase_a_record() -> None:
    flash = Flash(32)
    ring = mount(flash)
    for _ in range(5000):
        ring.append(body(1, 64))
        if ring.head % 20 == 0:
            ring.ack(ring.head)
    assert flash.erases / 5000 <= 1 / 50
    assert flash.programmed / (5000 * 64) <= 1.3


def test_a_full_log_keeps_its_reserve_for_weighings_and_overwrites_nothing() -> None:
    ring = mount(Flash(16))
    while ring.room(500):
        ring.append(body(1, 500))
    with pytest.raises(EdgeError, match="log-full"):
        ring.append(body(1, 500))
    readings = ring.head
    while ring.room(500, spare=False):
        ring.append(body(1, 500), spare=False)
    with pytest.raises(EdgeError, match="log-full"):
        ring.append(body(1, 500), spare=False)
    assert ring.head > readings
    assert ring.read(1, 100)[0] == (1, body(1, 500))
    ring.ack(readings)
    ring.append(body(1, 500))


def test_times_are_filled_in_for_the_records_they_cover_only() -> None:
    flash = Flash(8)
    ring = mount(flash)

    def write(t: int, clock: str) -> None:
        ring.append(record.encode(ring.head + 1, t, clock, "reading", [("mass_g", 1)]))

    for t in range(5):
        write(t, "none")
    ring.add_time(3, 1000)
    write(9000, "ntp")
    write(7, "none")
    for source in (ring, mount(flash)):
        read = [json.loads(data) for _seq, data in source.read(1, 5000)]
        assert [(r["t"], r["clock"]) for r in read] == [
            (0, "none"), (1, "none"),
            (1002, "back"), (1003, "back"), (1004, "back"),
            (9000, "ntp"), (7, "none"),
        ]  # fmt: skip
    assert [json.loads(data) for _log, _seq, data in entries(bytes(flash.image))] == read


@given(damage=st.lists(st.tuples(st.integers(0, 8 * SECTOR - 1), st.integers(0, 255)), max_size=30))
@settings(deadline=None)
def test_damaged_flash_gives_true_records_or_a_named_error(damage: list[tuple[int, int]]) -> None:
    flash = Flash(8)
    ring = mount(flash)
    for _ in range(90):
        ring.append(body(ring.head + 1, 200))
    for at, byte in damage:
        flash.image[at] = byte
    for _log, seq, data in entries(bytes(flash.image)):
        assert data == body(seq, 200)
    try:
        again = mount(flash)
    except EdgeError as error:
        assert error.code == "log-unreadable"  # noqa: PT017
        return
    for seq, data in again.read(again.first, 1 << 20):
        assert data == body(seq, 200)


def test_a_partition_with_something_else_on_it_is_refused_and_not_wiped() -> None:
    flash = Flash(8)
    flash.image[5 * SECTOR : 5 * SECTOR + 4] = b"DATA"
    with pytest.raises(EdgeError, match="log-unreadable"):
        mount(flash)
    assert flash.operations == 0
