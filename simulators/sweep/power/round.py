"""One round: a unit with a small log, a plan of cuts, a rude broker, then time to recover; the verdict."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from simulators.board.chip import Chip
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, Result, run
from simulators.sweep.door.judge import Lines, Verdict
from simulators.sweep.power.broker import Broker, Gateway
from simulators.sweep.power.judge import Ledger, Name, judge
from simulators.sweep.power.plan import Plan
from simulators.world.bin import BinScene, Collection, crew_token
from simulators.world.district import District, district
from simulators.world.truck import TruckScene

START_MS = 1_790_000_000_000
LOG_SECTORS = 16  # of 4096 bytes: a round runs some laps through it
STATE_SECTORS = 4
PACE = 12.0  # times the visitors of an ordinary day
NEIGHBOURS = 10**6  # so many that a token names one visit
STEP_MS = 15 * 60_000
MOST_STEPS = 40
REST_STEPS = 16  # four hours of power and a good broker
TRUCK_EVERY = 5  # rounds, one is a truck's
_EMPTIED_EVERY_MS = 3 * 3_600_000


class Store(Gateway, Protocol):
    """A gateway that can be looked into when all is over."""

    def stored(self) -> list[tuple[str, int, bytes]]:
        """Log, number and text of every record of the journal."""

    def lost(self) -> list[tuple[str, int, int]]:
        """Log, first and last number of what the device declared lost."""

    def wrong(self) -> list[str]:
        """What the journal finds amiss in itself."""

    def told(self) -> dict[str, int]:
        """What the unit said to commands and settings, and how often: for the table."""

    def close(self) -> None:
        """Let go of the store."""


MakeStore = Callable[[dict[str, Any], Path], Store]
"""A gateway for the unit with these settings, with a store in an empty folder."""


class _Image(Image):
    """A unit whose log is a few sectors long; what was on flash is noted before any of it is erased."""

    ledger: Ledger

    def shorten(self) -> None:
        """Cut the log partition down."""
        self.ledger = Ledger()
        (self.path / "log.bin").write_bytes(b"\xff" * (LOG_SECTORS * 4096))

    def partitions(self) -> list[tuple[str, str, int]]:
        return [(label, path, Path(path).stat().st_size) for label, path, _size in super().partitions()]

    def before_erase(self, label: str, _block: int) -> None:
        if label == "log":
            self.note()

    def note(self) -> None:
        """See what the log holds now."""
        self.ledger.see(self._on_flash())


def play(plan: Plan, make: MakeStore) -> Verdict:
    """Play a plan; everything about the round follows from it."""
    with tempfile.TemporaryDirectory(prefix="huishou-power-", dir=_memory()) as folder:
        return _Round(plan, make, Path(folder)).play()


def _memory() -> Path | None:
    shared = Path("/dev/shm")  # noqa: S108 (a fresh directory in it)
    return shared if shared.is_dir() else None


def _scene(plan: Plan, city: District, truth: Lines) -> BinScene | TruckScene:
    """A busy bin that is emptied all day; now and then a truck."""
    if plan.number % TRUCK_EVERY == TRUCK_EVERY - 1:
        spec = city.trucks[plan.number % len(city.trucks)]
        return TruckScene(spec, city.rounds, plan.name, START_MS, truth.append)
    bin_spec = replace(city.bins[plan.number % len(city.bins)], households=NEIGHBOURS)
    crew = crew_token(1, "sweep")
    return BinScene(
        bin_spec,
        plan.name,
        START_MS,
        lambda after: Collection(after + _EMPTIED_EVERY_MS, crew, None),
        truth.append,
        PACE,
    )


class _Round:
    def __init__(self, plan: Plan, make: MakeStore, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        city = district(1 + plan.number % 20)
        self._truth: Lines = []
        self._scene = _scene(plan, city, self._truth)
        device = self._scene.spec.device
        settings = city.settings(device)
        board = self._scene.spec.board
        self._image = _Image.create(folder / "unit", device, board, settings, 7, START_MS)
        self._image.shorten()
        self._store = make(settings, folder / "store")
        self._broker = Broker(gateway=self._store, name=plan.name, rude=frozenset(plan.rude))
        self._owed: set[Name] = set()
        self._boots = 0
        self._cuts: dict[str, int] = {}
        self._halted: str | None = None

    def play(self) -> Verdict:
        try:
            for _ in range(MOST_STEPS):
                if self._boots >= self._plan.boots:
                    break
                self._run()
            self._recover()
            self._image.note()
            return self._verdict()
        finally:
            self._store.close()

    def _recover(self) -> None:
        """The power stays, the broker is well, nobody comes: everything has to arrive."""
        self._plan = self._plan.without(cuts=set(self._plan.cuts))
        self._broker.rude = frozenset()
        if isinstance(self._scene, BinScene):
            self._scene.set_pace(0)
        for step in range(REST_STEPS):
            self._owed = set(self._image.ledger.texts)
            self._run()  # each begins with a power cycle: a unit that starts reports
            if step and not self._owed - {(log, seq) for log, seq, _ in self._store.stored()}:
                return

    def _run(self) -> None:
        until_ms = self._image.now_ms + STEP_MS
        result: Result = run(
            self._image,
            self._scene,
            until_ms,
            fidelity=Fidelity.FAST,
            on_network=self._broker.attach,
            on_boot=self._boot,
        )
        for what, times in result.counters.cut.items():
            self._cuts[what] = self._cuts.get(what, 0) + times
        self._halted = self._halted or result.halted

    def _boot(self, chip: Chip) -> None:
        """The chip is about to start: what was on flash is noted, the next cut planned."""
        self._image.note()
        chip.cut_at_flash_op, chip.torn = self._plan.cuts.get(self._boots, (None, 128))
        self._boots += 1

    def _verdict(self) -> Verdict:
        visits, store = None, self._store
        if isinstance(self._scene, BinScene):
            bays = {bay.lock: bay.bay for bay in self._scene.spec.bays}
            locks: dict[str, Any] = {name: self._scene.parts[name] for name in bays}
            doors = {name: (bool(lock.bolted), bool(lock.closed)) for name, lock in locks.items()}
            visits = (self._truth, doors, bays)
        verdict = judge(self._image.ledger, self._owed, store.stored(), store.lost(), store.wrong(), visits)
        said = (self._image.path / "vm.log").read_text(encoding="utf-8").splitlines()
        words = "\n".join(line for line in said if not line.startswith("# "))  # what `log-level` lets it say
        if self._halted is not None or words:
            verdict.found("crash", (self._halted, words[:2000]))
        counts = verdict.counts
        counts["boots"] += self._boots
        counts["points"] += sum(self._cuts.values())
        counts.update({f"torn {what}": times for what, times in self._cuts.items()})
        counts.update({f"told: {what}": times for what, times in store.told().items()})
        counts.update({f"broker: {what}": times for what, times in self._broker.counts.items()})
        return verdict
