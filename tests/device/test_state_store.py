"""The durable state survives a power cut at any moment of any write: what was, or what is, never less."""

import json

import pytest
from edge.errors import EdgeError
from edge.store.state import LIMIT, PAGE, State
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device.flash import SECTOR, Flash, PowerFails


def test_what_is_put_is_there_after_a_restart_and_each_key_stands_for_itself() -> None:
    flash = Flash(2)
    state = State(flash)
    assert not state.damaged
    assert state.get("zero", 5) == 5
    state.put("zero", {"scale0": [1, -2]})
    state.put("visit", "纸")
    again = State(Flash(0, bytes(flash.image)))
    assert (again.get("zero"), again.get("visit")) == ({"scale0": [1, -2]}, "纸")
    again.put("visit", None)
    assert State(again._dev).get("visit") is None


def test_what_has_not_changed_is_not_written() -> None:
    flash = Flash(2)
    state = State(flash)
    state.put("a", [1, 2])
    before = flash.operations
    state.put("a", [1, 2])
    assert flash.operations == before


def test_every_sector_is_used_in_turn_and_erased_once_for_sixteen_small_changes() -> None:
    flash = Flash(4)
    state = State(flash)
    for n in range(800):
        state.put("n", n)
        assert State(flash).get("n") == n
    assert flash.erases == 2 * 800 // (SECTOR // PAGE)
    assert max(flash.worn) - min(flash.worn) <= 1


def test_the_state_stands_twice_and_either_copy_is_enough() -> None:
    for bank in (0, 1):
        flash = Flash(4)
        state = State(flash)
        for n in range(20):
            state.put("n", n)
            spoilt = Flash(0, bytes(flash.image))
            spoilt.image[bank * 2 * SECTOR : (bank + 1) * 2 * SECTOR] = b"\x00" * 2 * SECTOR
            alone = State(spoilt)
            assert (alone.get("n"), alone.damaged) == (n, False)
            alone.put("n", "again")  # and so both are there again
            assert State(Flash(0, bytes(spoilt.image))).get("n") == "again"


def test_below_the_voltage_floor_nothing_is_written_and_what_was_stays() -> None:
    flash, well = Flash(2), True
    state = State(flash, lambda: well)
    state.put("n", 1)
    well, before = False, flash.operations
    with pytest.raises(EdgeError, match="supply-low"):
        state.put("n", 2)
    assert (flash.operations, state.get("n"), State(flash).get("n")) == (before, 1, 1)


def test_a_worn_sector_costs_a_copy_a_dead_partition_is_named() -> None:
    flash = Flash(4)
    flash.dead = {0}
    state = State(flash)
    for n in range(100):
        state.put("n", n)
        assert State(Flash(0, bytes(flash.image))).get("n") == n
    flash.dead = {0, 1, 2, 3}
    with pytest.raises(EdgeError, match="flash-failed"):
        state.put("n", "lost")
    assert state.get("n") == 99


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 1, 17, 128, 255])), min_size=1, max_size=60),
    st.sampled_from([2, 3]),
)
def test_a_cut_at_any_operation_leaves_the_old_or_the_new(cuts: list[tuple[int, int]], sectors: int) -> None:
    image: bytes | None = None
    known = 0
    for number, (wait, torn) in enumerate(cuts):
        flash = Flash(sectors, image)
        state = State(flash)
        assert not state.damaged
        known = state.get("n", 0)
        flash.cut_at, flash.torn = flash.operations + 1 + wait % 12, torn
        writing = known
        try:
            for writing in range(known + 1, known + 9):
                state.put("n", writing)
        except PowerFails:
            pass
        image = bytes(flash.image)
        after = State(Flash(sectors, image)).get("n", 0)
        assert after in (writing - 1, writing), f"cut {number}: {after}, was writing {writing}"


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(0, 1),
    st.lists(st.tuples(st.integers(0, 2 * SECTOR - 1), st.integers(0, 7)), max_size=6),
)
def test_damaged_bits_in_one_bank_cost_nothing(writes: int, bank: int, flips: list[tuple[int, int]]) -> None:
    flash = Flash(4)
    state = State(flash)
    for n in range(1, writes + 1):
        state.put("n", n)
    for at, bit in flips:
        flash.image[bank * 2 * SECTOR + at] ^= 1 << bit
    flash.strict = False  # a page that damage made look blank is programmed again
    state = State(flash)
    assert state.get("n", 0) == writes
    state.put("n", writes + 1)
    assert State(flash).get("n") == writes + 1


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 2 * SECTOR - 1), st.integers(0, 7)), max_size=12),
)
def test_damage_in_both_banks_gives_something_true(writes: int, flips: list[tuple[int, int]]) -> None:
    flash = Flash(2)
    state = State(flash)
    for n in range(1, writes + 1):
        state.put("n", n)
    for at, bit in flips:
        flash.image[at] ^= 1 << bit
    flash.strict = False
    state = State(flash)
    assert state.get("n", 0) in range(writes + 1)
    state.put("n", writes + 1)
    assert State(flash).get("n") == writes + 1


def test_a_partition_full_of_nonsense_is_told_and_used_again() -> None:
    flash = Flash(0, b"\x5a" * 2 * SECTOR)
    state = State(flash)
    assert state.damaged
    state.put("n", 1)
    assert json.loads(json.dumps(State(flash).get("n"))) == 1
    assert not State(flash).damaged


def test_too_much_and_too_small_are_named() -> None:
    state = State(Flash(2))
    state.put("a", "x" * (LIMIT - 50))
    with pytest.raises(EdgeError, match="state-too-long"):
        state.put("b", "x" * 100)
    assert state.get("b") is None
    with pytest.raises(EdgeError, match="state-unreadable"):
        State(Flash(1))


def test_four_scales_a_visit_and_the_commands_fit() -> None:
    """The longest of each: ids of 32 characters, a token of 64, eight commands."""
    state = State(Flash(2))
    zeros = {
        f"scale{n}": ["x" * 32, -8_388_608, -8_388_608, -8_388_608, 2**41, 4, -400, -400] for n in range(4)
    }
    state.put("zero", zeros)
    bays = [[n, -100_000] for n in range(1, 5)]
    state.put(
        "visit",
        {"name": "0123abcd-4294967295", "user": "x" * 64, "crew": False, "log": 4294967295, "bays": bays},
    )
    assert state.get("zero") == zeros
    state.put("cmds", [2**41, *([f"{n:064x}", 2**41, "accepted"] for n in range(8))])
    assert len(State(state._dev).get("cmds")) == 9
