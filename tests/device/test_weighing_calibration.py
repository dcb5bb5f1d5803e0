"""Counts to mass: exact between the points, temperature taken out with the right sign, nonsense refused."""

import json
import re
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from edge.measure.calibration import Calibration
from hypothesis import given
from hypothesis import strategies as st

from tests.device.weighing_load import SETTINGS, calibration


@st.composite
def curves(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of any scale that may be: either direction, two to six points, bent by up to 2 %."""
    e_g = draw(st.sampled_from([1, 2, 5, 10, 20, 50, 100, 200]))
    max_g = e_g * draw(st.integers(500, 10_000))
    per_e = draw(st.integers(10, 2000)) * draw(st.sampled_from([1, -1]))
    count = draw(st.integers(2, 6))
    grams = [k * max_g // (count - 1) for k in range(count)]
    zero = draw(st.integers(-100_000, 100_000))
    points = [[zero, 0]]
    for before, after in pairwise(grams):
        rise = Fraction(per_e * (after - before), e_g) * (1 + Fraction(draw(st.integers(-200, 200)), 10_000))
        points.append([points[-1][0] + round(rise), after])
    settings = {"cal": "c1", "e_g": e_g, "max_g": max_g, "points": points}
    if max(abs(counts) for counts, _ in points) > 2**23:
        scale = Fraction(2**23, max(abs(counts) for counts, _ in points))
        settings["points"] = [[int(counts * scale), g] for counts, g in points]
    return settings


def exact_g(settings: dict[str, Any], counts: int) -> Fraction:
    """The same curve in fractions, from its definition."""
    points = settings["points"]
    sign = 1 if points[-1][0] > points[0][0] else -1
    at = 1
    while at < len(points) - 1 and sign * counts > sign * points[at][0]:
        at += 1
    (c0, g0), (c1, g1) = points[at - 1], points[at]
    return Fraction(g0) + Fraction((counts - c0) * (g1 - g0), c1 - c0)


def made(settings: dict[str, Any]) -> Calibration | None:
    """None: squeezed into the converter's range, it has too few counts."""
    try:
        return Calibration(settings)
    except ValueError as error:
        if "counts" in str(error) or "slope" in str(error):
            return None
        raise


@given(curves(), st.integers(-(2**23), 2**23), st.integers(-1000, 1000))
def test_a_mass_is_the_curve_at_the_reading_less_the_curve_at_zero(
    settings: dict[str, Any], counts: int, moved: int
) -> None:
    cal = made(settings)
    if cal is None:
        return
    zero = cal.zero + moved
    exact = exact_g(settings, counts) - exact_g(settings, zero)
    assert abs(Fraction(cal.mg(counts, zero), 1000) - exact) <= Fraction(1, 1000)
    assert cal.indication(cal.mg(counts, zero)) % cal.e_g == 0
    assert abs(cal.indication(cal.mg(counts, zero)) - exact) <= Fraction(cal.e_g, 2) + Fraction(1, 1000)


@given(curves())
def test_at_its_points_a_calibration_says_what_was_put_on(settings: dict[str, Any]) -> None:
    cal = made(settings)
    if cal is not None:
        for counts, grams in settings["points"]:
            assert cal.mg(counts, cal.zero) == 1000 * grams


@given(curves(), st.lists(st.integers(-(2**22), 2**22), min_size=2, max_size=2))
def test_more_load_is_never_less_mass(settings: dict[str, Any], pair: list[int]) -> None:
    cal = made(settings)
    if cal is not None:
        low, high = sorted(cal.sign * counts for counts in pair)
        assert cal.mg(cal.sign * low, cal.zero) <= cal.mg(cal.sign * high, cal.zero)


def test_the_two_point_form_is_read_and_max_is_twice_its_mass_when_not_given() -> None:
    old = Calibration({"cal": "s-1", "zero": -5000, "span": -430_000, "span_g": 10_000, "e_g": 20})
    assert (old.max_g, old.min_g, old.over_g, old.zero) == (20_000, 400, 20_180, -5000)
    assert old.mg(-5000 - 43_000, old.zero) == 1_000_000
    assert old.sign * old.e_counts == -860


# Temperature: the sign is what the cell does, as the docstring says


def test_a_cell_that_gains_counts_in_the_heat_has_a_positive_zero_tc() -> None:
    cal = calibration(temp_dc=200, zero_tc=86, span_tc=0)
    empty_at_40 = 600_000 + 86 * 20
    assert cal.reduced(empty_at_40, 400) == 600_000
    assert cal.mg(cal.reduced(empty_at_40, 400), cal.zero, 400) == 0
    empty_at_minus_20 = 600_000 - 86 * 40
    assert cal.mg(cal.reduced(empty_at_minus_20, -200), cal.zero, -200) == 0


def test_a_cell_that_gets_more_sensitive_in_the_heat_has_a_positive_span_tc() -> None:
    cal = calibration(temp_dc=200, zero_tc=0, span_tc=100)
    load = 1_030_000 - 600_000  # 10 kg at 20 degrees
    at_40 = 600_000 + load + load * 100 * 20 // 1_000_000
    assert abs(cal.mg(at_40, cal.zero, 400) - 10_000_000) <= 30
    assert cal.mg(at_40, cal.zero, 200) > 10_015_000, "without the term it would be 20 g too much"


@given(st.integers(0, 60_000), st.integers(-200, 600), st.integers(-2000, 2000), st.integers(-300, 300))
def test_temperature_terms_undo_what_the_cell_does(
    mass_g: int, temp_dc: int, zero_tc: int, span_tc: int
) -> None:
    """The cell is modelled here, in fractions, from the words of the docstring."""
    settings = {**SETTINGS, "points": [[600_000, 0], [3_180_000, 60_000]]}
    cal = Calibration({**settings, "temp_dc": 200, "zero_tc": zero_tc, "span_tc": span_tc})
    warmer = Fraction(temp_dc - 200, 10)
    load = 43 * mass_g * (1 + Fraction(span_tc, 10**6) * warmer)
    shown = round(600_000 + load + zero_tc * warmer)
    assert abs(cal.mg(cal.reduced(shown, temp_dc), cal.zero, temp_dc) - 1000 * mass_g) <= 50


def test_without_a_thermometer_nothing_is_taken_out() -> None:
    cal = calibration(temp_dc=200, zero_tc=86, span_tc=100)
    assert cal.mg(cal.reduced(1_030_000, None), cal.zero, None) == 10_000_000


# What cannot be is refused, in words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cal": None}, "cal is None"),
        ({"cal": ""}, "expected the calibration's id"),
        ({"e_g": 20.0}, "e_g is 20.0; expected a whole number"),
        ({"e_g": True}, "e_g is True"),
        ({"e_g": "20"}, "e_g is 20"),
        ({"e_g": 0}, "e_g is 0"),
        ({"e_g": 30}, "1, 2 or 5 times a power of ten"),
        ({"max_g": 250_000}, "Max is 12500 e; class III does not allow it"),
        ({"max_g": 9_000}, "Max is 450 e"),
        ({"class": "II"}, "expected III or IIII"),
        ({"class": "IIII"}, "Max is 3000 e; class IIII does not allow it"),
        ({"points": []}, "expected 2 to 16"),
        ({"points": [[600_000, 0]]}, "expected 2 to 16"),
        ({"points": "many"}, "expected 2 to 16"),
        ({"points": [[0, 0], 5]}, "is not [counts, grams]"),
        ({"points": [[0, 0], [1, 2, 3]]}, "is not [counts, grams]"),
        ({"points": [[600_000, 0], [2**24, 60_000]]}, "counts is 16777216"),
        ({"points": [[600_000, 0], [1.5, 60_000]]}, "counts is 1.5"),
        ({"points": [[600_000, 0], [1_000_000, 10_000], [900_000, 60_000]]}, "the slope is not"),
        ({"points": [[600_000, 0], [1_030_000, 10_000], [1_100_000, 60_000]]}, "the slope is not"),
        ({"points": [[600_000, 0], [600_000, 60_000]]}, "e is 0 counts"),
        ({"points": [[600_000, 20_000], [1_460_000, 20_000]]}, "does not come after"),
        ({"points": [[600_000, 20_000], [1_460_000, 0]]}, "the greatest point is 0 g"),
        ({"points": [[600_000, 0], [600_300, 60_000]]}, "e is 0 counts; expected at least 8"),
        ({"points": [[600_000, 0], [1_030_000, 10_000]]}, "the greatest point is 10000 g; Max is 60000 g"),
        ({"zero_tc": 86}, "temp_dc is None"),
        ({"span_tc": 5000, "temp_dc": 200}, "span_tc is 5000"),
        ({"temp_dc": 4000}, "temp_dc is 4000"),
        ({"d_g": 50}, "d_g is 50; expected a whole number, 1 to 20"),
    ],
)
def test_a_wrong_calibration_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        calibration(**changes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*SETTINGS, "span", "span_g", "class", "d_g", "temp_dc", "zero_tc", "span_tc"]), JSON)
def test_any_damage_to_any_value_is_refused_or_harmless(key: str, value: object) -> None:
    try:
        cal = calibration(**{key: value})
    except ValueError:
        return
    assert cal.min_g > 0
    assert cal.mg(cal.zero, cal.zero) == 0


@given(JSON)
def test_anything_at_all_in_place_of_a_calibration_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Calibration(json.loads(json.dumps(value)))


def test_class_iiii_has_min_ten_intervals() -> None:
    assert calibration(**{"class": "IIII", "e_g": 100}).min_g == 1000
    assert calibration().min_g == 400
