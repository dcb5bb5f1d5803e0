"""The bound holds whatever a crystal within its data sheet does, and the rules of who is believed."""

from edge.measure.trust import CEILING_MS, FLOOR_MS, STEP_MS, Bound, drift_ppm, plausible
from edge.measure.witness import Judge
from hypothesis import given
from hypothesis import strategies as st

START = 1_790_000_000_000
TEMPERATURES = st.integers(-300, 800)


@st.composite
def crystals(draw: st.DrawFn) -> tuple[float, float, float]:
    """(ppm at the turnover, ppm/°C², turnover in °C) of an aged tuning fork within its data sheet."""
    tolerance = draw(st.floats(-20, 20))
    ageing = draw(st.floats(-10, 10))
    return tolerance + ageing, -draw(st.floats(0, 0.04)), draw(st.floats(20, 30))


@given(
    crystals(),
    st.lists(st.tuples(TEMPERATURES, st.integers(1, 90_000_000)), min_size=1, max_size=60),
    TEMPERATURES,
    st.integers(0, 2_000),
)
def test_no_crystal_within_its_data_sheet_leaves_the_bound(
    crystal: tuple[float, float, float], days: list[tuple[int, int]], first_dc: int, error_ms: int
) -> None:
    ppm, curve, turnover = crystal
    bound = Bound(START, error_ms * 1000, first_dc)
    now, temp_dc = START, first_dc
    true_error_us = float(error_ms * 1000)
    for next_dc, ms in days:
        # Anywhere between the temperatures at the two ends of the stretch.
        rates = [ppm + curve * (dc / 10 - turnover) ** 2 for dc in (temp_dc, next_dc)]
        true_error_us += max(map(abs, rates)) * ms / 1000
        now, temp_dc = now + ms, next_dc
        bound.feel(now, temp_dc)
        assert bound.error_us(now) >= true_error_us
        bound = Bound(*bound.state())  # as it comes back from RTC memory


@given(st.lists(st.tuples(st.integers(0, 10**10), st.none() | TEMPERATURES), max_size=30))
def test_waiting_never_makes_a_clock_better(looks: list[tuple[int, int | None]]) -> None:
    bound, now, last = Bound(START, 5_000), START, 5_000
    for ms, temp_dc in looks:
        now += ms
        bound.feel(now, temp_dc)
        assert bound.error_us(now) >= last + ms * 30 // 1000
        last = bound.error_us(now)
    assert bound.error_us(now - 10**9) >= last, "a clock that was set back is no truer for it"


def test_the_drift_is_that_of_the_data_sheet() -> None:
    assert drift_ppm(250) == 31
    assert drift_ppm(-200) == 30 + 100
    assert drift_ppm(600) == 30 + 64
    assert drift_ppm(None) == max(map(drift_ppm, range(-300, 801)))


def test_a_winter_night_is_known_to_five_seconds() -> None:
    """What people read in docs/devices.md: twelve hours at -15 °C after NTP."""
    bound = Bound(START, 60_000, -150)
    assert bound.error_us(START + 12 * 3_600_000) == 60_000 + 43_200 * drift_ppm(-150)
    assert bound.error_us(START + 12 * 3_600_000) < 5_000_000


OFFS = st.integers(-(10**9), 10**9)
ERRORS = st.integers(0, 10**6)
HELD = st.sampled_from(["rtc", "ntp", "gnss"])
SOURCES = st.sampled_from(["ntp", "gnss"])


@given(HELD, ERRORS, OFFS, SOURCES, ERRORS, st.booleans())
def test_no_single_witness_moves_a_clock_beyond_both_errors(
    held: str, bound_ms: int, off_ms: int, source: str, error_ms: int, sure: bool
) -> None:
    offer = Judge().weigh(held, bound_ms, off_ms, source, error_ms, sure)
    assert offer.contradicts == (abs(off_ms) > bound_ms + error_ms)
    if offer.contradicts and not sure:
        assert offer.doubted
        assert offer.step_ms == 0
    if offer.taken:
        assert offer.step_ms == (off_ms if abs(off_ms) > STEP_MS else 0)
        assert not offer.first
    if source == "ntp" and held == "gnss" and offer.contradicts:
        assert offer.doubted, "the lower rung cannot overrule the higher, two witnesses or not"


@given(HELD, OFFS, st.integers(-900, 900))
def test_the_same_again_from_the_same_source_is_a_second_witness(held: str, off_ms: int, later: int) -> None:
    judge = Judge()
    first = judge.weigh(held, 0, off_ms, "gnss", 0, False)
    second = judge.weigh(held, 0, off_ms + later, "gnss", 0, False)
    assert first.taken == (off_ms == 0)
    if off_ms and off_ms + later:
        assert second.jumped


@given(HELD, st.integers(2_000, 10**9))
def test_one_bad_fix_in_a_day_of_good_ones_moves_nothing(held: str, wrong_ms: int) -> None:
    judge = Judge()
    for off_ms in (0, wrong_ms, 0, -wrong_ms, 0):
        offer = judge.weigh(held, 100, off_ms, "gnss", 500, False)
        assert offer.taken == (off_ms == 0)
    assert not judge.weigh(held, 100, wrong_ms, "gnss", 500, False).taken, "the earlier doubt is forgotten"


@given(OFFS, SOURCES, ERRORS)
def test_who_knows_nothing_takes_what_comes(off_ms: int, source: str, error_ms: int) -> None:
    offer = Judge().weigh("none", None, off_ms, source, error_ms, False)
    assert offer.first
    assert offer.taken
    assert offer.step_ms == off_ms
    assert not offer.jumped


def test_a_lower_source_is_taken_when_it_knows_better_and_agrees() -> None:
    assert Judge().weigh("gnss", 4_000, 300, "ntp", 50, False).taken
    assert not Judge().weigh("gnss", 400, 300, "ntp", 150, False).taken
    assert Judge().weigh("rtc", 10, 300, "ntp", 500, False).taken


def test_a_week_rollover_is_nobodys_time() -> None:
    assert not plausible(FLOOR_MS - 1)
    assert plausible(FLOOR_MS)
    assert not plausible(CEILING_MS)
