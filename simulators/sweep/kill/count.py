"""The three ledgers of a round compared: what the fleet made, what the journal holds, what InfluxDB returns.
Pure.

Beyond `simulators.demo.ledgers`: a fleet's record may have been lost on its device (then it may be missing),
may break its schema on purpose (then it must stand in the journal as refused), and may have been freed before
a backup older than it was restored (then it may be missing: the broker may still bring it).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simulators.demo.ledgers import Comparison, Difference, Journaled, Logged, compare
from simulators.demo.points import Name, Point, Unit
from simulators.fleet import Entry


@dataclass
class Made:
    """A fleet's ledger, by name."""

    good: dict[Name, bytes] = field(default_factory=dict)
    bad: set[Name] = field(default_factory=set)
    lost: set[Name] = field(default_factory=set)


def made(entries: Iterable[Entry]) -> Made:
    """What a fleet made, and what its devices lost."""
    result = Made()
    for entry in entries:
        name = Name(entry.device, entry.log, entry.seq)
        match entry.what:
            case "R":
                result.good[name] = entry.text
            case "B":
                result.bad.add(name)
            case "L":
                result.lost.update(Name(entry.device, entry.log, n) for n in range(entry.seq, entry.last + 1))
    return result


def ledgers(
    fleet: Made,
    journaled: Iterable[Journaled],
    points: Iterable[Point],
    units: Mapping[str, Unit],
    forgotten: set[Name],
) -> Comparison:
    """Compare. `forgotten`: freed by their devices and not in the backup that was restored afterwards."""
    journal = list(journaled)
    names = {entry.name for entry in journal}
    may_lack = fleet.lost | forgotten
    logged = [
        Logged(name, text) for name, text in fleet.good.items() if name in names or name not in may_lack
    ]
    good = [entry for entry in journal if not (entry.name in fleet.bad and entry.refused)]
    # What was written to InfluxDB before the restore is there, and nowhere else.
    seen: set[Name] = set()
    kept: list[Point] = []
    doubled: list[Difference] = []
    for point in points:
        if point.name is not None and point.name in forgotten and point.name not in names:
            if point.name in seen:
                doubled.append(Difference("doubled", "influxdb", str(point.name), "written before a restore"))
            seen.add(point.name)
        else:
            kept.append(point)
    result = compare(logged, good, kept, units)
    result.differences += doubled
    for name in sorted(fleet.bad - names - may_lack):
        detail = "it breaks its schema; expected among the refused"
        result.differences.append(Difference("missing", "journal", str(name), detail))
    return result
