"""Three ledgers of one city, compared record by record. Pure: no file, no network, no clock.

1. what the devices logged (flash images, the weighbridge's alibi memory),
2. what the gateway's journal holds,
3. what InfluxDB returns to a query.

They are equal when every record of the first is in the second once, unchanged, and in the third once, as the
contract maps it; and neither holds anything else. A record that the gateway refused is missing from the
third.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulators.demo.points import Name, Point, Unit, decode, expected_point

FIRMWARE, JOURNAL, INFLUXDB = "firmware", "journal", "influxdb"


class Logged(NamedTuple):
    """A record at its origin.

    `raw` is its exact text; None where the origin is not JSON (a weighbridge), then the fields that must
    agree are in `values`.
    """

    name: Name
    raw: bytes | None
    values: Mapping[str, Any] = {}

    @property
    def record(self) -> Mapping[str, Any]:
        return decode(self.raw) if self.raw is not None else self.values


class Journaled(NamedTuple):
    """A record as the journal holds it.

    `t_ms`: the time that the gateway gave it, if it had to. `refused`: why it is not to go any further.
    """

    name: Name
    raw: bytes
    t_ms: int | None = None
    refused: str | None = None


class Difference(NamedTuple):
    """`what` is `missing`, `doubled`, `altered` or `unexpected`; `where` the ledger that is wrong."""

    what: str
    where: str
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what} in {self.where}: {self.name}: {self.detail}"


@dataclass
class Comparison:
    """The result. `counts[kind][ledger]` and `devices[device][ledger]` count records."""

    differences: list[Difference] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    devices: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        return not self.differences

    def total(self, ledger: str) -> int:
        return sum(counter[ledger] for counter in self.counts.values())

    def count(self, ledger: str, kind: str, device: str) -> None:
        self.counts.setdefault(kind, Counter())[ledger] += 1
        self.devices.setdefault(device, Counter())[ledger] += 1


def compare(
    logged: Iterable[Logged],
    journaled: Iterable[Journaled],
    points: Iterable[Point],
    units: Mapping[str, Unit],
) -> Comparison:
    """Compare the three. Differences come in the order of the path: first journal, then InfluxDB."""
    result = Comparison()
    first = _origin(logged, result)
    second = _journal(journaled, result)
    _compare_journal(first, second, result)
    _compare_points(second, points, units, result)
    return result


def _origin(logged: Iterable[Logged], result: Comparison) -> dict[Name, Logged]:
    """The first ledger by name. A name that was given to two records is a fault of the device."""
    found: dict[Name, Logged] = {}
    for entry in logged:
        if entry.name in found:
            result.differences.append(Difference("doubled", FIRMWARE, str(entry.name), _shown(entry.record)))
            continue
        found[entry.name] = entry
        result.count(FIRMWARE, str(entry.record.get("kind")), entry.name.device)
    return found


def _journal(journaled: Iterable[Journaled], result: Comparison) -> dict[Name, Journaled]:
    found: dict[Name, Journaled] = {}
    for entry in journaled:
        if entry.name in found:
            result.differences.append(Difference("doubled", JOURNAL, str(entry.name), _shown(entry.raw)))
            continue
        found[entry.name] = entry
        result.count(JOURNAL, str(decode(entry.raw).get("kind")), entry.name.device)
    return found


def _compare_journal(
    first: Mapping[Name, Logged], second: Mapping[Name, Journaled], result: Comparison
) -> None:
    for name, entry in sorted(first.items()):
        stored = second.get(name)
        if stored is None:
            result.differences.append(Difference("missing", JOURNAL, str(name), _shown(entry.record)))
        elif entry.raw is not None and stored.raw != entry.raw:
            detail = f"logged {_shown(entry.raw)}, stored {_shown(stored.raw)}"
            result.differences.append(Difference("altered", JOURNAL, str(name), detail))
        elif entry.raw is None:
            held = decode(stored.raw)
            wrong = {key: held.get(key) for key, value in entry.values.items() if held.get(key) != value}
            if wrong:
                detail = f"measured {dict(entry.values)}, stored {wrong}"
                result.differences.append(Difference("altered", JOURNAL, str(name), detail))
    for name in sorted(second.keys() - first.keys()):
        detail = f"no device logged this: {_shown(second[name].raw)}"
        result.differences.append(Difference("unexpected", JOURNAL, str(name), detail))


def _compare_points(
    second: Mapping[Name, Journaled], points: Iterable[Point], units: Mapping[str, Unit], result: Comparison
) -> None:
    seen: set[Name] = set()
    for point in points:
        name = point.name
        if name is None or name not in second:
            detail = f"the journal has no such record: {_point(point)}"
            result.differences.append(Difference("unexpected", INFLUXDB, str(name or "?"), detail))
            continue
        if name in seen:
            result.differences.append(Difference("doubled", INFLUXDB, str(name), _point(point)))
            continue
        seen.add(name)
        result.count(INFLUXDB, point.measurement, name.device)
        stored = second[name]
        if stored.refused is not None:
            detail = f"refused ({stored.refused}) and there all the same: {_point(point)}"
            result.differences.append(Difference("unexpected", INFLUXDB, str(name), detail))
            continue
        wanted = expected_point(name, decode(stored.raw), stored.t_ms, units.get(name.device))
        if point != wanted:
            result.differences.append(Difference("altered", INFLUXDB, str(name), _apart(wanted, point)))
    for name in sorted(second.keys() - seen):
        refused = second[name].refused
        detail = f"refused by the gateway: {refused}" if refused else _shown(second[name].raw)
        result.differences.append(Difference("missing", INFLUXDB, str(name), detail))


def _apart(wanted: Point, found: Point) -> str:
    """Which parts of a point differ, and how."""
    parts = []
    if wanted.measurement != found.measurement:
        parts.append(f"measurement {found.measurement} instead of {wanted.measurement}")
    if wanted.time_ns != found.time_ns:
        parts.append(f"time {found.time_ns} instead of {wanted.time_ns}")
    for what, want, have in (
        ("tag", dict(wanted.tags), dict(found.tags)),
        ("field", dict(wanted.fields), dict(found.fields)),
    ):
        parts += [
            f"{what} {key} is {have.get(key)!r} instead of {want.get(key)!r}"
            for key in sorted(want.keys() | have.keys())
            if want.get(key) != have.get(key)
        ]
    return "; ".join(parts)


def _point(point: Point) -> str:
    fields = {key: value for key, (_, value) in point.fields.items()}
    return f"{point.measurement} {dict(point.tags)} {fields} at {point.time_ns}"


def _shown(record: bytes | Mapping[str, Any]) -> str:
    text = record.decode("utf-8", "replace") if isinstance(record, bytes) else str(dict(record))
    return text if len(text) <= 300 else text[:300] + "…"
