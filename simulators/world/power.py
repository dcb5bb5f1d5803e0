"""What feeds a unit, and the analogue inputs that measure it: solar battery of a bin, vehicle supply of a
truck.

What a bin takes is the sum over its parts, by the board file's data sheet values (`energy` there): the chip
by its state, each switched part by the pin that switches it, a bolt by its pulls. `climate` knows the
temperature inside the box; `supply` the energy. Both answer `adc_mv` as the board's dividers show it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from simulators.scene import BrownOut, PowerCut
from simulators.world.kernel import Kernel, Part
from simulators.world.tables import lookup
from simulators.world.thermal import ThermalMass
from simulators.world.weather import Weather

OFF_MW = 0.3
"""What leaks while the cell's guard has cut the supply."""
_STATES = ("active", "radio", "sleep", "off")

# Open-circuit voltage of a lithium-ion cell over its state of charge.
_OCV_MV: list[tuple[float, float]] = [
    (0.0, 3000), (0.05, 3350), (0.1, 3480), (0.2, 3590), (0.3, 3640), (0.4, 3680),
    (0.5, 3730), (0.6, 3800), (0.7, 3880), (0.8, 3970), (0.9, 4070), (1.0, 4190),
]  # fmt: skip
# The same of a LiFePO4 cell: flat.
_FLAT_MV: list[tuple[float, float]] = [
    (0.0, 2500), (0.05, 3000), (0.1, 3200), (0.2, 3220), (0.3, 3250), (0.4, 3270),
    (0.5, 3280), (0.7, 3300), (0.9, 3330), (0.99, 3380), (1.0, 3450),
]  # fmt: skip
_OCV = {"li-ion": _OCV_MV, "lifepo4": _FLAT_MV}
_OHM, _WORN_OHM = 0.09, 2.0  # at 20 degrees C; twice that at 0, thrice at -20
# Share of a full cell that the cold keeps back (data sheets of 18650 cells, 0.2 C); warmth gives it again.
_KEPT_BACK: list[tuple[float, float]] = [(-30, 0.6), (-20, 0.4), (-10, 0.22), (0, 0.1), (10, 0.04), (25, 0.0)]
_CHARGE_C = (0.0, 45.0)  # the charger's thermistor stops it outside: below, lithium plates
_CHARGER = 0.9
_BOLT_MA = 600  # of a small geared motor
_BROWN_OUT_MV = 2_700  # the chip's detector, at the cell
_HOLD_UP_MS = 120  # what the board's capacitors bridge
_STEP_MS = 600_000
_RETRY_MS = 30 * 60_000
_EMPTY, _ENOUGH = 0.005, 0.04


class Climate(Part):
    """Temperature inside the unit's box: the air's, and more under the sun. The TMP36 gives 500 mV + 10
    mV/degree C. Faults: its wire is off, or the contents burn or smoulder.
    """

    LASTING = ("fault_at",)
    FAULTS: ClassVar = {
        "disconnected": lambda _climate, _mv: 0,
        "burning": lambda climate, mv: climate.burnt_mv(mv),
        "smouldering": lambda climate, mv: climate.burnt_mv(mv),
    }
    _K_PER_MIN: ClassVar = {"burning": 12.0, "smouldering": 1.5}
    _DIES_MV = 2_300  # 180 degrees C: the sensor is gone

    def __init__(self, world: Kernel, weather: Weather, sun_k_per_kw: float) -> None:
        super().__init__(world, "climate")
        self.weather = weather
        self._sun_k = sun_k_per_kw / 1000
        self._cached: tuple[int, float] = (-1, 0.0)
        self._error_k = world.rng("tmp36 error").uniform(-1.0, 1.0)
        self.fault_at = world.now
        self.body = ThermalMass(self._air_c)
        """What is heavy in there: cells and platforms."""

    def air_c(self, t_ms: int) -> float:
        """Degrees C in the box at any time, without a fire."""
        return self._air_c(t_ms)

    def inside_c(self) -> float:
        """Degrees C; a minute makes no difference."""
        minute = self.world.now // 60_000
        if self._cached[0] != minute:
            self._cached = (minute, self._air_c(minute * 60_000))
        return self._cached[1]

    def _air_c(self, t_ms: int) -> float:
        return self.weather.air_c(t_ms) + self._sun_k * self.weather.ghi_w_m2(t_ms)

    def set_fault(self, fault: str | None) -> None:
        """See `Part.set_fault`. A fire begins when it is set."""
        self.fault_at = self.world.now
        super().set_fault(fault)
        if "thermostat" in self.world.parts:
            self.world.cancel("thermostat.feel")
            self.world.after(1, "thermostat.feel")

    def fire_k(self) -> float:
        """By how much a fire has heated the box."""
        return self._K_PER_MIN.get(self.fault or "", 0.0) * (self.world.now - self.fault_at) / 60_000

    def box_c(self) -> float:
        """Degrees C, fire included."""
        return self.inside_c() + self.fire_k()

    def burnt_mv(self, mv: int) -> int:
        """The sensor's output in a fire, until it dies of it."""
        hot_mv = mv + round(10 * self.fire_k())
        return hot_mv if hot_mv < self._DIES_MV else 0

    def adc_mv(self) -> int:
        """The TMP36's output."""
        return int(self.broken(round(500 + 10 * (self.inside_c() + self._error_k))))


