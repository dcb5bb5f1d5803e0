"""Fill level: right at any temperature, unknown when it is not known, and a sensor that lies is found."""

import json
import math
import random

import pytest
from edge.measure import fill
from edge.measure.fill import Fill, percent, true_mm
from edge.measure.level import rows
from hypothesis import example, given
from hypothesis import strategies as st

from tests.device.interpreter import micropython

LEVELS = rows(fill.LEVELS)

EMPTY_MM, FULL_MM, LIGHT_G = 1350, 250, 400
REF_DC = 200


def bay(ref_dc: int | None = None, raised: tuple[str, ...] = ()) -> Fill:
    return Fill(EMPTY_MM, FULL_MM, ref_dc, LIGHT_G, raised)


def told(fill: Fill) -> list[tuple[str, bool]]:
    return [(code, raised) for code, raised, _ in fill.changes()]


def echoes(mm: int, count: int = 5) -> list[int]:
    return [mm + (k % 3 - 1) * 2 for k in range(count)]


@given(st.integers(30, 4500), st.integers(-400, 850), st.integers(0, 400))
@example(1350, -200, 200)
@example(1350, 650, 200)
def test_the_speed_of_sound_is_corrected_to_the_millimetre(mm: int, temp_dc: int, ref_dc: int) -> None:
    """A sensor that counts time, and takes the air for `ref_dc`, against the formula in real numbers."""
    read = mm * math.sqrt((273.2 + ref_dc / 10) / (273.2 + temp_dc / 10))
    if round(read) > 0:
        assert abs(true_mm(round(read), temp_dc, ref_dc) - mm) <= 1 + mm / read / 2


def test_without_a_temperature_or_with_light_a_distance_stays_as_read() -> None:
    assert true_mm(1234, None, REF_DC) == 1234
    assert true_mm(1234, 450, None) == 1234


@pytest.mark.parametrize("temp_dc", [-200, 0, 200, 350, 500, 650])
def test_empty_and_full_are_right_from_frost_to_a_summers_sun(temp_dc: int) -> None:
    def read(mm: int) -> list[int]:
        return [round(mm * math.sqrt((273.2 + 20) / (273.2 + temp_dc / 10)))] * 5

    fill = bay(REF_DC)
    assert fill.take(read(EMPTY_MM), 0, temp_dc, 100) == 0
    assert fill.take(read(800), 0, temp_dc, 9000) == 50
    assert fill.take(read(FULL_MM), 0, temp_dc, 20_000) == 100
    if temp_dc == -200:
        assert bay(None).take(read(800), 0, temp_dc, 9000) != 50, "without correction it would be wrong"


@given(st.integers(0, 1500), st.integers(1, 1500))
def test_percent_falls_with_distance_and_stays_within_bounds(mm: int, more: int) -> None:
    assert 0 <= percent(mm + more, EMPTY_MM, FULL_MM) <= percent(mm, EMPTY_MM, FULL_MM) <= 100


@given(
    st.lists(st.integers(1, 1480), max_size=4),
    st.integers(260, 1340),
    st.randoms(use_true_random=False),
)
def test_stray_echoes_do_not_move_the_median(strays: list[int], mm: int, shuffler: random.Random) -> None:
    found = [mm] * (len(strays) + 1) + strays
    if len(found) < 3:
        found += [mm] * 2
    shuffler.shuffle(found)
    assert bay().take(found, 0, None, None) in (
        percent(mm, EMPTY_MM, FULL_MM),
        None if len(found) < 3 else percent(mm, EMPTY_MM, FULL_MM),
    )


@pytest.mark.parametrize("found", [[], [800], [800, 802], [1600] * 5, [5000] * 9 + [800, 801]])
def test_too_few_usable_echoes_are_unknown_never_zero(found: list[int]) -> None:
    """Also those from beyond the floor, which went astray."""
    assert bay().take(found, 3, 200, 5000) is None


def test_light_boxes_fill_a_bay_and_compaction_empties_it_at_equal_mass() -> None:
    fill = bay()
    for _ in range(30):
        assert fill.take(echoes(250), 0, 200, 2_500) == 100  # 600 l of boxes, 4 g a litre
        assert told(fill) == []
    for _ in range(30):
        assert fill.take(echoes(1020), 0, 200, 2_500) == 30  # somebody trod them down
        assert told(fill) == []


def test_an_empty_bin_and_a_full_one_are_right_for_weeks() -> None:
    fill = bay()
    for _ in range(2000):
        assert fill.take(echoes(1350), 0, 200, 0) == 0
        assert told(fill) == []
    for _ in range(2000):
        assert fill.take(echoes(240), 0, 200, 22_000) == 100
        assert told(fill) == []


def test_a_blocked_sensor_is_found_by_standing_still_right_before_it() -> None:
    fill = bay()
    seen = [(fill.take(echoes(60), 0, 200, 8_000), told(fill)) for _ in range(8)]
    assert [t for _, t in seen if t] == [[("ranger-blocked", True)]]
    assert seen[-1][0] is None, "unknown, not full"
    seen = [(fill.take(echoes(700), 0, 200, 8_000), told(fill)) for _ in range(5)]
    assert [t for _, t in seen if t] == [[("ranger-blocked", False)]]
    assert seen[-1][0] == 59


