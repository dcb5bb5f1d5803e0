"""The black box: the last 64 events are there after any number of notes, power cuts and damage."""

import pytest
from edge import blackbox
from edge.blackbox import EVENT, KEPT, BlackBox, Ring, decode, encode, not_yet
from edge.errors import EdgeError
from hypothesis import given
from hypothesis import strategies as st

from tests.device.flash import SECTOR, Flash, PowerFails

CODES = blackbox.CODES.split()


def box_on(flash: Flash) -> BlackBox:
    box = BlackBox(flash)
    box.boot = 7
    box.now = lambda: (1_790_000_000_000, "ntp")
    return box


def details(box: BlackBox) -> list[str]:
    return [decode(event)[4] for event in box.last()]


def test_the_last_64_fit_into_2_kb_also_in_base_64() -> None:
    assert KEPT == 64
    assert KEPT * EVENT * 4 // 3 <= 2048


@given(st.sampled_from(CODES), st.text(max_size=30), st.integers(0, 2**20), st.integers(0, 2**32 - 1))
def test_an_event_comes_back_as_it_went_in(code: str, detail: str, boot: int, t_s: int) -> None:
    found = decode(encode(code, detail, boot, t_s, "gnss"))
    assert found[:4] == (t_s, boot & 0xFFFF, code, "gnss")
    whole = detail.encode()
    assert whole.startswith(found[4].encode())
    assert found[4] == detail or len(whole) > 16 or "\0" in detail


@given(st.binary(min_size=EVENT, max_size=EVENT))
def test_any_bytes_can_be_shown(event: bytes) -> None:
    _t, _boot, code, clock, detail = decode(event)
    assert code
    assert clock
    detail.encode()


def test_a_code_that_is_not_in_the_table_is_not_lost() -> None:
    assert decode(encode("never-heard-of", "", 1, 0, "ntp"))[2:] == ("other", "ntp", "never-heard-of")


def test_no_code_stands_twice_and_a_byte_holds_them() -> None:
    assert len(set(CODES)) == len(CODES) < 256


@given(st.integers(0, 700), st.integers(2, 4), st.integers(1, 90))
def test_the_newest_are_there_in_order_also_after_a_new_start(count: int, sectors: int, wanted: int) -> None:
    flash = Flash(sectors)
    box = box_on(flash)
    for n in range(count):
        if n % 100 == 50:
            box = box_on(flash)
        box.note("error", str(n))
    expected = [str(n) for n in range(count)][-wanted:]
    for reader in (box, box_on(flash)):
        assert [decode(event)[4] for event in reader.last(wanted)] == expected[-145:]
    assert box_on(flash).last_boot() == (7 if count else 0)


@given(st.integers(1, 330), st.integers(0, 256))
def test_a_power_cut_costs_at_most_the_event_that_was_being_written(cut: int, torn: int) -> None:
    flash = Flash(2)
    flash.cut_at, flash.torn = cut, torn
    box = box_on(flash)
    done = 0
    try:
        for n in range(320):
            box.note("error", str(n))
            done = n + 1
    except PowerFails:
        pass
    flash.cut_at = 0
    box = box_on(flash)
    found = details(box)
    written = [str(n) for n in range(done)][-63:]
    assert found[-len(written) :] == written or found[-len(written) - 1 : -1] == written
    box.note("power-on", "after")
    assert details(box)[-1] == "after"
    assert len(details(box_on(flash))) >= min(done, 60)


@given(st.integers(0, 2 * SECTOR - 1), st.integers(1, 255))
def test_a_flipped_bit_costs_one_event_or_one_sector(at: int, flip: int) -> None:
    flash = Flash(2)
    box = box_on(flash)
    for n in range(250):
        box.note("error", str(n))
    flash.image[at] ^= flip
    found = details(box_on(flash))
    numbers = [int(text) for text in found if text.isdigit()]
    assert numbers == sorted(numbers)
    assert len(found) >= 63 or at % SECTOR < 16


def test_below_the_voltage_floor_events_wait_and_are_not_lost() -> None:
    flash = Flash(2)
    box = box_on(flash)
    box.may_write = not_yet
    box.note("brown-out", "3050 mV")
    assert flash.operations == 0
    assert details(box) == ["3050 mV"]
    box.may_write = lambda: True
    box.flush()
    assert details(box_on(flash)) == ["3050 mV"]


def test_an_event_before_the_clock_was_known_has_no_invented_time() -> None:
    box = BlackBox(Flash(2))
    box.now = lambda: (946_684_800_000, "none")
    box.note("power-on")
    assert decode(box.last()[0])[0] == 0


class Broken(Flash):
    """Every operation fails, as a flash that is worn out or unsoldered."""

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        raise OSError(5)


def test_a_box_on_broken_flash_or_without_any_goes_on_in_memory() -> None:
    for device in (Broken(2), None):
        box = BlackBox(device)
        for n in range(100):
            box.note("error", str(n))
        kept = details(box)
        assert kept == [str(n) for n in range(100)][-len(kept) :]
        assert len(kept) == (16 if device else 64)
    assert BlackBox(None).broken == ""


def test_a_partition_of_one_sector_is_refused() -> None:
    with pytest.raises(EdgeError, match="at least 2 sectors"):
        Ring(Flash(1))
