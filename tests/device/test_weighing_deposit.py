"""What a visit was: one outcome each, a deposit only where nothing speaks against it."""

from collections.abc import Callable

import pytest
from edge.measure.deposit import SAME_HANDS_MS, UNSTABLE, Seen, Verdict, judge, leans, unweighed
from edge.measure.weighing import Weighing
from hypothesis import given
from hypothesis import strategies as st

from tests.device.weighing_load import sway, weigh

E_G, MIN_G = 20, 400
Load = Callable[[float], float]
FAILED = ("scale-silent", "scale-at-rail", "scale-garbled", "scale-stuck", "scale-overload")


def weight(grams: int, zero: int | None = 600_000, temp_dc: int | None = 200) -> Weighing:
    found = Weighing()
    found.grams, found.mg, found.stable, found.zero, found.temp_dc = grams, 1000 * grams, True, zero, temp_dc
    return found


@pytest.mark.parametrize(
    ("net_g", "outcome", "below_min"),
    [
        (-5000, "removed", False), (-40, "removed", False), (-20, "nothing", False), (0, "nothing", False),
        (20, "nothing", False), (40, "deposit", True), (380, "deposit", True), (400, "deposit", False),
        (25_000, "deposit", False),
    ],
)  # fmt: skip
def test_the_difference_decides(net_g: int, outcome: str, below_min: bool) -> None:
    verdict = judge(weight(30_000), weight(30_000 + net_g), Seen(), E_G, MIN_G)
    assert (verdict.outcome, verdict.code, verdict.net_g) == (outcome, None, net_g)
    assert verdict.below_min == below_min


@pytest.mark.parametrize("code", UNSTABLE)
def test_what_did_not_settle_before_or_after_is_unstable_with_its_reason(code: str) -> None:
    for before, after in ((Weighing(code), weight(0)), (weight(0), Weighing(code))):
        verdict = judge(before, after, Seen(), E_G, MIN_G)
        assert (verdict.outcome, verdict.code, verdict.net_g) == ("unstable", code, 0)


@pytest.mark.parametrize("code", FAILED)
def test_a_scale_that_failed_is_a_fault_with_its_code(code: str) -> None:
    for before, after in ((Weighing(code), weight(0)), (weight(0), Weighing(code))):
        verdict = judge(before, after, Seen(), E_G, MIN_G)
        assert (verdict.outcome, verdict.code) == ("fault", code)


@pytest.mark.parametrize(
    ("seen", "outcome", "code"),
    [
        (Seen(closed=False), "refused", "lid-open"),
        (Seen(bolted=False), "refused", "lid-open"),
        (Seen(forced=True), "refused", "forced"),
        (Seen(opened=2, reopened_ms=SAME_HANDS_MS + 1), "refused", "door-reopened"),
        (Seen(leaned=True), "unstable", "leaning"),
        (Seen(opened=2, reopened_ms=SAME_HANDS_MS), "deposit", None),
        (Seen(opened=3), "deposit", None),
    ],
)
def test_what_was_seen_in_between_decides_before_the_weights_do(
    seen: Seen, outcome: str, code: str | None
) -> None:
    verdict = judge(weight(1000), weight(6000), seen, E_G, MIN_G)
    assert (verdict.outcome, verdict.code) == (outcome, code)


def test_a_zero_that_was_set_in_between_makes_no_difference_of_weights() -> None:
    verdict = judge(weight(1000), weight(6000, zero=600_500), Seen(), E_G, MIN_G)
    assert (verdict.outcome, verdict.code) == ("refused", "zero-moved")
    assert judge(weight(1000, zero=None), weight(6000), Seen(), E_G, MIN_G).outcome == "deposit", (
        "a weight from before a power cut has no zero with it; zero does not move in a power cut"
    )


def test_an_uncalibrated_scale_sells_no_weight() -> None:
    verdict = judge(Weighing("uncalibrated", "why"), Weighing("uncalibrated"), Seen(), 0, 0)
    assert (verdict.outcome, verdict.code) == ("refused", "uncalibrated")
    assert unweighed(weight(5)) is None


