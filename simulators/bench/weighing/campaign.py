"""The whole bench as tasks for processes, their results put together, and what was asked for and missed."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from simulators.bench.weighing.cuts import Cuts, power_cuts
from simulators.bench.weighing.deposits import STATIONS, Deposits, deposits
from simulators.bench.weighing.disturbances import KINDS, WRONG_MOST, Told, disturbed
from simulators.bench.weighing.faults import FAULTS, Fault, Found, in_engine, in_firmware
from simulators.bench.weighing.life import Change, Life
from simulators.bench.weighing.station import NOW_MS
from simulators.bench.weighing.verification import Point, verify
from simulators.world.weather import DAY_MS

WITHIN_1E, WITHIN_2E = 0.95, 0.999
ZERO_MOVED_E = 0.25
ALARMS_A_YEAR = 1.0
_YEAR_PART_DAYS = 73


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    deposits: int = 12_000
    stations: int = STATIONS
    verified: int = 20
    disturbed: int = 1_000
    faults: int = 200
    slow_in_firmware: int = 2
    years: float = 20.0
    cuts: int = 1_000


SMALL = Sizes(
    deposits=100,
    stations=5,
    verified=1,
    disturbed=10,
    faults=1,
    slow_in_firmware=0,
    years=0.008,
    cuts=10,
)
"""What a test can afford."""


@dataclass
class Results:
    """What came out."""

    deposits: Deposits = field(default_factory=Deposits)
    points: list[Point] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    faults: list[Found] = field(default_factory=list)
    alarms: list[Change] = field(default_factory=list)
    days: float = 0.0
    looks: int = 0
    cuts: Cuts = field(default_factory=Cuts)

    def missed(self, sizes: Sizes) -> list[str]:
        """What was asked for and did not hold, in words. A part that did not run is not asked for."""
        return [words for words, held in self._asked(sizes) if not held]

    def _asked(self, sizes: Sizes) -> Iterator[tuple[str, bool]]:
        net = self.deposits
        if net.errors:
            yield "fewer deposits than were to be made", len(net.errors) >= sizes.deposits
            yield f"fewer than {WITHIN_1E:.0%} of deposits within 1 e", net.within(1) >= WITHIN_1E
            yield f"fewer than {WITHIN_2E:.1%} of deposits within 2 e", net.within(2) >= WITHIN_2E
            yield "a deposit of at least Min was called nothing", not net.wrong
        yield "an error at verification is beyond R 76", all(p.within for p in self.points)
        for kind in KINDS:
            told = self.told.get(kind.name)
            if told is not None and kind.limit:
                yield f"wrong weights: {kind.name}", len(told.wrong) <= WRONG_MOST * told.visits
        for found in self.faults:
            yield f"{found.fault.knob} ({found.where}) missed, or not cleared once", found.all_found
        yield "a false alarm a device-year", self.false_alarms < max(ALARMS_A_YEAR * self.days / 365, 1)
        yield "a zero was moved by a power cut", self.cuts.moved_e <= ZERO_MOVED_E
        yield "a loaded bay's zero has moved", self.cuts.loaded_e <= ZERO_MOVED_E

    @property
    def false_alarms(self) -> int:
        """Faults raised on a healthy scale."""
        return sum(raised for _, _, raised in self.alarms)


def quiet_days(seed: int, number: int, days: float) -> tuple[list[Change], float, int]:
    """A healthy bay for so long, at some time of the year: changes, days, looks."""
    start = NOW_MS + number * int(days) * DAY_MS
    life = Life(seed, 1_000 + number, start)
    life.run(start + int(days * DAY_MS))
    return life.changes, days, life.looks


Task = tuple[str, Callable[..., Any], tuple[Any, ...]]
PARTS = ("faults", "years", "cuts", "deposits", "verification", "disturbances")
_SLICES = 8


def tasks(seed: int, sizes: Sizes) -> Iterator[Task]:
    """(part, function, arguments), the longest first."""
    for fault in FAULTS:
        count = sizes.faults
        if fault.slow:
            slices = min(_SLICES, count)
            for k in range(slices):
                yield "faults", _faults_in_engine, (fault, seed + 1000 * k, -(-count // slices))
            # Mechanical contact shows at emptyings: no crew comes in the short time that the VM is given.
            count = 0 if fault.mechanical else sizes.slow_in_firmware
        if count:
            yield "faults", in_firmware, (fault, seed, count)
    parts = max(round(sizes.years * 365 / _YEAR_PART_DAYS), 1)
    for number in range(parts):
        yield "years", quiet_days, (seed, number, sizes.years * 365 / parts)
    yield "cuts", power_cuts, (seed, sizes.cuts)
    for station in range(sizes.stations):
        yield "deposits", deposits, (seed, station, -(-sizes.deposits // sizes.stations))
    for station in range(sizes.verified):
        yield "verification", verify, (seed, station)
    for kind in range(len(KINDS)):
        yield "disturbances", _disturbed, (kind, seed, sizes.disturbed)


def _faults_in_engine(fault: Fault, seed: int, count: int) -> Found:
    return in_engine(fault, seed, count)


def _disturbed(kind: int, seed: int, visits: int) -> tuple[str, Told]:
    # By its number: what a kind does is code, and code does not travel between processes.
    return KINDS[kind].name, disturbed(KINDS[kind], seed, visits)


def run(
    seed: int,
    sizes: Sizes,
    jobs: int,
    told: Callable[[str, int, int], None] = lambda _part, _done, _of: None,
    parts: Collection[str] = PARTS,
) -> Results:
    """These parts; `told(part, done, of)` hears of each task."""
    results = Results()
    todo = [task for task in tasks(seed, sizes) if task[0] in parts]
    if jobs == 1:
        for done, (what, function, arguments) in enumerate(todo, 1):
            _take(results, function(*arguments))
            told(what, done, len(todo))
        return results
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(function, *arguments): what for what, function, arguments in todo}
        for done, future in enumerate(as_completed(waiting), 1):
            _take(results, future.result())
            told(waiting[future], done, len(todo))
    return results


def _take(results: Results, part: Any) -> None:
    match part:
        case Deposits():
            results.deposits.extend(part)
        case Cuts():
            results.cuts = part
        case Found():
            same = [f for f in results.faults if f.fault == part.fault and f.where == part.where]
            same[0].extend(part) if same else results.faults.append(part)
        case [Point(), *_]:
            results.points += part
        case (str(name), Told() as how):
            results.told[name] = how
        case (list(changes), days, looks):
            results.alarms += changes
            results.days += days
            results.looks += looks
        case _:
            raise TypeError(f"a task gave {part!r}")