def test_a_blocked_sensor_is_found_by_a_bay_that_weighs_nothing() -> None:
    """A cobweb at half a metre: after the crew has emptied the bay it is still "half full"."""
    fill = bay()
    assert [fill.take(echoes(550), 0, 200, 12_000) for _ in range(50)] == [73] * 50
    assert told(fill) == []
    for _ in range(6):
        fill.take(echoes(550), 0, 200, 60)
    assert told(fill) == [("ranger-blocked", True)]
    unknown = bay()
    for _ in range(50):
        assert unknown.take(echoes(550), 0, 200, None) == 73, "without a weight nobody can know"


def test_a_bag_before_the_sensor_that_moves_is_no_blocked_one() -> None:
    fill = bay()
    for n in range(200):
        fill.take(echoes(60 + n % 2 * 40), 0, 200, 9_000)
        assert told(fill) == []


def test_a_dirty_sensor_is_told_while_it_still_measures() -> None:
    fill = bay()
    seen = [(fill.take(echoes(800, 4), 9, 200, 5000), told(fill)) for _ in range(20)]
    assert {pct for pct, _ in seen} == {50}
    assert [(n, t) for n, (_, t) in enumerate(seen, 1) if t] == [(12, [("ranger-dirty", True)])]
    seen = [(fill.take(echoes(800), 1, 200, 5000), told(fill)) for _ in range(20)]
    assert [(n, t) for n, (_, t) in enumerate(seen, 1) if t] == [(12, [("ranger-dirty", False)])]


def test_no_echo_at_all_silence_and_garbage_have_their_own_names() -> None:
    fill = bay()
    for n in range(1, 7):
        fill.take([], 15, 200, 5000)
        assert told(fill) == ([("ranger-no-echo", True)] if n == 3 else [])
    for code in ("ranger-silent", "ranger-garbled"):
        fill = bay()
        fill.failed(code, "")
        assert told(fill) == []
        fill.failed(code, "")
        assert told(fill) == [(code, True)]
        changes = []
        for _ in range(4):
            fill.take(echoes(800), 0, 200, 5000)
            changes += told(fill)
        assert changes == [(code, False)]


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 70_000), max_size=9), st.integers(0, 20), st.none() | st.integers()
        ),
        max_size=60,
    )
)
def test_whatever_a_sensor_says_the_fill_is_none_or_a_percentage_and_sleep_changes_nothing(
    looks: list[tuple[list[int], int, int | None]],
) -> None:
    awake = bay(REF_DC)
    raised: list[str] = []
    state = None
    for found, misses, gross_g in looks:
        asleep = bay(REF_DC, tuple(raised))
        asleep.restore(state)
        pct = awake.take(found, misses, 250, gross_g)
        assert pct == asleep.take(found, misses, 250, gross_g)
        assert pct is None or 0 <= pct <= 100
        changes = awake.changes()
        assert changes == asleep.changes()
        for code, up, _ in changes:
            assert code in LEVELS
            assert up == (code not in raised)
            raised.append(code) if up else raised.remove(code)
        state = json.loads(json.dumps(asleep.state()))


@pytest.mark.parametrize(("empty_mm", "full_mm"), [(250, 250), (200, 1350), (1350, 0), (1350, -5)])
def test_a_bay_without_depth_is_refused(empty_mm: int, full_mm: int) -> None:
    with pytest.raises(ValueError, match="full_mm"):
        Fill(empty_mm, full_mm, None, 400)


FRAMES = """
import json
from edge.drivers.ranger import Ranger
from edge.drivers.tof import Tof
def us(mm):
    return bytes((0xFF, mm >> 8, mm & 255, (0xFF + (mm >> 8) + mm) & 255))
def tof(cm, strength, temp=0x0900):
    head = bytes((0x59, 0x59, cm & 255, cm >> 8, strength & 255, strength >> 8, temp & 255, temp >> 8))
    return head + bytes((sum(head) & 255,))
good = us(812) + us(0) + us(65535)
out = [Ranger.frames(good), Ranger.frames(b"\\x00\\xff\\x01" + good + b"\\xff\\x03"),
       Ranger.frames(good[:2] + bytes((good[2] ^ 1,)) + good[3:]), Ranger.frames(b""),
       Ranger.frames(b"\\xff" * 40)]
light = tof(81, 900) + tof(0, 900) + tof(90, 99) + tof(90, 65535) + tof(801, 900)
light += tof(0x5959, 0x5959) + tof(800, 100)
out += [Tof.frames(light), Tof.frames(b"\\x59" + light), Tof.frames(light[5:]), Tof.frames(b"\\x59" * 90),
        Tof.frames(light[:8]), Tof.frames(light[:4] + b"\\x00" + light[5:])]
print(json.dumps(out))
"""


def test_frames_of_both_sensors_are_read_and_noise_is_skipped() -> None:
    """In the real interpreter, whose `bytes` the driver works on."""
    stub = "import sys\nclass M: pass\nm = M()\nm.Pin = m.UART = None\nsys.modules['machine'] = m\n"
    got = json.loads(micropython(stub + FRAMES))
    assert got[:5] == [[[812, 65535], 1], [[812, 65535], 1], [[65535], 1], [[], 0], [[], 0]]
    assert got[5] == [[810, 8000], 5]
    assert got[6] == [[810, 8000], 5]
    assert got[7] == [[8000], 5]
    assert got[8] == [[], 0], "0x59 for ever has no valid sum"
    assert got[9:] == [[[], 0], [[8000], 5]]
