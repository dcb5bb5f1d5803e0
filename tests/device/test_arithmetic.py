"""Integer arithmetic of the device against exact fractions and the standard library."""

import datetime
import math
from fractions import Fraction

from edge.measure.calendar import civil, days
from edge.measure.fill import percent
from edge.measure.integer import cos_permille, divide, isqrt, scaled
from hypothesis import given
from hypothesis import strategies as st

BIG = st.integers(-(10**18), 10**18)


@given(BIG, BIG.filter(bool))
def test_division_rounds_to_nearest_and_halves_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    nearest = math.floor(abs(exact) + Fraction(1, 2))
    assert divide(numerator, denominator) == (nearest if exact >= 0 else -nearest)


@given(
    st.from_regex(r"[0-9]{1,8}(\.[0-9]{0,8})?", fullmatch=True), st.integers(1, 10**6), st.integers(1, 10**4)
)
def test_a_decimal_is_scaled_exactly(text: str, numerator: int, denominator: int) -> None:
    exact = Fraction(text.rstrip(".")) * numerator / denominator
    assert scaled(text, numerator, denominator) == math.floor(exact + Fraction(1, 2))


@given(
    st.text(st.characters(max_codepoint=126), max_size=6).filter(
        lambda text: not text.replace(".", "", 1).isdecimal()
    )
)
def test_what_is_no_decimal_is_none(text: str) -> None:
    assert scaled(text, 100) is None


@given(st.integers(0, 10**30))
def test_integer_square_root(value: int) -> None:
    assert isqrt(value) == math.isqrt(value)


@given(st.integers(-900_000_000, 900_000_000))
def test_cosine_is_good_to_two_per_mille(lat_e7: int) -> None:
    assert abs(cos_permille(lat_e7) - 1000 * math.cos(math.radians(lat_e7 / 1e7))) <= 3


@given(st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2200, 1, 1)))  # noqa: DTZ001
def test_calendar_and_back(when: datetime.datetime) -> None:
    ms = (
        when.replace(tzinfo=datetime.UTC) - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    ) // datetime.timedelta(milliseconds=1)
    assert civil(ms) == (*when.timetuple()[:6], when.microsecond // 1000)
    assert days(when.year, when.month, when.day) == ms // 86_400_000


def test_fill_is_clamped_between_floor_and_brim() -> None:
    assert [percent(mm, 1200, 200) for mm in (1300, 1200, 700, 200, 100)] == [0, 0, 50, 100, 100]
