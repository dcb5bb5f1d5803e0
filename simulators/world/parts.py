"""Models of the parts that hang on a unit's pins: load cell, lock, distance sensor, lines, network.

Each turns what is physically so into what the pins show. None decides anything; people and trucks act on
them.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from simulators.scene import BridgeSignal, UartBytes
from simulators.world.kernel import Kernel, Part

_ELECTRICAL_NOISE_NV = 70  # HX711 at gain 128, 10 samples a second: 50 to 90 nV rms
_HANDLING_NOISE_NV = 1_500  # a hand in the bay, a door that swings: some 30 g
_RING_STEP_MS = 100
_RING_DECAY = -0.55
_RING_STEPS = 9
_CREEP_TAU_MS = 8 * 60_000
_POWERED_REFRESH_MS = 15_000


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One load cell with the platform on it, as it physically is. At 3.3 V excitation."""

    nv_per_g: float
    """Sensitivity: 2 mV/V of a 150 kg cell is 44 nV a gram."""
    zero_nv: int
    """Signal with nothing on the platform: imbalance of the bridge and dead load."""
    zero_nv_per_k: float
    span_ppm_per_k: float
    creep_permille: float
    """Share of a load that the signal still gains, over some eight minutes, after the load came on."""
    capacity_g: int


class Scale(Part):
    """A load cell: load in grams in, bridge voltage out; a dropped load rings, then creeps."""

    LASTING = ("load_g", "powered", "handled", "ring_nv", "ring_left", "creep_g", "crept_at", "stuck_nv")
    FAULTS: ClassVar = {
        "disconnected": lambda _scale, _nv: None,
        "stuck": lambda scale, nv: scale.hold(nv),
        "drifting": lambda scale, nv: nv + int((scale.world.now % 86_400_000) * scale.spec.nv_per_g / 86_400),
        "overloaded": lambda _scale, _nv: 20_000_000,
    }

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any], spec: CellSpec) -> None:
        super().__init__(world, name)
        self.spec = spec
        self._data: int = pins["data"]
        self._power: int | None = pins.get("power")
        self.load_g = 0.0
        self.powered = self._power is None
        self.handled = False
        self.ring_nv = 0.0
        self.ring_left = 0
        self.creep_g = 0.0
        self.crept_at = world.now
        self.stuck_nv: int | None = None

    def put(self, mass_g: float) -> None:
        """A mass lands on the platform (or, negative, leaves it)."""
        self._creep()
        self.load_g += mass_g
        # What falls pushes twice its weight at first; what is set down, less. Heavy things come gently.
        if not self.powered:
            return  # it rings unseen
        self.ring_nv = mass_g * self.spec.nv_per_g * 0.8 / (1 + abs(mass_g) / 5_000)
        if not self.ring_left:
            self.after(_RING_STEP_MS, "ring")
        self.ring_left = _RING_STEPS
        self.refresh()

    def handle(self, hands_in: bool) -> None:
        """Someone begins or ends to work in the bay: the signal is unquiet meanwhile."""
        self.handled = hands_in
        self.refresh()

    def hold(self, nv: int) -> int:
        """The value that the cell was at when it got stuck."""
        if self.stuck_nv is None:
            self.stuck_nv = nv
        return self.stuck_nv

    def set_fault(self, fault: str | None) -> None:
        self.stuck_nv = None
        super().set_fault(fault)

    def driven(self, pin: int, level: int) -> None:
        if pin != self._power or self.powered == bool(level):
            return
        self.powered = bool(level)
        if not self.powered:
            self.world.cancel(f"{self.name}.ring", f"{self.name}.settle")
            self.ring_left, self.ring_nv = 0, 0.0
            return
        self.refresh()
        self.after(_POWERED_REFRESH_MS, "settle")

    def on_ring(self) -> None:
        """The platform swings through once more."""
        self.ring_nv *= _RING_DECAY
        self.ring_left -= 1
        if self.ring_left:
            self.after(_RING_STEP_MS, "ring")
        else:
            self.ring_nv = 0.0
        self.refresh()

    def on_settle(self) -> None:
        """Temperature and creep move on while someone watches."""
        self.refresh()
        self.after(_POWERED_REFRESH_MS, "settle")

    def refresh(self) -> None:
        """Show the bridge's present signal. Nobody sees an unpowered bridge, so then nothing is computed."""
        if not self.powered:
            return
        self._creep()
        spec = self.spec
        warm_k = self.world.parts["climate"].inside_c() - 20.0  # type: ignore[attr-defined]
        load_nv = (self.load_g + self.creep_g) * spec.nv_per_g * (1 + spec.span_ppm_per_k * warm_k * 1e-6)
        healthy = round(spec.zero_nv + spec.zero_nv_per_k * warm_k + load_nv + self.ring_nv)
        noise = _HANDLING_NOISE_NV if self.handled else _ELECTRICAL_NOISE_NV
        self.world.set_bridge(BridgeSignal(self._data, self.broken(healthy), noise))

    def _creep(self) -> None:
        """Let the creep follow the load up to now."""
        passed_ms = self.world.now - self.crept_at
        if passed_ms > 0:
            aim = self.load_g * self.spec.creep_permille / 1000
            self.creep_g = aim + (self.creep_g - aim) * math.exp(-passed_ms / _CREEP_TAU_MS)
            self.crept_at = self.world.now