WEIGHTS = st.builds(weight, st.integers(-50, 3000).map(lambda n: n * E_G)) | st.builds(
    Weighing, st.sampled_from(UNSTABLE + FAILED + ("uncalibrated",))
)
SEEN = st.builds(
    Seen,
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.integers(0, 60_000),
    st.booleans(),
    st.booleans(),
)


@given(WEIGHTS, WEIGHTS, SEEN)
def test_one_outcome_of_the_contract_and_a_deposit_only_when_nothing_speaks_against_it(
    before: Weighing, after: Weighing, seen: Seen
) -> None:
    verdict = judge(before, after, seen, E_G, MIN_G)
    assert verdict.outcome in ("deposit", "nothing", "removed", "refused", "unstable", "fault")
    weighed = verdict.outcome in ("deposit", "nothing", "removed")
    assert (verdict.code is None) == weighed, "whatever is no weight says why"
    if weighed:
        assert before.grams is not None
        assert after.grams is not None
        assert verdict.net_g == after.grams - before.grams
        assert seen.closed
        assert seen.bolted
        assert not seen.forced
        assert not seen.leaned
    else:
        assert verdict.net_g == 0
    if verdict.outcome == "deposit":
        assert verdict.net_g > E_G
        assert verdict.below_min == (verdict.net_g < MIN_G)


# Leaning before the door is opened


def test_a_bay_that_changed_with_its_door_shut_is_leaned_on() -> None:
    assert not leans(weight(10_000), 10_000_000, 200, E_G)
    assert not leans(weight(10_040), 10_000_000, 200, E_G), (
        "two intervals are rounding, creep and a look that was early"
    )
    assert leans(weight(10_060), 10_000_000, 200, E_G)
    assert leans(weight(9_940), 10_000_000, 200, E_G)
    assert not leans(weight(10_080, temp_dc=290), 10_000_000, 200, E_G), (
        "nine degrees: two intervals of drift more"
    )
    assert leans(weight(10_100, temp_dc=290), 10_000_000, 200, E_G)
    assert leans(weight(10_060, temp_dc=None), 10_000_000, 200, E_G)
    assert not leans(Weighing("swaying"), 10_000_000, 200, E_G), "it says itself what is wrong"


# From signals to verdicts: the weighings of a whole visit


def visit(before: Load, after: Load, seed: int) -> Verdict:
    weighings = [weigh(load, seed=seed + n, confirm_ms=1500)[0] for n, load in enumerate((before, after))]
    return judge(weighings[0], weighings[1], Seen(), E_G, MIN_G)


def level(mass_g: float) -> Load:
    return lambda _t: mass_g


def rings(lying_g: float, mass_g: float) -> Load:
    return lambda t: lying_g + mass_g * (1 + 0.8 * (-0.6) ** (10 * t))


def creeps(lying_g: float, mass_g: float) -> Load:
    """A C3 cell: 0.02 % in half an hour; here in half a minute."""
    return lambda t: lying_g + mass_g * (1 + 0.0002 * t / 30)


def truck_passes(mass_g: float) -> Load:
    return lambda t: sway(mass_g, 500, 0.27)(t) if t < 3 else mass_g


@pytest.mark.parametrize("mass", [-3000, 0, 700, 4000, 25_000])
def test_visits_as_they_happen(mass: int) -> None:
    lying = 12_345
    for seed in range(5):
        for after in (
            level(lying + mass), rings(lying, mass), creeps(lying, mass), truck_passes(lying + mass),
        ):  # fmt: skip
            verdict = visit(level(lying), after, seed)
            assert verdict.outcome == ("deposit" if mass > 0 else "removed" if mass < 0 else "nothing")
            assert abs(verdict.net_g - mass) <= E_G
        windy = visit(level(lying), sway(lying + mass, 300, 2.0), seed)
        assert (windy.outcome, windy.code) == ("unstable", "swaying")
        truck = visit(level(lying), sway(lying + mass, 500, 0.27), seed)
        assert (truck.outcome, truck.code) == ("unstable", "shaking")
