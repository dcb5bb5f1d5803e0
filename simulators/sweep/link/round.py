"""One round: a device, its virtual network, faults one after the other; how long until each is overcome."""

import random
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from simulators.board.chip import Chip
from simulators.board.firmware import FIRMWARE
from simulators.board.image import Image
from simulators.board.virtual import run
from simulators.peers.cloud import Cloud
from simulators.scene import Stimulus
from simulators.sweep.link.faults import KEEPALIVE_S, KINDS, Fault, drawn
from simulators.sweep.link.wires import NAMES, Gateway, Wires

START_MS = 1_780_000_000_000
WEDGED_S = 3600  # nobody waits longer
CALM_S = (60, 300)  # between two faults
_SETTINGS = {
    "device": "bench-1",
    "unit": "bench",
    "broker": [{"host": name, "password": "x", "keepalive_s": KEEPALIVE_S} for name in NAMES],
    "network": {"ssid": "x", "password": "x", "dns": ["10.0.0.53"]},
    "ntp": {"host": "10.0.0.123"},
}
EVERY_S = (2, 40)  # how often the device has something to say: busy, quiet


class _Over(Exception):  # noqa: N818 (no error: the end)
    """Every fault was played."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seen_s`: until the device left the connection that the fault met (None: it met none, or it stayed).
    `back_s`: from the fault's end until a record made after it was at the gateway; None: not within an hour.
    """

    fault: Fault
    seen_s: float | None
    back_s: float | None
    every_s: int

    @property
    def miss(self) -> str:
        """What is worse than stated; "" when nothing is."""
        kind = KINDS[self.fault.kind]
        limit_s = self.fault.bound_s + self.every_s
        if self.back_s is None:
            return f"wedged: not back within {WEDGED_S} s"
        if self.back_s > limit_s:
            return f"back after {self.back_s:.0f} s, at most {limit_s:.0f} s"
        if kind.seen_s is not None and self.seen_s is not None and self.seen_s > kind.seen_s:
            return f"seen after {self.seen_s:.1f} s, at most {kind.seen_s:g} s"
        return ""


@dataclass
class Air:
    """A board on a bench: nothing on its pins; the radio has a network or not."""

    wires: Wires | None = None

    def start(self, _now_ms: int) -> list[Stimulus]:
        return []

    def next_at_ms(self) -> int | None:
        return None

    def advance(self, _now_ms: int) -> list[Stimulus]:
        return []

    def pin_out(self, _now_ms: int, _pin: int, _level: int) -> list[Stimulus]:
        return []

    def uart_out(self, _now_ms: int, _uart: int, _data: bytes) -> list[Stimulus]:
        return []

    def adc_mv(self, _now_ms: int, _pin: int) -> int:
        return 0

    def power(self, _now_ms: int, _state: str) -> None:
        pass

    def network_up(self, _now_ms: int) -> bool:
        fault = self.wires.fault if self.wires else None
        return fault is None or fault.kind != "no-radio"

    def save(self) -> dict[str, Any]:
        return {}


@dataclass
class Round:
    """A seed and the kinds that it plays, in order."""

    seed: int
    kinds: list[str]
    outcomes: list[Outcome] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    every_s: int = 0

    def play(self) -> "Round":
        """Run it; deterministic. Raises InterpreterError."""
        rng = random.Random(self.seed)
        self.every_s = rng.choice(EVERY_S)
        faults = [drawn(rng, kind) for kind in self.kinds]
        with tempfile.TemporaryDirectory() as scratch:
            settings = {**_SETTINGS, "every_s": self.every_s}
            image = Image.create(Path(scratch) / "unit", "bench-1", "bin-s3", settings, self.seed, START_MS)
            wires = Wires(lambda _port: None, lambda _now, _data: None, rng=rng)
            stage = _Stage(self, faults, wires, rng)
            air = Air(wires)

            def on_boot(chip: Chip) -> None:
                chip.network = wires

            try:
                until = START_MS + (len(faults) + 1) * 3 * 3_600_000
                result = run(image, air, until, firmware=firmware(), on_boot=on_boot)
                stage.stopped(result.halted or "it ran to the end of time")
            except _Over:
                pass
        self.lost += wires.gateway.jumped
        return self