@dataclass(frozen=True, slots=True)
class SolarSpec:
    """One bin's energy system."""

    cell_mwh: float
    panel_w: float
    shade: float
    """Share of the light that trees and houses leave."""


class Draws:
    """What each consumer of a board takes from the cell, in mW: from the board file, by the chip's state and
    by the pins that are driven.
    """

    def __init__(self, board: dict[str, Any]) -> None:
        energy: dict[str, dict[str, int]] = dict(board["energy"]["draws"])
        energy |= {name: part["energy"] for name, part in board["parts"].items() if "energy" in part}
        awake = {name: e.get("awake_uw", 0) / 1000 for name, e in energy.items()}
        asleep = {name: e.get("sleep_uw", 0) / 1000 for name, e in energy.items()}
        self.by_state = {
            "active": awake,
            "radio": {**awake, "radio": energy["radio"]["on_uw"] / 1000},
            "sleep": asleep,
            "off": {"leak": OFF_MW},
        }
        self.by_pin: dict[int, list[str]] = {}
        self.on_mw: dict[str, float] = {}
        self.pull_mj: dict[int, tuple[str, float]] = {}
        for name, part in board["parts"].items():
            own = part.get("energy", {})
            pin = part.get("pin" if part["driver"] == "switch" else "power")
            if "on_uw" in own and pin is not None:
                self.by_pin.setdefault(pin, []).append(name)
                self.on_mw[name] = own["on_uw"] / 1000
            if "pull_mj" in own:
                self.pull_mj[part["drive"]] = (name, own["pull_mj"])


