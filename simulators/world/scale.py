"""A scale as a board's pins see it: a cell (`cell.py`) under a platform that rings, sways and is leaned on.

What is wrong with the converter's two wires the board plays (`BridgeSignal.fault`).
"""

import math
from dataclasses import replace
from typing import Any, ClassVar

from simulators.scene import BridgeSignal
from simulators.world.cell import Cell, CellSpec, hum_nv
from simulators.world.kernel import Kernel, Part
from simulators.world.sway import CALM, Sway, SwaySpec, lean_g

_HANDLING_NOISE_NV = 1_500  # a hand in the bay, a door that swings: some 30 g
_RING_STEP_MS = 100
_RING_DECAY = -0.55
_RING_STEPS = 9
_QUIET_REFRESH_MS = 1_000
_UNREST_REFRESH_MS = 100  # a conversion's time
_CONTACT_HALF_G = 1_200  # what rubs holds so much, one way and the other
_DRIFT_G_PER_H = 100.0
_DRIFT_LIMIT_G = 30_000.0
_LOST_EVERY = 400  # clock pulses: one conversion in sixteen


class Scale(Part):
    """A load cell: load in grams in, bridge voltage out; a dropped load rings, then creeps."""

    LASTING = ("powered", "handled", "leaning_g", "ring_nv", "ring_left", "stuck_nv", "broken_at", "rub_g")
    FAULTS: ClassVar = {
        # A wire of the bridge's output is off: the converter's input floats to a rail.
        "disconnected": lambda _scale, s: replace(s, nanovolt=None),
        # A wire of the bridge's supply is off: no signal, whatever the load.
        "excitation": lambda scale, s: replace(s, nanovolt=0, noise_nv=scale.spec.noise_nv),
        # The converter hangs: one word, to the bit.
        "stuck": lambda scale, s: replace(s, nanovolt=scale.hold(s.nanovolt), noise_nv=0),
        # Water in the cable, a bad joint.
        "noisy": lambda scale, s: replace(s, noise_nv=scale.spec.noise_nv * 45),
        # A damaged gauge creeps away, since it broke.
        "drifting": lambda scale, s: replace(s, nanovolt=s.nanovolt + scale.drift_nv()),
        # The platform sits fast: it weighs what it weighed, whatever comes and goes.
        "wedged": lambda scale, s: replace(s, nanovolt=scale.hold(s.nanovolt)),
        # Something rubs between platform and housing: holds what comes and what goes, up to its friction.
        "contact": lambda scale, s: replace(s, nanovolt=s.nanovolt + scale.rub_nv()),
        # Far more than Max lies on it.
        "overloaded": lambda scale, s: replace(s, nanovolt=s.nanovolt + scale.grams_nv(1.15)),
        # The two wires to the controller.
        "line-high": lambda _scale, s: replace(s, fault="stuck-high"),
        "line-low": lambda _scale, s: replace(s, fault="stuck-low"),
        "clock-open": lambda _scale, s: replace(s, fault="clock-open"),
        "pulses-lost": lambda _scale, s: replace(s, fault="lost-pulse", every=_LOST_EVERY),
    }

    def __init__(
        self, world: Kernel, name: str, pins: dict[str, Any], spec: CellSpec, sway: SwaySpec = CALM
    ) -> None:
        super().__init__(world, name)
        self.spec = spec
        self.cell = Cell(spec, world.now)
        self.sway = Sway(sway)
        self._data: int = pins["data"]
        self._power: int | None = pins.get("power")
        self.powered = self._power is None
        self.handled = False
        self.leaning_g = 0.0
        self.ring_nv = 0.0
        self.ring_left = 0
        self.stuck_nv: int | None = None
        self.broken_at: int | None = None
        self.rub_g = 0.0

    # What happens to it

    @property
    def load_g(self) -> float:
        """What lies on the platform."""
        return self.cell.load_g

    def put(self, mass_g: float) -> None:
        """A mass lands on the platform (or, negative, leaves it)."""
        self.cell.put(mass_g, self.world.now)
        self.rub_g = min(max(self.rub_g, self.load_g - _CONTACT_HALF_G), self.load_g + _CONTACT_HALF_G)
        if not self.powered:
            return  # it rings unseen
        # What falls pushes twice its weight at first; what is set down, less. Heavy things come gently.
        self.ring_nv = mass_g * self.spec.nv_per_g * 0.8 / (1 + abs(mass_g) / 5_000)
        if not self.ring_left:
            self.after(_RING_STEP_MS, "ring")
        self.ring_left = _RING_STEPS
        self.refresh()

    def rest(self, load_g: float) -> None:
        """So much has lain on the platform for long."""
        self.cell.rest(load_g, self.world.now)
        self.rub_g = load_g
        self.refresh()

    def handle(self, hands_in: bool) -> None:
        """Someone begins or ends to work in the bay: the signal is unquiet meanwhile."""
        self.handled = hands_in
        self.refresh()

    def lean(self, push_g: float) -> None:
        """Someone leans on the housing, so that the platform is pushed by so many grams; 0: goes."""
        self.leaning_g = push_g
        self.refresh()

    def on_lean(self, push_g: float) -> None:
        """`lean`, as something planned."""
        self.lean(push_g)

    # Its faults

    def set_fault(self, fault: str | None) -> None:
        """See `Part.set_fault`. A fault begins when it is set."""
        self.stuck_nv = None
        self.broken_at = None if fault is None else self.world.now
        self.rub_g = self.load_g
        super().set_fault(fault)

    def hold(self, nv: int) -> int:
        """The value that the cell was at when it got stuck."""
        if self.stuck_nv is None:
            self.stuck_nv = nv
        return self.stuck_nv

    def drift_nv(self) -> int:
        """How far zero has walked since the gauge broke."""
        hours = (self.world.now - (self.broken_at or self.world.now)) / 3_600_000
        return round(min(_DRIFT_G_PER_H * hours, _DRIFT_LIMIT_G) * self.spec.nv_per_g)

    def rub_nv(self) -> int:
        """What the wedged thing carries, or holds down."""
        return round((self.rub_g - self.load_g) * self.spec.nv_per_g)

    def grams_nv(self, capacities: float) -> int:
        """The signal of so many times Max."""
        return round(capacities * self.spec.capacity_g * self.spec.nv_per_g)

    # Its signal

    def driven(self, pin: int, level: int) -> None:
        if pin != self._power or self.powered == bool(level):
            return
        self.powered = bool(level)
        if not self.powered:
            self.world.cancel(f"{self.name}.ring", f"{self.name}.settle")
            self.ring_left, self.ring_nv = 0, 0.0
            return
        self.refresh()
        self.after(_UNREST_REFRESH_MS, "settle")

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
        """Wind, temperature and creep move on while someone watches; in a calm it is enough to look now
        and then.
        """
        self.refresh()
        quiet = not self.leaning_g and self.sway.quiet(self.world.now, self._carried_g())
        self.after(_QUIET_REFRESH_MS if quiet else _UNREST_REFRESH_MS, "settle")

    def signal(self) -> BridgeSignal:
        """What the powered bridge shows at this instant."""
        now, spec = self.world.now, self.spec
        body = self.world.parts["climate"].body  # type: ignore[attr-defined]
        push_g = self.sway.push_g(now, self._carried_g()) + lean_g(self.leaning_g, now)
        healthy = self.cell.signal_nv(now, body.celsius(now), trend_k_h=body.trend_k_h(now), push_g=push_g)
        healthy += self.ring_nv + hum_nv(spec.hum_nv, now)
        noise = _HANDLING_NOISE_NV if self.handled else spec.noise_nv
        signal: BridgeSignal = self.broken(BridgeSignal(self._data, math.floor(healthy + 0.5), noise))
        return signal

    def refresh(self) -> None:
        """Show the bridge's present signal. Nobody sees an unpowered bridge, so then nothing is computed."""
        if self.powered:
            self.world.set_bridge(self.signal())

    def _carried_g(self) -> float:
        """Load and dead load, near enough."""
        return self.load_g + max(self.spec.zero_nv, 0) / self.spec.nv_per_g

    # Its state

    def state(self) -> dict[str, Any]:
        return {**super().state(), "cell": self.cell.state()}

    def restore(self, state: dict[str, Any]) -> None:
        rest = dict(state)
        self.cell.restore(rest.pop("cell"))
        super().restore(rest)
