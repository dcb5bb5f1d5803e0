"""Faults of a scale, rule by rule: found, told once, cleared once, and not found where there are none."""

import json
from collections import Counter

import pytest
from edge.measure import diagnosis
from edge.measure.diagnosis import Diagnosis, Look, jumps, noise
from edge.measure.level import rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device.interpreter import micropython

LEVELS = rows(diagnosis.LEVELS)

E_G, MAX_G = 20, 60_000
E_COUNTS = 860  # a 100 kg cell of 2 mV/V at gain 128
ZERO = 558_000
Change = tuple[str, bool, str]


def scale(raised: tuple[str, ...] = (), **limits: int) -> Diagnosis:
    return Diagnosis(E_G, MAX_G, E_COUNTS, ZERO, raised, limits)


def look(
    *counts: int, gross_g: int | None = None, quiet: bool = True, zero_g: int = 0, **errors: int
) -> Look:
    made = Look(quiet)
    made.gross_g, made.zero_g = gross_g, zero_g
    for value in counts:
        made.conversion(value)
    for code, count in errors.items():
        for _ in range(count):
            made.error(code.replace("_", "-"))
    return made


def good(load_g: int = 0, seed: int = 0, spread: int = 60) -> Look:
    """A look of a healthy scale: electrical noise only."""
    middle = ZERO + load_g * E_COUNTS // E_G
    values = [middle + (seed * 7919 + k * 104729) % (2 * spread + 1) - spread for k in range(7)]
    return look(*values, gross_g=load_g)


def told(changes: list[Change]) -> list[tuple[str, bool]]:
    return [(code, raised) for code, raised, _ in changes]


def run(d: Diagnosis, looks: list[Look]) -> list[tuple[int, str, bool]]:
    """(number of the look, code, raised) of every change."""
    return [(n, code, raised) for n, one in enumerate(looks, 1) for code, raised, _ in d.look(one)]