class Lock(Part):
    """A motor bolt on a door: drive 1 pulls the bolt, drive 0 lets it spring back, which it can only when
    the door is shut.

    Switches: bolt 1 = bolted, door 1 = closed. `on_moved` tells the scene, by its `bolt_moved(name)`.
    """

    LASTING = ("bolted", "closed", "drive")
    FAULTS: ClassVar = {
        "jammed": lambda lock, _bolted: lock.bolted,
        "bolt-switch": lambda _lock, _bolted: False,
    }

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._drive, self._bolt, self._door = pins["drive"], pins["bolt"], pins["door"]
        self.bolted, self.closed, self.drive = True, True, 0
        self.refresh()

    def driven(self, pin: int, level: int) -> None:
        if pin == self._drive and level != self.drive:
            self.drive = level
            self._travel()

    def swing(self, closed: bool) -> None:
        """Someone opens or shuts the door."""
        self.closed = closed
        self.world.record("door", door=self.name, state="closed" if closed else "open")
        self.refresh()
        self._travel()

    def _travel(self) -> None:
        self.world.cancel(f"{self.name}.moved")
        if self.drive == self.bolted and (self.drive or self.closed):
            self.after(self.rng("bolt").uniform(150, 300), "moved")

    def on_moved(self) -> None:
        """The bolt has arrived at its other end, unless something holds it."""
        wanted = not self.drive
        if self.fault == "jammed" or wanted == self.bolted:
            return
        self.bolted = wanted
        self.refresh()
        self.world.bolt_moved(self.name)  # type: ignore[attr-defined]

    def refresh(self) -> None:
        self.world.set_pin(self._bolt, int(self.broken(self.bolted)))
        self.world.set_pin(self._door, int(self.closed))


class Ranger(Part):
    """An ultrasonic distance sensor with serial output: `FF hi lo sum`, millimetres, ten frames a second
    while powered.
    """

    LASTING = ("distance_mm", "powered")
    FAULTS: ClassVar = {
        "silent": lambda _ranger, _frame: b"",
        "garbled": lambda ranger, _frame: ranger.rng("garbage").randbytes(4),
        "blind": lambda ranger, _frame: ranger.frame(0),
    }
    _FRAME_MS = 100

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._uart: int = pins["uart"]
        self._power: int | None = pins.get("power")
        self.distance_mm = 0.0
        self.powered = False
        if self._power is None:
            self.powered = True
            self.after(self._FRAME_MS, "echo")

    @staticmethod
    def frame(mm: int) -> bytes:
        """The sensor's four bytes; the last is the low byte of the sum of the others."""
        high, low = divmod(mm & 0xFFFF, 256)
        return bytes((0xFF, high, low, (0xFF + high + low) & 0xFF))

    def driven(self, pin: int, level: int) -> None:
        if pin == self._power and self.powered != bool(level):
            self.powered = bool(level)
            if self.powered:
                self.after(self._FRAME_MS, "echo")
            else:
                self.world.cancel(f"{self.name}.echo")

    def on_echo(self) -> None:
        """One measurement: a few millimetres of noise, and now and then an echo that went astray."""
        rng = self.rng("echo")
        error = rng.normalvariate(0, 2.5) if rng.random() > 0.01 else rng.uniform(-200, 400)
        data: bytes = self.broken(self.frame(max(round(self.distance_mm + error), 30)))
        if data:
            self.world.emit(UartBytes(self._uart, data))
        self.after(self._FRAME_MS, "echo")


class Button(Part):
    """A contact to ground: level 1 at rest, 0 while pressed."""

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._pin: int = pins["pin"]
        world.set_pin(self._pin, 1)

    def press(self, for_ms: float | None = None) -> None:
        """Press it, for so long, or until `release`."""
        self.world.set_pin(self._pin, 0)
        self.world.cancel(f"{self.name}.released")
        if for_ms is not None:
            self.after(for_ms, "released")

    def release(self) -> None:
        """Let go."""
        self.world.set_pin(self._pin, 1)

    def on_released(self) -> None:
        """The time of `press` is over."""
        self.release()


class Reader(Part):
    """A card, QR or RFID reader: one token a line, ASCII, CR LF."""

    FAULTS: ClassVar = {
        "dead": lambda _reader, _line: b"",
        "garbled": lambda reader, line: bytes(b ^ reader.rng("garbage").getrandbits(2) for b in line),
    }

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._uart: int = pins["uart"]

    def show(self, token: str) -> None:
        """Hold a token to the reader."""
        line: bytes = self.broken(token.encode() + b"\r\n")
        if line:
            self.world.emit(UartBytes(self._uart, line))


class Network(Part):
    """Whether the unit's radio finds its network."""

    FAULTS: ClassVar = {
        "down": lambda _net, _up: False,
        # Out for the first 7 of every 31 minutes: awkward for every retry that counts in round numbers.
        "flaky": lambda net, _up: net.world.now // 60_000 % 31 >= 7,
    }

    def up(self) -> bool:
        """The network is there now."""
        return bool(self.broken(True))
