"""Each fault of a scale injected at random instants: found, how soon, and over again once it is mended.

Those that a few looks tell are injected into the world around the unmodified firmware (driver, chip stand-in
and log included). Those that take hours or days are injected into `life.py`, which is the same engine and
the same diagnosis, at a thousandth of the time; a few of them go through the firmware too.
"""

import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulators.bench.weighing.life import LOOK_MS, Life
from simulators.bench.weighing.station import NOW_MS
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.bin import BinScene, Collection
from simulators.world.district import district
from simulators.world.kernel import Stream
from simulators.world.weather import DAY_MS

HOUR_MS = 3_600_000
_DEVICE, _PART = "bin-001", "scale0"
_SOON_MS = 50 * 60_000  # four looks, and the fifth has begun


@dataclass(frozen=True)
class Fault:
    """`knob`: of `world/scale.py`. `codes`: what may be raised for it, any one. `find_ms`: it must be found
    so soon. `clear_ms`: it must be cleared so soon after it was mended.
    """

    knob: str
    codes: tuple[str, ...]
    find_ms: int
    clear_ms: int
    slow: bool = False
    mechanical: bool = False
    crew_days: int = 3
    """A crew empties the bay so often; what only an emptying shows is then found sooner."""


FAULTS = (
    Fault("disconnected", ("scale-at-rail",), _SOON_MS, _SOON_MS),
    Fault("excitation", ("scale-no-excitation",), _SOON_MS, _SOON_MS),
    Fault("stuck", ("scale-stuck",), _SOON_MS, _SOON_MS),
    Fault("line-high", ("scale-silent",), _SOON_MS, _SOON_MS),
    Fault("line-low", ("scale-stuck",), _SOON_MS, _SOON_MS),
    Fault("clock-open", ("scale-garbled",), _SOON_MS, _SOON_MS),
    Fault("overloaded", ("scale-overload",), _SOON_MS, _SOON_MS),
    Fault("pulses-lost", ("scale-jumps",), DAY_MS, 2 * DAY_MS, slow=True),
    Fault("noisy", ("scale-noisy",), DAY_MS, DAY_MS, slow=True),
    Fault("drifting", ("zero-drift",), DAY_MS, 3 * DAY_MS, slow=True),
    Fault(
        "contact",
        ("scale-contact", "zero-drift"),
        30 * DAY_MS,
        30 * DAY_MS,
        slow=True,
        crew_days=1,
        mechanical=True,
    ),
    Fault("wedged", ("scale-contact",), 10 * DAY_MS, 10 * DAY_MS, slow=True, mechanical=True),
)


@dataclass
class Found:
    """What became of the injections of one fault."""

    fault: Fault
    where: str
    """`firmware` (the VM) or `engine` (CPython)."""
    injected: int = 0
    after_ms: list[int] = field(default_factory=list)
    """Of each that was found, how long after."""
    missed: list[int] = field(default_factory=list)
    """Numbers of those that were not."""
    cleared: int = 0
    twice: int = 0
    """Codes raised more than once for one injection."""

    def extend(self, other: "Found") -> None:
        """Take another part of the same injections in."""
        self.injected += other.injected
        self.after_ms += other.after_ms
        self.missed += other.missed
        self.cleared += other.cleared
        self.twice += other.twice

    @property
    def all_found(self) -> bool:
        """Whether every one was found, and told to be over once mended."""
        return not self.missed and self.cleared == self.injected and not self.twice

    def minutes(self) -> tuple[float, float]:
        """Median and maximum of the time to find."""
        if not self.after_ms:
            return 0.0, 0.0
        return statistics.median(self.after_ms) / 60_000, max(self.after_ms) / 60_000


def in_engine(fault: Fault, seed: int, count: int, told: Callable[[], None] = lambda: None) -> Found:
    """`count` injections, each into a bay of its own."""
    found = Found(fault, "engine")
    rng = Stream("injections", seed, fault.knob)
    for number in range(count):
        start = NOW_MS + rng.randrange(365 * DAY_MS)
        life = Life(seed, number, start, fault.crew_days)
        life.run(start + rng.randrange(HOUR_MS, 12 * HOUR_MS))
        found.injected += 1
        began, before = life.at.now, len(life.changes)
        life.at.scale.set_fault(fault.knob)
        wanted = set(fault.codes)
        life.run(began + fault.find_ms, life.raises(fault.codes))
        if wanted & life.raised:
            found.after_ms.append(life.at.now - began)
        else:
            found.missed.append(number)
        life.at.scale.set_fault(None)
        if "zero-drift" in wanted:  # zero may have followed, as far as it may
            life.repaired()
        life.run(life.at.now + fault.clear_ms, life.is_free_of(fault.codes))
        found.cleared += not wanted & life.raised
        raised = [code for _, code, up in life.changes[before:] if up and code in wanted]
        found.twice += len(raised) > len(set(raised))
        told()
    return found


class _Breaking(BinScene):
    """A bin whose scale breaks and is mended by plan."""

    def on_break(self, knob: str) -> None:
        """Break it."""
        self.set_fault(_PART, knob)

    def on_mend(self) -> None:
        """Mend it."""
        self.set_fault(_PART, None)


def _no_crew(_after_ms: int) -> Collection | None:
    return None


def in_firmware(fault: Fault, seed: int, count: int, told: Callable[[], None] = lambda: None) -> Found:
    """`count` injections into one bin, whose log then says what was found."""
    plan = district(seed)
    settings = plan.settings(_DEVICE)
    settings |= {"wake_s": LOOK_MS // 1000, "bays": settings["bays"][:1]}
    rng = Stream("broken", seed, fault.knob)
    spec = replace(plan.bins[0], bays=plan.bins[0].bays[:1])
    scene = _Breaking(spec, seed, NOW_MS, _no_crew, pace=0.3)
    broken = []
    t = NOW_MS + HOUR_MS
    for _ in range(count):
        t += rng.randrange(5 * 60_000, 20 * 60_000)
        scene.at(t, "break", fault.knob)
        scene.at(t + fault.find_ms, "mend")
        broken.append(t)
        t += fault.find_ms + fault.clear_ms
    found = Found(fault, "firmware", injected=count)
    with tempfile.TemporaryDirectory(prefix="huishou-bench-") as folder:
        image = Image.create(Path(folder) / _DEVICE, _DEVICE, "bin-s3", settings, seed, NOW_MS)
        result = run(image, scene, t, fidelity=Fidelity.STANDARD, on_time=lambda _ms: told())
        if result.halted is not None:
            raise RuntimeError(f"the firmware ended: {result.halted}")
        faults = [r for _, _, text in image.logged() if (r := json.loads(text))["kind"] == "fault"]
    mine = [r for r in faults if r["part"] == _PART and r["code"] in fault.codes]
    for number, (began, end) in enumerate(zip(broken, [*broken[1:], t], strict=True)):
        within = [r for r in mine if began <= r["t"] < end]
        raised = [r["t"] for r in within if r["state"] == "raised"]
        if raised and raised[0] <= began + fault.find_ms:
            found.after_ms.append(raised[0] - began)
        else:
            found.missed.append(number)
        found.cleared += bool(within) and within[-1]["state"] == "cleared"
        found.twice += len(raised) > 1
    return found