def firmware() -> Path:
    """The folder that is flashed: the firmware's package and the program of the round."""
    target = Path(tempfile.gettempdir()) / f"huishou-sweep-link-{_stamp()}"
    if not target.exists():
        scratch = Path(tempfile.mkdtemp())
        shutil.copytree(FIRMWARE / "edge", scratch / "edge", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(__file__).parent / "vm" / "main.py", scratch / "main.py")
        try:
            scratch.rename(target)
        except OSError:
            shutil.rmtree(scratch)
    return target


def _stamp() -> str:
    files = [*sorted((FIRMWARE / "edge").rglob("*.py")), Path(__file__).parent / "vm" / "main.py"]
    return f"{max(f.stat().st_mtime_ns for f in files):x}-{len(files)}"


class _Stage:
    """Brings on one fault after the other: calm, fault, wait until the device is back."""

    def __init__(self, round_: Round, faults: list[Fault], wires: Wires, rng: random.Random) -> None:
        self._round, self._wires, self._rng = round_, wires, rng
        self._faults = iter(faults)
        self._fault: Fault | None = None
        self._begun_ms = self._ended_ms = 0
        self._met = 0
        self._seen_s: float | None = None
        self._waiting = False
        self._turn = 0
        wires.gateway = Gateway(self._arrived)
        wires.brokers = [_Shared(wires.gateway), _Shared(wires.gateway)]
        wires.left = self._left
        wires.at(START_MS + 60_000, self._begin)

    def _begin(self, now_ms: int) -> None:
        fault = next(self._faults, None)
        if fault is None:
            raise _Over
        if not self._wires.at_home:
            fault = replace(fault, both=True)  # else it would meet nobody
        self._fault = fault
        self._begun_ms, self._seen_s = now_ms, None
        self._met = self._wires.begin(now_ms, fault)
        if fault.lasts_ms:
            self._wires.at(now_ms + fault.lasts_ms, self._end)
        else:
            self._end(now_ms, now_ms)

    def _end(self, now_ms: int, _at: int = 0) -> None:
        self._wires.end()
        self._ended_ms, self._waiting = now_ms, True
        turn = self._turn
        self._wires.at(now_ms + WEDGED_S * 1000, lambda _ms: self._give_up(turn))

    def _left(self, now_ms: int) -> None:
        if self._fault and self._met and self._seen_s is None:
            self._seen_s = (now_ms - self._begun_ms) / 1000

    def _arrived(self, made_ms: int) -> None:
        if self._waiting and made_ms > self._ended_ms:
            self._over(self.now_ms)

    @property
    def now_ms(self) -> int:
        return self._wires.now_us // 1000

    def _give_up(self, turn: int) -> None:
        if self._waiting and turn == self._turn:
            self._over(None)

    def stopped(self, why: str) -> None:
        """The firmware ended before the round did."""
        if self._fault:
            self._round.outcomes.append(Outcome(self._fault, None, None, self._round.every_s))
        self._round.lost.append(f"the firmware stopped: {why}")

    def _over(self, now_ms: int | None) -> None:
        assert self._fault is not None  # noqa: S101 (one is waited for)
        back_s = None if now_ms is None else (now_ms - self._ended_ms) / 1000
        self._round.outcomes.append(Outcome(self._fault, self._seen_s, back_s, self._round.every_s))
        self._waiting, self._fault = False, None
        self._turn += 1
        calm_ms = round(self._rng.uniform(*CALM_S) * 1000)
        self._wires.at(self.now_ms + calm_ms, self._begin)


class _Shared(Cloud):
    """A broker with sessions of its own, before the one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway

    def heard(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        return self._gateway.heard(topic, payload)