BAD = {
    "scale-silent": (look(scale_silent=1), 2, 4),
    "scale-at-rail": (look(scale_at_rail=1), 2, 4),
    "scale-garbled": (look(scale_garbled=6), 2, 4),
    "scale-stuck": (look(*[600_000] * 8, gross_g=977), 1, 4),
    "scale-no-excitation": (look(*[12, -40, 55, 3, 18, -9], gross_g=-13_000), 2, 4),
    "scale-noisy": (look(*[ZERO + (k % 2) * 900 for k in range(26)]), 12, 6),
    "scale-jumps": (look(ZERO, ZERO + 40, ZERO // 2, ZERO - 20, ZERO + 33, ZERO + 1, gross_g=0), 4, 144),
    "zero-drift": (look(*good().counts, gross_g=0, zero_g=1300), 6, 6),
    "scale-overload": (look(*good(60_200).counts, gross_g=60_200), 1, 2),
}


@pytest.mark.parametrize("code", sorted(BAD))
def test_each_fault_is_raised_once_and_cleared_once(code: str) -> None:
    bad, raised_after, cleared_after = BAD[code]
    d = scale()
    assert run(d, [good(seed=n) for n in range(50)]) == []
    changes = run(d, [bad] * 400)
    assert [c for c in changes if c[1] == code] == [(raised_after, code, True)]
    changes = run(d, [good(seed=n) for n in range(400)])
    assert [c for c in changes if c[1] == code] == [(cleared_after, code, False)]


def test_a_driver_that_says_stuck_is_believed() -> None:
    d = scale()
    assert told(d.look(look(scale_stuck=1))) == [("scale-stuck", True)]


@pytest.mark.parametrize("code", sorted(code for code, (_, after, _) in BAD.items() if after > 1))
def test_one_bad_look_among_good_ones_is_no_fault(code: str) -> None:
    d = scale()
    for n in range(300):
        changes = d.look(BAD[code][0] if n % 60 == 30 else good(seed=n))
        assert changes == []


def test_a_loose_wire_that_answers_now_and_then_is_found() -> None:
    d = scale()
    flaky = look(*good().counts, gross_g=0, scale_silent=1)
    assert run(d, [flaky] * 6) == [(4, "scale-silent", True)]
    assert run(d, [flaky, good()] * 20) == []
    assert run(d, [good(seed=n) for n in range(6)]) == [(3, "scale-silent", False)]


def test_the_same_value_over_several_looks_is_stuck() -> None:
    d = scale()
    three = look(600_000, 600_000, 600_000)
    assert run(d, [three] * 3) == [(3, "scale-stuck", True)]
    assert run(scale(stuck=0), [three] * 30) == [], "a transmitter rounds: switched off for it"


def test_one_lost_pulse_in_two_hundred_conversions_is_found_within_two_days() -> None:
    d = scale()
    bad = BAD["scale-jumps"][0]
    changes = run(d, [bad if n % 20 == 19 else good(seed=n) for n in range(288)])
    assert [(code, raised) for _, code, raised in changes] == [("scale-jumps", True)]
    discarded = look(*good().counts, gross_g=0, scale_garbled=1)
    changes = run(scale(), [discarded if n % 20 == 19 else good(seed=n) for n in range(288)])
    assert [(code, raised) for _, code, raised in changes] == [("scale-jumps", True)], (
        "a discarded one counts"
    )


def test_people_are_no_fault() -> None:
    """Hands in the bay: noise, jumps and changing weights while somebody is there."""
    d = scale()
    wild = [ZERO + (k * 104729) % 60_000 for k in range(30)]
    for n in range(300):
        assert d.look(look(*wild, quiet=False)) == []
        assert d.look(good(2000 * (n % 25), seed=n)) == []


def test_drift_with_closed_doors_is_summed_up_and_what_people_bring_is_not() -> None:
    d = scale()
    changes: list[Change] = []
    for n in range(144):
        changes += d.look(good(10_000 + 12 * n, seed=n))  # 12 g every ten minutes: 72 g an hour
        if n % 10 == 9:  # a deposit: 3 kg more, but that was a visit
            changes += d.look(look(quiet=False))
            changes += d.cycle(10_000, 13_000, crew=False)
    assert told(changes) == [("zero-drift", True)]
    slow = scale()
    assert run(slow, [good(10_000 + n // 6, seed=n) for n in range(144 * 30)]) == [], "24 g a day: moisture"


def test_a_temperature_swing_of_five_e_a_day_is_no_drift() -> None:
    d = scale()
    swing = [100 - abs(n % 144 - 72) * 200 // 72 for n in range(144 * 60)]
    assert run(d, [good(10_000 + g, seed=n) for n, g in enumerate(swing)]) == []


def test_below_zero_is_drift() -> None:
    d = scale()
    assert run(d, [good(-300, seed=n) for n in range(6)]) == [(6, "zero-drift", True)]
    assert run(scale(), [good(-150, seed=n) for n in range(50)]) == []


def test_drift_is_forgotten_when_a_crew_sets_zero() -> None:
    d = scale()
    changes = run(d, [good(10_000 + 30 * n, seed=n) for n in range(40)])
    assert [(code, raised) for _, code, raised in changes] == [("zero-drift", True)]
    d.zeroed()
    assert run(d, [good(seed=n) for n in range(7)]) == [(6, "zero-drift", False)]


def test_friction_is_found_after_four_emptyings_and_gone_after_a_clean_one() -> None:
    d = scale()
    for n in range(4):
        changes = d.cycle(18_000, 1_200, crew=True)
        assert told(changes) == ([("scale-contact", True)] if n == 3 else [])
        assert d.cycle(1_200, 9_000, crew=False) == []
        assert d.cycle(9_000, 9_000, crew=False) == []
    assert told(d.cycle(18_000, 40, crew=True)) == [("scale-contact", False)]


def test_friction_that_swallows_what_comes_after_an_emptying_is_found_after_two() -> None:
    d = scale()
    assert d.cycle(18_000, 1_200, crew=True) == []
    assert d.cycle(1_200, 1_200, crew=False) == []
    assert d.cycle(1_200, 9_000, crew=False) == []
    assert d.cycle(18_000, 1_200, crew=True) == []
    assert told(d.cycle(1_200, 1_220, crew=False)) == [("scale-contact", True)]


def test_scraps_that_stay_behind_now_and_then_are_no_contact() -> None:
    d = scale()
    for n in range(100):
        assert d.cycle(18_000, 600 if n % 4 else 0, crew=True) == []


def test_below_zero_after_emptying_twice_is_contact() -> None:
    d = scale()
    assert d.cycle(18_000, -600, crew=True) == []
    assert told(d.cycle(18_000, -600, crew=True)) == [("scale-contact", True)]


@pytest.mark.parametrize(("crew", "fill_pct", "cycles"), [(True, None, 3), (False, 40, 8), (False, None, 24)])
def test_a_jammed_platform_is_found_by_what_changes_nothing(
    crew: bool, fill_pct: int | None, cycles: int
) -> None:
    d = scale()
    found = [told(d.cycle(12_000, 12_020, crew=crew, fill_pct=fill_pct)) for _ in range(cycles + 10)]
    assert found == [[]] * (cycles - 1) + [[("scale-contact", True)]] + [[]] * 10
    assert told(d.cycle(12_000, 12_060, crew=False)) == [("scale-contact", False)]


def test_a_full_bay_that_is_opened_in_vain_is_no_jam() -> None:
    d = scale()
    for _ in range(200):
        assert d.cycle(30_000, 30_000, crew=False, fill_pct=99) == []
    for _ in range(200):
        assert d.cycle(500, 500, crew=True) == [], "a crew that looks into an empty bay"


def test_what_was_raised_before_a_power_cut_is_cleared_once_and_not_raised_again() -> None:
    d = scale(raised=("scale-at-rail", "log-full"))
    assert d.look(BAD["scale-at-rail"][0]) == []
    assert run(d, [good(seed=n) for n in range(10)]) == [(4, "scale-at-rail", False)]


def test_an_open_bridge_without_supply_is_told_as_what_it_is() -> None:
    d = scale()
    dead = look(*[0] * 10, gross_g=-13_000)  # to the bit, too
    codes = {code for _, code, raised in run(d, [dead] * 5) if raised}
    assert codes == {"scale-no-excitation"}
    flat = Diagnosis(E_G, MAX_G, E_COUNTS, 1000)  # a cell without dead load: 0 V is where it stands
    assert run(flat, [look(*[1000, 1040, 960, 990, 1010, 1005], gross_g=0)] * 50) == []


def test_a_cell_upside_down_has_the_same_faults() -> None:
    d = Diagnosis(E_G, MAX_G, -E_COUNTS, -ZERO)
    over = look(*[-ZERO - 60_300 * E_COUNTS // E_G + k for k in range(6)])
    assert run(d, [over] * 3) == [(2, "scale-overload", True)]


@st.composite
def lives(draw: st.DrawFn) -> list[Look]:
    values = st.integers(-(2**23), 2**23 - 1) | st.sampled_from([ZERO, ZERO + 1, 0, 2**23 - 1])
    errors = st.sampled_from(["scale-silent", "scale-at-rail", "scale-garbled", "scale-stuck", "odd"])
    made = []
    for _ in range(draw(st.integers(1, 40))):
        one = look(*draw(st.lists(values, max_size=12)), quiet=draw(st.booleans()))
        one.gross_g = draw(st.none() | st.integers(-200_000, 200_000))
        one.zero_g = draw(st.integers(-5000, 5000))
        for code in draw(st.lists(errors, max_size=7)):
            one.error(code)
        made += [one] * draw(st.sampled_from([1, 1, 2, 8, 40]))
    return made


@settings(max_examples=40, deadline=None)
@given(lives())
def test_whatever_is_seen_raise_and_clear_take_turns_and_sleep_changes_nothing(looks: list[Look]) -> None:
    """The state goes through JSON after each look, as through RTC memory, and stays small."""
    awake = scale()
    seen: Counter[str] = Counter()
    raised: list[str] = []
    state = None
    for one in looks:
        asleep = scale(raised=tuple(raised))
        asleep.restore(state)
        changes = asleep.look(one)
        assert changes == awake.look(one)
        for code, up, detail in changes:
            assert code in LEVELS
            assert up == (code not in raised), "twice the same"
            raised.append(code) if up else raised.remove(code)
            assert len(detail) <= 200
            seen[code] += 1
        text = json.dumps(asleep.state())
        assert len(text) < 150
        assert all(abs(value) < 2**30 for value in asleep.state()), "small ints on the chip"
        state = json.loads(text)


@given(st.none() | st.lists(st.integers(-(2**31), 2**31), max_size=20))
def test_a_state_of_another_version_is_left_alone(state: list[int] | None) -> None:
    d = scale()
    d.restore(state)
    d.look(good())
    assert len(d.state()) == len(LEVELS) + 7
    for level, code in zip(d.state()[7:], sorted(LEVELS), strict=True):
        assert 0 <= level <= LEVELS[code][2]


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.integers(-(2**22), 2**22))
def test_noise_does_not_depend_on_the_load(values: list[int], load: int) -> None:
    assert noise(values) == noise([value + load for value in values])
    assert jumps(values, 2000) == 0


def test_the_chips_interpreter_finds_the_same() -> None:
    program = """
import json
from edge.measure.diagnosis import Diagnosis, Look
d = Diagnosis(20, 60000, 860, 558000)
out = []
x = 12345
for n in range(400):
    look = Look(n % 9 != 0)
    for k in range(3 + n % 20):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
        look.conversion(558000 + x % (100 if n < 200 else 9000) + (300000 if x % 61 == 0 else 0))
    if x % 5 == 0:
        look.error("scale-garbled")
    look.gross_g = None if x % 7 == 0 else x % 90000 - 20000
    out += [[n] + list(c) for c in d.look(look)]
    if n % 4 == 0:
        out += [[n] + list(c) for c in d.cycle(x % 30000, x % 9000, n % 8 == 0)]
print(json.dumps([out, d.state()]))
"""
    here: list[object] = []
    scope = {"print": lambda text: here.append(json.loads(text))}
    exec(compile(program, "vectors", "exec"), scope)  # noqa: S102 (our own lines, above)
    there = json.loads(micropython(program))
    assert [there] == here
    assert len(there[0]) > 10
