"""Opening hours against an independent reading of the same data with Python's own calendar."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from edge.measure.hours import Hours
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
HOUSE: dict[str, Any] = {
    "utc_min": 480,
    "week": {
        "mon-fri": ["06:30-09:00", "18:00-21:00"],
        "sat-sun": ["07:00-21:00"],
        "holiday": ["08:00-12:00"],
    },
    "holidays": ["2026-10-01/2026-10-07"],
    "dates": {"2026-10-05": [], "2026-10-10": ["06:30-09:00", "18:00-21:00"]},
}


def ms(text: str, utc_min: int = 480) -> int:
    """A local time as ms since 1970 UTC."""
    local = datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(minutes=utc_min)
    return round(local.timestamp() * 1000)


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def expected(data: dict[str, Any], utc_ms: int) -> bool:
    """The rules of hours.py, read naively."""
    local = datetime.fromtimestamp(utc_ms / 1000, UTC) + timedelta(minutes=data["utc_min"])

    def windows(day: date) -> list[str]:
        def covers(span: str) -> bool:
            first, _, last = span.partition("/")
            return date.fromisoformat(first) <= day <= date.fromisoformat(last or first)

        for span, found in data.get("dates", {}).items():
            if covers(span):
                return list(found)
        if any(covers(span) for span in data.get("holidays", [])):
            return list(data["week"].get("holiday", []))
        for name, found in data["week"].items():
            first, _, last = name.partition("-")
            if name != "holiday":
                named, k = [], NAMES.index(first)
                while True:
                    named.append(k)
                    if NAMES[k] == (last or first):
                        break
                    k = (k + 1) % 7
                if day.weekday() in named:
                    return list(found)
        return []

    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        at = local.hour * 60 + local.minute + back * 1440
        for window in windows(day):
            start, end = minutes(window[:5]), minutes(window[6:])
            if start <= at < (end if end > start else end + 1440):
                return True
    return False


TIME = st.integers(0, 1439).map(lambda m: f"{m // 60:02d}:{m % 60:02d}")
WINDOW = (
    st.tuples(TIME, st.one_of(TIME, st.just("24:00"))).filter(lambda pair: pair[0] != pair[1]).map("-".join)
)
WINDOWS = st.lists(WINDOW, max_size=3)
DAY = st.integers(0, 60).map(lambda n: date(2026, 9, 10) + timedelta(days=n))
SPAN = st.tuples(DAY, st.integers(0, 9)).map(
    lambda pair: f"{pair[0]}/{pair[0] + timedelta(days=pair[1])}" if pair[1] else pair[0].isoformat()
)
WEEK = st.one_of(
    st.dictionaries(st.sampled_from([*NAMES, "holiday"]), WINDOWS, max_size=8),
    st.fixed_dictionaries({"sat-mon": WINDOWS, "tue-fri": WINDOWS, "holiday": WINDOWS}),
)
DATA = st.fixed_dictionaries(
    {"utc_min": st.sampled_from([480, 0, -210, 345, 840, -720]), "week": WEEK},
    optional={"holidays": st.lists(SPAN, max_size=3), "dates": st.dictionaries(SPAN, WINDOWS, max_size=3)},
)
NOW = st.integers(ms("2026-09-01T00:00"), ms("2026-11-30T00:00"))


@given(DATA, NOW)
def test_open_is_what_the_data_say(data: dict[str, Any], now_ms: int) -> None:
    assert Hours(data).open_at(now_ms) == expected(data, now_ms)


@settings(max_examples=60, deadline=None)
@given(DATA, NOW)
def test_the_next_opening_is_the_first_open_minute(data: dict[str, Any], now_ms: int) -> None:
    hours = Hours(data)
    found = hours.next_opening(now_ms)
    if hours.open_at(now_ms):
        assert found == now_ms
        return
    if found is not None:
        assert found > now_ms
        assert hours.open_at(found)
        assert not hours.open_at(found - 1)
        assert found % 60_000 == 0
    end_ms = now_ms + 36 * 3_600_000
    for minute_ms in range(now_ms - now_ms % 60_000 + 60_000, min(found or end_ms, end_ms), 60_000):
        assert not expected(data, minute_ms)


@pytest.mark.parametrize(
    ("at", "is_open", "opens"),
    [
        ("2026-09-30T08:59:59", True, None),
        ("2026-09-30T09:00", False, "2026-09-30T18:00"),
        ("2026-09-30T21:00", False, "2026-10-01T08:00"),  # National Day: holiday hours
        ("2026-10-04T12:00", False, "2026-10-06T08:00"),  # the 5th is closed as a date
        ("2026-10-07T13:00", False, "2026-10-08T06:30"),
        ("2026-10-10T10:00", False, "2026-10-10T18:00"),  # a Saturday that is worked
        ("2026-10-11T07:00", True, None),
    ],
)
def test_a_drop_off_house_through_the_holidays(at: str, is_open: bool, opens: str | None) -> None:
    hours = Hours(HOUSE)
    assert hours.open_at(ms(at)) is is_open
    assert hours.next_opening(ms(at)) == ms(opens or at)


def test_a_night_window_belongs_to_the_evening_that_it_begins_on() -> None:
    hours = Hours({"utc_min": 480, "week": {"fri": ["22:00-02:00"]}})
    assert hours.open_at(ms("2026-10-03T01:59"))  # Saturday morning
    assert not hours.open_at(ms("2026-10-02T01:00"))
    assert hours.next_opening(ms("2026-10-03T02:00")) == ms("2026-10-09T22:00")


def test_never_open_has_no_next_opening() -> None:
    assert Hours({"utc_min": 0, "week": {}}).next_opening(ms("2026-10-03T02:00")) is None
    past = {"utc_min": 0, "week": {}, "dates": {"2026-01-01": ["08:00-09:00"]}}
    assert Hours(past).next_opening(ms("2026-10-03T02:00")) is None


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"utc_min": None}, "utc_min"),
        ({"utc_min": 1000}, "utc_min"),
        ({"week": None}, "week"),
        ({"week": {"mon-foo": []}}, "week: mon-foo"),
        ({"week": {"mon-fri": [], "wed": []}}, "wed is named twice"),
        ({"week": {"mon": ["9:00-10:00"]}}, "9"),
        ({"week": {"mon": ["09:00-10:60"]}}, "10:60"),
        ({"week": {"mon": ["09:00-09:00"]}}, "09:00-09:00"),
        ({"week": {"mon": ["24:00-09:00"]}}, "24:00-09:00"),
        ({"week": {"mon": "09:00-10:00"}}, "list of windows"),
        ({"week": {"mon": [900]}}, "week"),
        ({"week": {"mon": ["09:00~10:00"]}}, "09:00~10:00"),
        ({"holidays": ["2026-02-29"]}, "2026-02-29"),
        ({"holidays": ["2026-10-07/2026-10-01"]}, "ends before"),
        ({"holidays": 3}, "holidays"),
        ({"dates": {"1 May": []}}, "1 May"),
        ({"dates": []}, "dates"),
        ({"dates": {"2026-05-01": ["²0:00-10:00"]}}, "²0"),
        ({"holliday": []}, "holliday"),
    ],
)
def test_damaged_data_is_refused_by_name(change: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match="hours: ") as caught:
        Hours({**HOUSE, **change})
    assert names in str(caught.value)


FIELDS = st.sampled_from(["utc_min", "week", "mon", "holidays", "dates"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner),
)


@given(ANYTHING)
def test_no_data_raise_anything_else(data: Any) -> None:
    with contextlib.suppress(ValueError):
        Hours(data)
