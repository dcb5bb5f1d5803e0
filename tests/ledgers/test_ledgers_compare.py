"""The comparison that a demo ends with: equal ledgers are equal, and any single change to one is found and
named."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulators.demo.ledgers import FIRMWARE, INFLUXDB, JOURNAL, Comparison, Journaled, Logged, compare
from simulators.demo.points import Name, Point, Unit, expected_point

UNITS = {
    "bin-001": Unit("bin", "nankai-3"),
    "truck-01": Unit("truck", ""),
    "scale-01": Unit("station", "yard"),
}

RECORDS: list[dict[str, Any]] = [
    {"kind": "reading", "mass_g": 1240, "fill_pct": 31, "temp_dc": -15, "bay": 1},
    {"kind": "deposit", "session": "s1", "bay": 2, "category": "paper", "net_g": 900, "below_min": False},
    {"kind": "session", "session": "s2", "bay": 1, "outcome": "refused", "code": "full"},
    {"kind": "door", "door": "d1", "state": "open", "cause": "user"},
    {"kind": "position", "lat_e7": 391200000, "lon_e7": 1171500000, "sats": 9},
    {"kind": "fence", "fence": "站 1", "event": "enter", "lat_e7": 391200000, "lon_e7": 1171500000},
    {"kind": "weigh", "scale": "w1", "gross_g": 9000, "tare_g": 100, "net_g": 8900, "stable": True},
    {"kind": "fault", "part": "scale0", "code": "stuck", "state": "raised", "detail": 'a "quoted" \\ one'},
    {"kind": "boot", "reason": "power-on", "fw": "0.1.0", "hw": "bin-s3"},
]


def entries(count: int) -> list[Logged]:
    """`count` records of all kinds at two devices and a weighbridge, whose origin is not JSON."""
    made = []
    for number in range(count):
        device = ("bin-001", "truck-01", "scale-01")[number % 3]
        common = {"seq": number, "t": 1_760_000_000_000 + 250 * number, "clock": "ntp"}
        if device == "scale-01":
            record = {**common, **RECORDS[6], "ident": f"津A{number:05}"}
            made.append(Logged(Name(device, "000000aa", number), None, record))
        else:
            record = {**common, **RECORDS[number % len(RECORDS)]}
            text = json.dumps(record, ensure_ascii=False).encode()
            made.append(Logged(Name(device, "0a0b0c0d", number), text))
    return made


class City:
    """Three equal ledgers, each a list that a test may spoil."""

    def __init__(self, count: int) -> None:
        self.logged = entries(count)
        self.journal = [
            Journaled(entry.name, entry.raw or json.dumps(dict(entry.values)).encode())
            for entry in self.logged
        ]
        self.points = [
            expected_point(entry.name, entry.record, None, UNITS[entry.name.device]) for entry in self.logged
        ]

    def compare(self) -> Comparison:
        return compare(self.logged, self.journal, self.points, UNITS)


def test_equal_ledgers_are_equal_and_counted() -> None:
    result = City(30).compare()
    assert result.equal, result.differences
    for ledger in (FIRMWARE, JOURNAL, INFLUXDB):
        assert result.total(ledger) == 30
    assert result.devices["bin-001"] == {FIRMWARE: 10, JOURNAL: 10, INFLUXDB: 10}
    assert sum(counter[INFLUXDB] for counter in result.counts.values()) == 30


def test_the_order_of_a_ledger_does_not_matter() -> None:
    city = City(20)
    city.journal.reverse()
    city.points.reverse()
    assert city.compare().equal


def _without(items: list[Any], place: int) -> None:
    del items[place]


def _twice(items: list[Any], place: int) -> None:
    items.append(items[place])


def _text(city: City, place: int) -> None:
    entry = city.journal[place]
    held = json.loads(entry.raw)
    held["t"] += 1
    city.journal[place] = entry._replace(raw=json.dumps(held, ensure_ascii=False).encode())


def _renamed(city: City, place: int) -> None:
    entry = city.journal[place]
    city.journal[place] = entry._replace(name=entry.name._replace(seq=entry.name.seq + 1000))


def _field_of(point: Point) -> str:
    keys = sorted(point.fields.keys() - {"seq"})
    assume(keys)  # a door has tags alone
    return keys[0]


def _field(city: City, place: int, change: Callable[[str, Any], tuple[str, Any]]) -> None:
    point = city.points[place]
    key = _field_of(point)
    city.points[place] = point._replace(fields={**point.fields, key: change(*point.fields[key])})


def _other_value(kind: str, value: Any) -> tuple[str, Any]:
    return (kind, value + "x") if isinstance(value, str) else (kind, value + 1)


def _other_type(kind: str, value: Any) -> tuple[str, Any]:
    return ("double", value) if kind == "long" else ("string", str(value) + "!")


def _point(city: City, place: int, **changes: Any) -> None:
    city.points[place] = city.points[place]._replace(**changes)


def _lost_field(city: City, place: int) -> None:
    point = city.points[place]
    key = _field_of(point)
    _point(city, place, fields={k: v for k, v in point.fields.items() if k != key})


def _refused(city: City, place: int) -> None:
    city.journal[place] = city.journal[place]._replace(refused="out-of-range")
    del city.points[place]


SPOIL: dict[str, tuple[str, str, Callable[[City, int], None]]] = {
    "journal lost one": ("missing", JOURNAL, lambda c, i: _without(c.journal, i)),
    "journal has one twice": ("doubled", JOURNAL, lambda c, i: _twice(c.journal, i)),
    "journal changed the text": ("altered", JOURNAL, _text),
    "journal renamed one": ("missing", JOURNAL, _renamed),
    "journal invented one": ("unexpected", JOURNAL, lambda c, i: _without(c.logged, i)),
    "device named two alike": ("doubled", FIRMWARE, lambda c, i: _twice(c.logged, i)),
    "gateway refused one": ("missing", INFLUXDB, _refused),
    "refused, yet written": (
        "unexpected",
        INFLUXDB,
        lambda c, i: c.journal.__setitem__(i, c.journal[i]._replace(refused="out-of-range")),
    ),
    "point lost": ("missing", INFLUXDB, lambda c, i: _without(c.points, i)),
    "point doubled": ("doubled", INFLUXDB, lambda c, i: _twice(c.points, i)),
    "point without a name": (
        "unexpected",
        INFLUXDB,
        lambda c, i: _point(c, i, fields={"x": ("long", 1)}),
    ),
    "field of another value": ("altered", INFLUXDB, lambda c, i: _field(c, i, _other_value)),
    "field of another type": ("altered", INFLUXDB, lambda c, i: _field(c, i, _other_type)),
    "field lost": ("altered", INFLUXDB, _lost_field),
    "time moved by 1 ns": ("altered", INFLUXDB, lambda c, i: _point(c, i, time_ns=c.points[i].time_ns + 1)),
    "tag changed": (
        "altered",
        INFLUXDB,
        lambda c, i: _point(c, i, tags={**c.points[i].tags, "site": "elsewhere"}),
    ),
    "tag added": ("altered", INFLUXDB, lambda c, i: _point(c, i, tags={**c.points[i].tags, "x": "y"})),
    "measurement renamed": ("altered", INFLUXDB, lambda c, i: _point(c, i, measurement="other")),
}


@pytest.mark.parametrize("spoil", SPOIL)
@given(count=st.integers(1, 40), data=st.data())
def test_any_single_change_is_found_and_named(spoil: str, count: int, data: st.DataObject) -> None:
    what, where, change = SPOIL[spoil]
    city = City(count)
    place = data.draw(st.integers(0, count - 1))
    name = str(city.logged[place].name)
    change(city, place)
    result = city.compare()
    assert not result.equal
    first = result.differences[0]
    assert (first.what, first.where) == (what, where)
    assert name in str(first) or first.name == "?"


@given(a=st.integers(0, 29), b=st.integers(0, 29))
def test_two_points_that_changed_places_are_found(a: int, b: int) -> None:
    city = City(30)
    left, right = city.points[a], city.points[b]
    city.points[a] = left._replace(fields={**right.fields, **_identity(left)})
    city.points[b] = right._replace(fields={**left.fields, **_identity(right)})
    assert city.compare().equal == (city.points == City(30).points)


def _identity(point: Point) -> dict[str, Any]:
    return {"seq": point.fields["seq"]}


def test_a_record_that_got_its_time_from_the_gateway_is_expected_there() -> None:
    city = City(4)
    entry = city.logged[0]
    city.journal[0] = city.journal[0]._replace(t_ms=1_770_000_000_000)
    assert not city.compare().equal
    city.points[0] = expected_point(entry.name, entry.record, 1_770_000_000_000, UNITS["bin-001"])
    assert city.compare().equal


# By hand from the table in docs/design.md, "The contract".
BY_HAND = [
    (
        "bin-001",
        {
            "seq": 4711,
            "t": 1_760_000_000_123,
            "clock": "back",
            "kind": "deposit",
            "session": "s-9",
            "bay": 2,
            "category": "paper",
            "net_g": 1240,
            "before_g": 100,
            "after_g": 1340,
            "e_g": 20,
            "cal": "c1",
            "below_min": False,
            "user": "04a1",
            "open_ms": 9000,
            "new_field": 7,
        },
        Point(
            "deposit",
            {
                "device": "bin-001",
                "log": "0a0b0c0d",
                "unit": "bin",
                "site": "nankai-3",
                "bay": "2",
                "category": "paper",
                "clock": "back",
            },
            1_760_000_000_123_004_711,
            {
                "seq": ("long", 4711),
                "session": ("string", "s-9"),
                "net_g": ("long", 1240),
                "before_g": ("long", 100),
                "after_g": ("long", 1340),
                "e_g": ("long", 20),
                "cal": ("string", "c1"),
                "below_min": ("boolean", False),
                "user": ("string", "04a1"),
                "open_ms": ("long", 9000),
            },
        ),
    ),
    (
        "truck-01",
        {
            "seq": 3_000_005,
            "t": 1000,
            "clock": "gnss",
            "kind": "fence",
            "fence": "yard",
            "event": "exit",
            "lat_e7": -1,
            "lon_e7": 2,
        },
        Point(
            "fence",
            {
                "device": "truck-01",
                "log": "0a0b0c0d",
                "unit": "truck",
                "fence": "yard",
                "event": "exit",
                "clock": "gnss",
            },
            1_000_000_005,
            {
                "seq": ("long", 3_000_005),
                "lat_e7": ("long", -1),
                "lon_e7": ("long", 2),
            },
        ),
    ),
]


@pytest.mark.parametrize(("device", "record", "point"), BY_HAND, ids=["deposit", "fence"])
def test_the_mapping_of_a_record_to_a_point_is_the_contracts(
    device: str, record: dict[str, Any], point: Point
) -> None:
    name = Name(device, "0a0b0c0d", record["seq"])
    assert expected_point(name, record, None, UNITS[device]) == point
    assert point.name == name