class SolarSupply(Part):
    """A lithium cell behind a charger and a panel. Energy is summed up lazily, whenever someone asks.

    `used_mwh`: what each consumer has taken, the truth that the firmware's own ledger is held against.
    """

    LASTING = ("charge_mwh", "state_name", "counted_at", "down", "used_mwh", "powered", "gained_mwh")
    FAULTS: ClassVar = {
        "weak": lambda _supply, capacity: capacity * 0.1,
        "dirty-panel": lambda _supply, capacity: capacity,
        "no-panel": lambda _supply, capacity: capacity,
        "worn": lambda _supply, capacity: capacity,  # its resistance has grown
    }

    def __init__(
        self,
        world: Kernel,
        spec: SolarSpec,
        climate: Climate,
        board: dict[str, Any],
    ) -> None:
        super().__init__(world, "supply")
        self._spec = spec
        self._climate = climate
        self._draws = Draws(board)
        battery = board["energy"]["battery"]
        self._ocv_mv = _OCV[battery["chemistry"]]
        self._cells: int = battery["cells"]
        self.sky: Callable[[int], float] = climate.weather.ghi_w_m2
        """W/m2 at an instant; an experiment may put its own sky here."""
        self.charge_mwh = spec.cell_mwh * world.rng("first charge").uniform(0.6, 0.95)
        self.state_name = "off"
        self.counted_at = world.now
        self.down = False
        self.used_mwh: dict[str, float] = {}
        self.gained_mwh = 0.0
        self.powered: list[str] = []
        """Switched parts that have their supply now."""

    @property
    def capacity_mwh(self) -> float:
        """What the cell holds when full."""
        return float(self.broken(self._spec.cell_mwh))

    def draw(self, state: str) -> None:
        """The chip goes into another state: `active` `radio` `sleep` `off`. Raises ValueError for an unknown
        one.
        """
        self.count()
        if state not in _STATES:
            raise ValueError(f"the chip cannot be {state!r}; expected one of {', '.join(_STATES)}")
        self.state_name = state

    def driven(self, pin: int, level: int) -> None:
        """The unit drives one of its pins: a part gets its supply, or loses it."""
        for name in self._draws.by_pin.get(pin, ()):
            if (name in self.powered) != bool(level):
                self.count()
                (self.powered.append if level else self.powered.remove)(name)
        if level and pin in self._draws.pull_mj:
            name, mj = self._draws.pull_mj[pin]
            self._use(name, mj / 3600)

    def draw_mw(self) -> dict[str, float]:
        """What each consumer takes now."""
        found = dict(self._draws.by_state[self.state_name])
        found |= {name: self._draws.on_mw[name] for name in self.powered}
        for name, part in self.world.parts.items():
            if part is not self and (own := getattr(part, "draw_mw", 0.0)):
                found[name] = found.get(name, 0.0) + float(own)
        return found

    def _use(self, name: str, mwh: float) -> None:
        self.charge_mwh -= mwh
        self.used_mwh[name] = self.used_mwh.get(name, 0.0) + mwh

    def pull(self) -> None:
        """A lock's motor starts."""
        self.after(_HOLD_UP_MS, "strain")

    def motor_ma(self) -> int:
        """What the bolts draw that are being pulled."""
        return _BOLT_MA * sum(bool(getattr(part, "pulling", False)) for part in self.world.parts.values())

    def on_strain(self) -> None:
        """A motor that runs on may pull the cell below what the chip needs."""
        if self.motor_ma() and self.battery_mv() < _BROWN_OUT_MV:
            self.world.record("battery", state="brown-out", mwh=round(self.charge_mwh))
            self.world.emit(BrownOut(2_000))

    def count(self) -> None:
        """Carry the cell's charge on to now."""
        world = self.world
        if self.counted_at >= world.now:
            return
        draws = self.draw_mw()
        while self.counted_at < world.now:
            step = min(_STEP_MS, world.now - self.counted_at)
            hours = step / 3_600_000
            at = self.counted_at + step // 2
            gain_mw = self.charging_mw(at)
            self.charge_mwh += gain_mw * hours
            self.gained_mwh += gain_mw * hours
            for name, mw in draws.items():
                self._use(name, mw * hours)
            self.charge_mwh = min(max(self.charge_mwh, 0.0), self.capacity_mwh)
            self.counted_at += step
        if self._share() < _EMPTY and not self.down:
            self.down = True
            self.after(0, "empty")

    def _share(self) -> float:
        """Of what can be taken out at this temperature, how much is left."""
        kept = lookup(_KEPT_BACK, self._climate.inside_c())
        return max(0.0, (self.charge_mwh / self.capacity_mwh - kept) / (1 - kept))

    def leave(self, pct: float) -> None:
        """From now on so much can be taken out, in percent of a full warm cell, at this temperature."""
        self.count()
        kept = lookup(_KEPT_BACK, self._climate.inside_c())
        self.charge_mwh = self.capacity_mwh * min(1.0, kept + pct / 100)

    def on_empty(self) -> None:
        """The cell's guard cuts the supply until there is some charge again."""
        self.state_name = "off"
        self.powered = []
        self.count()
        self.down = self._share() < _ENOUGH
        if self.down:
            self.world.record("battery", state="empty", mwh=round(self.charge_mwh))
            self.world.emit(PowerCut(_RETRY_MS))
            self.after(_RETRY_MS, "empty")

    def solar_mw(self, t_ms: int) -> float:
        """What the panel gives; a full cell takes a tenth."""
        light = self.sky(t_ms) * self._spec.shade / 1000
        light *= {"dirty-panel": 0.15, "no-panel": 0.0}.get(self.fault or "", 1.0)
        room = min(1.0, max(0.1, (1 - self.charge_mwh / self.capacity_mwh) * 20))
        return 0.75 * self._spec.panel_w * 1000 * light * room

    def charging_mw(self, t_ms: int) -> float:
        """What comes into cell and load. In the frost it runs the unit, and puts nothing into the cell."""
        gain_mw = self.solar_mw(t_ms) * _CHARGER
        if _CHARGE_C[0] <= self._climate.air_c(t_ms) <= _CHARGE_C[1]:
            return gain_mw
        return min(gain_mw, sum(self.draw_mw().values()))

    def battery_mv(self) -> float:
        """The battery's terminal voltage under the present load."""
        self.count()
        open_mv = lookup(self._ocv_mv, self._share()) * self._cells
        net_mw = self.solar_mw(self.world.now) - sum(self.draw_mw().values())
        ohm = _WORN_OHM if self.fault == "worn" else _OHM
        ohm *= 1 + max(0.0, 20.0 - self._climate.inside_c()) / 20
        return open_mv + (net_mw / open_mv * 1000 - self.motor_ma()) * ohm

    def panel_mv(self) -> float:
        """The panel's voltage: 6 V in the sun, falling off only in deep dusk."""
        mw = self.solar_mw(self.world.now)
        return 0.0 if mw <= 0 else 5300 + 900 * (1 - math.exp(-mw / 400)) * min(1.0, mw / 20)

    def panel_ma(self) -> float:
        """The panel's current."""
        mv = self.panel_mv()
        return 0.0 if mv <= 0 else self.solar_mw(self.world.now) / mv * 1000


