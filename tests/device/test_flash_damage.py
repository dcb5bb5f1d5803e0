"""The flash log on flash that decays: single bits fall over, erases stop half-way in any state, sectors no
longer take anything. What can be read is true, a number is given once, and what is gone is named.
"""

from collections.abc import Callable

import pytest
from edge.errors import EdgeError
from edge.store.losses import SIZE
from edge.store.ring import Ring
from edge.store.sector import HEADER_SIZE
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.device.flash import SECTOR, Flash, PowerFails

LOG = 0x1234ABCD
SMALL = 44  # no record's JSON text is shorter


def body(seq: int, size: int) -> bytes:
    return (b'{"seq":%d,' % seq).ljust(size, b"x")


def mount(flash: Flash) -> Ring:
    return Ring(flash, lambda: LOG)


def held(ring: Ring) -> dict[int, bytes]:
    """Everything that is not acknowledged, as the uplink reads it."""
    found: dict[int, bytes] = {}
    seq = ring.acked + 1
    while seq <= ring.head and (run := ring.read(seq, 2000)):
        found.update(run)
        seq = run[-1][0] + 1
    return found


def runs(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


class DecayMachine(RuleBasedStateMachine):
    """The model is what a caller was told; `damaged` is what may be gone of it."""

    @initialize(sectors=st.integers(4, 9))
    def begin(self, sectors: int) -> None:
        self.flash = Flash(sectors)
        self.ring = mount(self.flash)
        self.written: dict[int, bytes] = {}
        self.acked = 0
        self.maybe: tuple[int, bytes] | None = None
        self.events = 0
        self.hit: set[int] = set()
        self._append(SMALL)  # without a record there is no log

    def _do(self, what: Callable[[], object], cut: int | None, torn: int, tear: str) -> bool:
        self.flash.cut_at = self.flash.operations + cut if cut else 0
        self.flash.torn, self.flash.tear = torn, tear
        try:
            what()
        except PowerFails:
            self._remount(bytes(self.flash.image))
            return False
        self.flash.cut_at = 0
        return True

    def _remount(self, image: bytes) -> None:
        dead = self.flash.dead
        self.flash = Flash(0, image)
        self.flash.dead, self.flash.strict = dead, False
        self.ring = mount(self.flash)
        assert self.flash.reads <= 3 * self.flash.sectors + 40
        assert self.ring.log == f"{LOG:08x}"
        assert self.ring.acked <= self.acked
        self._compare()

    def _compare(self) -> None:
        found = held(self.ring)
        if self.maybe and self.maybe[0] in found:
            self.written[self.maybe[0]] = self.maybe[1]
        self.maybe = None
        for seq, data in found.items():
            assert data == self.written[seq]
        missing = [n for n in range(self.ring.acked + 1, self.ring.head + 1) if n not in found]
        assert self.ring.lost() == runs(missing)[:SIZE], "each number is here or named"
        told = [n for n in self.written if n > self.acked and n not in found]
        assert len(told) <= self.events, "one bit costs one record"
        assert not self.written or self.ring.head >= max(self.written), "a number is given once"

    def _append(self, size: int, cut: int | None = None, torn: int = 0, tear: str = "blank") -> None:
        seq = self.ring.head + 1
        assert seq not in self.written
        data = body(seq, size)
        self.maybe = seq, data
        try:
            if self._do(lambda: self.ring.append(data, False), cut, torn, tear):
                self.maybe = None
                self.written[seq] = data
        except EdgeError as error:
            assert error.code in ("log-full", "flash-failed")  # noqa: PT017
            self.maybe = None

    @rule(
        size=st.integers(SMALL, 900),
        cut=st.none() | st.integers(1, 3),
        torn=st.integers(0, 256),
        tear=st.sampled_from(("blank", "zeros", "noise")),
    )
    def append(self, size: int, cut: int | None, torn: int, tear: str) -> None:
        self._append(size, cut, torn, tear)

    @rule(count=st.integers(5, 30), size=st.integers(SMALL, 300))
    def append_many(self, count: int, size: int) -> None:
        for _ in range(count):
            self._append(size)

    @rule(share=st.integers(0, 100), cut=st.none() | st.integers(1, 2), torn=st.integers(0, 256))
    def acknowledge(self, share: int, cut: int | None, torn: int) -> None:
        seq = self.ring.acked + (self.ring.head - self.ring.acked) * share // 100
        self.acked = max(self.acked, seq)
        self._do(lambda: self.ring.ack(seq), cut, torn, "noise")

    @rule(place=st.integers(0, 9 * SECTOR - 1), bit=st.integers(0, 7))
    def a_bit_falls_over(self, place: int, bit: int) -> None:
        image = bytearray(self.flash.image)
        place %= len(image)
        if image[place] ^ 1 << bit == 0xFF:
            return  # what looks blank is taken for blank
        if place % SECTOR < HEADER_SIZE:
            if place // SECTOR in self.hit:
                return  # two wrong bits in the header of a log's only sector make it unreadable
            self.hit.add(place // SECTOR)
        image[place] ^= 1 << bit
        self.events += 1
        self._remount(bytes(image))
        self._append(SMALL)  # what is damaged stays behind

    @rule(index=st.integers(0, 8), byte=st.integers(0, HEADER_SIZE - 1), bit=st.integers(0, 7))
    def a_header_is_hit(self, index: int, byte: int, bit: int) -> None:
        self.a_bit_falls_over(index % self.flash.sectors * SECTOR + byte, bit)

    @rule(index=st.integers(0, 8))
    def a_sector_wears_out(self, index: int) -> None:
        if not self.flash.dead:
            self.flash.dead = {index % self.flash.sectors}


TestDecay = DecayMachine.TestCase
TestDecay.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def fill(ring: Ring, count: int, size: int = 300) -> None:
    for _ in range(count):
        ring.append(body(ring.head + 1, size), spare=False)


def log_of(sectors: int, laps: float) -> Flash:
    flash = Flash(sectors)
    ring = mount(flash)
    while sum(flash.worn) < sectors * laps:
        ring.append(body(ring.head + 1, 300), spare=False)
        if ring.head % 40 == 0:
            ring.ack(ring.head - 20)
    return flash


@pytest.mark.parametrize("laps", [0.1, 0.99, 1.5])
def test_a_mount_after_any_cut_reads_a_stated_number_of_times(laps: float) -> None:
    """2 log2(sectors) + 16: of a mebibyte 32, where looking at every sector takes 256."""
    flash = log_of(256, laps)
    image = bytes(flash.image)
    for cut in range(1, 17):
        for torn, tear in ((13, "zeros"), (128, "noise"), (250, "blank")):
            flash = Flash(0, image)
            ring = mount(flash)
            flash.cut_at, flash.torn, flash.tear = flash.operations + cut, torn, tear
            with pytest.raises(PowerFails):
                fill(ring, 20)
            after = Flash(0, bytes(flash.image))
            mount(after)
            assert after.reads <= 32


def test_a_mount_with_damaged_headers_goes_around_once() -> None:
    flash = log_of(256, 1.5)
    for index in (0, 50, 128, 200):
        flash.image[index * SECTOR + 9] ^= 4
    after = Flash(0, bytes(flash.image))
    mount(after)
    assert after.reads <= 256 + 60


def test_what_damage_takes_from_the_middle_is_named_and_the_rest_is_there() -> None:
    flash = Flash(8)
    ring = mount(flash)
    fill(ring, 100, 200)
    place = bytes(flash.image).index(b'{"seq":50,')
    flash.image[place + 20] ^= 1
    ring = mount(flash)
    assert ring.lost() == []  # nobody has looked yet
    assert sorted(held(ring)) == [n for n in range(1, 101) if n != 50]
    assert (ring.lost(), ring.damage) == ([(50, 50)], 1)
    ring.ack(60)
    assert ring.lost() == []


def test_a_whole_sector_that_is_gone_is_one_run() -> None:
    flash = Flash(8)
    ring = mount(flash)
    fill(ring, 80)
    gone = sorted(
        n for n in held(ring) if SECTOR * 3 <= bytes(flash.image).index(b'{"seq":%d,' % n) < SECTOR * 4
    )
    flash.image[SECTOR * 3 : SECTOR * 4] = b"\x00" * SECTOR
    ring = mount(flash)
    assert not set(held(ring)) & set(gone)
    assert ring.lost() == [(gone[0], gone[-1])]


def test_the_newest_sector_without_its_header_still_gives_its_records_and_numbers() -> None:
    flash = log_of(8, 0.5)
    ring = mount(flash)
    before, head = held(ring), ring.head
    flash.image[SECTOR * 3 : SECTOR * 3 + HEADER_SIZE] = b"\x00" * HEADER_SIZE
    ring = mount(flash)
    assert (held(ring), ring.head) == (before, head)
    assert ring.append(body(head + 1, 50), spare=False) == head + 1
    again = mount(flash)
    assert held(again) == before | {head + 1: body(head + 1, 50)}


def test_below_the_voltage_floor_nothing_is_written_and_an_ack_is_kept_in_memory() -> None:
    well = True
    flash = Flash(8)
    ring = Ring(flash, lambda: LOG, lambda: well)
    for n in (1, 2, 3):
        ring.append(body(n, 100))
    well, before = False, bytes(flash.image)
    with pytest.raises(EdgeError, match="supply-low"):
        ring.append(body(4, 100))
    assert ring.ack(2)
    ring.add_time(1, 5)
    assert (bytes(flash.image), ring.first) == (before, 3)
    well = True
    assert ring.append(body(4, 100)) == 4


def test_a_new_log_is_not_begun_below_the_floor() -> None:
    flash = Flash(8)
    ring = Ring(flash, lambda: LOG, lambda: False)
    with pytest.raises(EdgeError, match="supply-low"):
        ring.append(b"{}")
    assert flash.operations == 0


@pytest.mark.parametrize("dead", [{2}, {2, 3, 4}])
def test_sectors_that_take_nothing_are_passed_over_for_laps(dead: set[int]) -> None:
    flash = Flash(12)
    flash.dead = dead
    ring = mount(flash)
    for _ in range(600):
        seq = ring.append(body(ring.head + 1, 300), spare=False)
        if seq % 20 == 0:
            ring.ack(seq - 10)
        if seq % 197 == 0:
            assert ring.damage >= len(dead)
            ring = mount(flash)
            assert ring.head == seq
    assert sorted(held(ring)) == list(range(591, 601))
    assert ring.lost() == []


def test_flash_that_takes_nothing_at_all_is_an_error_with_a_name() -> None:
    flash = Flash(8)
    flash.dead = set(range(8))
    with pytest.raises(EdgeError, match="flash-failed"):
        mount(flash).append(b"{}")


def test_numbers_that_were_given_are_never_given_again() -> None:
    ring = mount(Flash(8))
    ring.append(body(1, 50))
    ring.skip(9)
    assert ring.append(body(10, 50)) == 10
    assert sorted(held(ring)) == [1, 10]
    assert ring.lost() == [(2, 9)]