class VehicleSupply(Part):
    """A truck's 24 V system: about 28 V while the engine runs, 25 V while it rests, a dip when it starts."""

    LASTING = ("running", "changed_at")
    FAULTS: ClassVar = {"weak": lambda _supply, mv: mv - 2_500}

    def __init__(self, world: Kernel) -> None:
        super().__init__(world, "supply")
        self.running = False
        self.changed_at = world.now

    def engine(self, running: bool) -> None:
        """Start or stop it."""
        if running != self.running:
            self.running, self.changed_at = running, self.world.now

    def battery_mv(self) -> float:
        """Voltage at the battery's posts."""
        since_s = (self.world.now - self.changed_at) / 1000
        if self.running:
            mv = 20_500.0 if since_s < 2 else 28_100.0 - 250 * math.exp(-since_s / 120)
        else:
            mv = 25_100.0 + 900 * math.exp(-since_s / 300)
        return float(self.broken(mv))


def analogue(world: Kernel, board_parts: dict[str, Any], pin: int) -> int:
    """What a converter on `pin` sees, in mV: the part's own voltage behind its divider, and a little noise.

    Raises ValueError for a pin that no analogue part is wired to.
    """
    found = ((name, p) for name, p in board_parts.items() if p["driver"] == "adc" and p["pin"] == pin)
    name, part = next(found, (None, None))
    if name is None or part is None:
        raise ValueError(f"pin {pin}: no analogue part of this board is wired to it")
    supply: Any = world.parts["supply"]
    climate: Any = world.parts["climate"]
    source: Callable[[], float] = {
        "battery": lambda: supply.battery_mv(),
        "solar_voltage": lambda: supply.panel_mv(),
        "solar_current": lambda: supply.panel_ma(),
        "temperature": lambda: climate.adc_mv(),
    }[name]
    noise = world.rng("adc").normalvariate(0, 1.2)
    behind_divider = source() * 1000 / float(part["scale_permille"])
    return max(round(behind_divider + noise), 0)
