"""The world around one solar recycling bin.

What really happens goes to `truth`, one JSON-ready dict a time, each with `t` (ms since 1970 UTC) and `what`:

| what | fields |
|---|---|
| `deposit` | `bay` `category` `mass_g` `token` `pieces` `open_ms` `thanked`; `t` is when the door closed |
| `visit` | all others: `bay` `mass_g` `token` `crew` `screen`, and `outcome` |
| | (`not-opened` `walked-away` `put-nothing` `took` `cut-short`) |
| `collect` | `bay` `category` `mass_g` (taken out) `left_g` `by` (crew's token) |
| `door` | `door` (name of the lock) `state` (`open` `closed`) |
| `bolt` | `door` `state` (`bolted` `withdrawn`) |
| `modem` | `state` (`brown-out`) `ma`: the burst at registration pulled its supply down |
| `battery` | `state` (`empty` `brown-out`) `mwh`: the cell's guard, or a bolt's motor, cut the supply |
| `cut` `crowbar` | `off_ms`; `door` `mass_g`: what `mischief` did |
| `fault` | `part` `fault`: a part broke, or (null) was mended |
| `start` | `device` `seed` `bays` (mass in each): the world began, or went on, here |
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hardware import load_board
from simulators.scene import Stimulus
from simulators.world import people
from simulators.world.bay import Bay, BaySpec
from simulators.world.fire import Thermostat
from simulators.world.kernel import Kernel, Part, Truth
from simulators.world.materials import MATERIALS, MEAN_LOAD_L, draw_load
from simulators.world.modem import Modem
from simulators.world.parts import Button, Lock, Network, Reader
from simulators.world.power import Climate, SolarSpec, SolarSupply, analogue
from simulators.world.scale import Scale
from simulators.world.sight import SENSORS
from simulators.world.sway import SwaySpec
from simulators.world.transmitter import scale_pins, transmitter_lines
from simulators.world.visitor import Visitor
from simulators.world.weather import HOUR_MS, Weather

LONG_OFF_MS = 10 * 60_000
"""After a longer break, whoever stood there has gone, and the next visitor is drawn anew."""

CREW_PREFIX = "C0DE"

_FULL = 0.95
_TRUCK_H = 1.5


@dataclass(frozen=True, slots=True)
class BinSpec:
    """One bin as it was built, where it stands, and who lives around it."""

    device: str
    board: str
    site: str
    town_seed: int
    bays: tuple[BaySpec, ...]
    solar: SolarSpec
    households: int

    @property
    def visits_per_day(self) -> float:
        """On average, at pace 1: what fills the bays as fast as Wyndham's fill."""
        return sum(bay.fill_pct_per_day / 100 * bay.volume_l / MEAN_LOAD_L for bay in self.bays)


@dataclass(frozen=True, slots=True)
class Collection:
    """A crew empties the bin: when they arrive, the token they carry, the truck they came with (if any)."""

    t: int
    token: str
    truck: str | None


class BinScene(Kernel):
    """A bin's scale, doors, lines, sun and people; see `simulators.scene.Scene`.

    `plan(after_ms)` tells the next planned collection; `pace` multiplies the number of visitors. In a city
    (see `city`) `on_full` is asked to send a truck when a bay is full (False: none can; then, and without
    it, a crew comes on its own after some hours), `comes_by_truck` tells that a truck will bring its crew
    itself, and `on_collected` hears how many grams a crew took out of which bay.
    """

    def __init__(
        self,
        spec: BinSpec,
        seed: int | str,
        start_ms: int,
        plan: Callable[[int], Collection | None],
        truth: Truth | None = None,
        pace: float = 1.0,
    ) -> None:
        super().__init__(f"{seed}/{spec.device}", start_ms, truth)
        self.spec = spec
        self.pace = pace
        self.on_full: Callable[[BinScene], bool] | None = None
        self.comes_by_truck: Callable[[str], bool] | None = None
        self.on_collected: Callable[[BinScene, int, int], None] | None = None
        self._plan = plan
        self._called = False
        board = load_board(spec.board)
        self._board: dict[str, Any] = board["parts"]
        weather = Weather(spec.town_seed)
        self.climate = Climate(self, weather, sun_k_per_kw=14.0)
        self.supply = SolarSupply(self, spec.solar, self.climate, board)
        self.network = Network(self, "network")
        self.modem = Modem(self, "modem", self._board["modem"]) if "modem" in self._board else None
        rangers = {
            n: SENSORS[p["driver"]](self, n, p) for n, p in self._board.items() if p["driver"] in SENSORS
        }
        self.bays: dict[int, Bay] = {}
        locks: dict[int, Lock] = {}
        sway = SwaySpec(f"{spec.town_seed}/{spec.device}")
        for bay in spec.bays:
            scale = Scale(self, bay.scale, scale_pins(self._board, bay.scale), bay.cell, sway)
            self.bays[bay.bay] = Bay(self, bay, scale, rangers.get(bay.ranger or ""))
            locks[bay.bay] = Lock(self, bay.lock, self._board[bay.lock])
        self._bay_of_lock = {bay.lock: bay.bay for bay in spec.bays}
        self.service = Button(self, "service", self._board["service"])
        if "thermostat" in self._board:
            Thermostat(self, "thermostat", self._board["thermostat"])
        wake = Button(self, "wake", self._board["wake"])
        reader = Reader(self, "reader", self._board["reader"])
        self.visitor = Visitor(self, self.bays, wake, reader, locks)
        self._display_uart: int = self._board["display"]["uart"]
        self._lines = transmitter_lines(self, self._board)
        self._driven: dict[int, list[Part]] = {}
        for name in self._board:
            pins = scale_pins(self._board, name)
            for key in ("drive", "power", "key"):
                if name in self.parts and key in pins:
                    self._driven.setdefault(pins[key], []).append(self.parts[name])
        for line in self._lines.values():
            for power in filter(None, line.units.values()):
                self._driven.setdefault(power, []).append(line)
        self._fill_at_start()
        self._expect_visitor()
        self._expect_crew()

    # The seam

    def start(self, now_ms: int) -> list[Stimulus]:
        """Every input as it stands at `now_ms`; time that passed unseen is made up for."""
        if now_ms - self.now > LONG_OFF_MS:
            self._skip_to(now_ms)
        self.advance(now_ms)
        self.record(
            "start",
            device=self.spec.device,
            seed=self.seed,
            bays={str(n): bay.mass_g for n, bay in self.bays.items()},
        )
        return self.inputs()

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        """A bridge or sensor is powered, or a bolt pulled."""
        early = self.advance(now_ms)
        self.supply.driven(pin, level)
        for part in self._driven.get(pin, ()):
            part.driven(pin, level)
            if getattr(part, "pulling", False):
                self.supply.pull()
        return early + self.flush(now_ms)

    def uart_out(self, now_ms: int, uart: int, data: bytes) -> list[Stimulus]:
        """Text goes to the display, questions to the transmitters; the other lines' transmit sides are not
        connected to anything that listens.
        """
        early = self.advance(now_ms)
        if uart in self._lines:
            self._lines[uart].heard(data)
        if self.modem is not None and uart == self.modem.uart:
            self.modem.heard(data)
        if uart == self._display_uart:
            self.visitor.reads(data.decode("utf-8", "replace"))
        return early + self.flush(now_ms)

    def adc_mv(self, now_ms: int, pin: int) -> int:
        """Battery, panel or temperature."""
        self.now = max(self.now, now_ms)
        return analogue(self, self._board, pin)

    def power(self, now_ms: int, state: str) -> None:
        """The unit's draw changes."""
        self.now = max(self.now, now_ms)
        self.supply.draw(state)

    def network_up(self, now_ms: int) -> int:
        """Always, unless that is the fault; by a modem, while that is connected."""
        self.now = max(self.now, now_ms)
        return self.network.up() if self.modem is None else self.network.up() and self.modem.carries()

    def save(self) -> dict[str, Any]:
        """Take it back with `restore` on a scene made from the same spec, seed and plan."""
        return {**self.state(), "pace": self.pace, "called": self._called}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.pace, self._called = state["pace"], state["called"]

    # Knobs

    def set_pace(self, pace: float) -> None:
        """From now on `pace` times as many visitors as a normal day has."""
        self.pace = pace
        self.cancel("visitor_due")
        self._expect_visitor()
        self.changed()

    def send_crew(self, token: str, truck: str | None, at_ms: int) -> None:
        """A crew arrives here at `at_ms` (at once if that has passed), besides the planned ones."""
        self.at(at_ms, "crew", token, truck)
        self.changed()

    # What happens by itself

    def on_visitor_due(self) -> None:
        """Someone comes with something; if somebody else is at it, they wait."""
        if self.visitor.here is not None:
            self.after(self.rng("queue").uniform(15_000, 40_000), "visitor_due")
            return
        who = self.rng("who")
        bays = list(self.bays.values())
        bay = who.choices(bays, [b.spec.fill_pct_per_day * b.spec.volume_l for b in bays])[0]
        load = draw_load(self.rng("loads"), MATERIALS[bay.spec.category])
        resident = people.pick_resident(who, self.spec.households)
        token = people.resident_token(self.spec.town_seed, self.spec.site, resident)
        self.visitor.come(token, [bay.spec.bay], load.pieces)
        self._expect_visitor()

    def on_crew_planned(self, token: str, truck: str | None) -> None:
        """A planned collection is due; a truck of the same city brings its crew itself."""
        self._expect_crew()
        if self.comes_by_truck is None or truck is None or not self.comes_by_truck(truck):
            self.on_crew(token, truck)

    def on_crew_alone(self) -> None:
        """No truck came to a full bin: a crew comes by cargo bike."""
        self.on_crew(crew_token(self.spec.town_seed, "bike"), None)

    def on_crew(self, token: str, truck: str | None) -> None:
        """A crew is at the bin; a resident who is at it finishes first."""
        if self.visitor.here is not None:
            self.after(10_000, "crew", token, truck)
            return
        self.visitor.come(token, sorted(self.bays), None)

    # What the parts report

    def bolt_moved(self, lock: str) -> None:
        """A bolt has arrived at one end."""
        part = self.parts[lock]
        bolted = bool(part.bolted)  # type: ignore[attr-defined]
        self.record("bolt", door=lock, state="bolted" if bolted else "withdrawn")
        self.visitor.bolt_moved(self._bay_of_lock[lock])

    def collected(self, bay: int, mass_g: int) -> None:
        """A crew has emptied a bay."""
        self._called = self._full()
        if not self._called:
            self.cancel("crew_alone")
        if self.on_collected is not None:
            self.on_collected(self, bay, mass_g)

    def advance(self, now_ms: int) -> list[Stimulus]:
        out = super().advance(now_ms)
        if not self._called and self._full():
            self._called = True
            sent = self.on_full is not None and self.on_full(self)
            wait_h = 2 + self.rng("bike").expovariate(1 / 6)
            # A truck that was sent may still be lost; then the bike comes too, later.
            self.after((_TRUCK_H if sent else wait_h / max(self.pace, 0.1)) * HOUR_MS, "crew_alone")
        return out

    # Inside

    def _full(self) -> bool:
        return any(bay.fill >= _FULL for bay in self.bays.values())

    def _expect_visitor(self) -> None:
        per_day = self.pace * self.spec.visits_per_day
        if per_day > 0:
            self.at(people.next_visit_ms(self.rng("arrivals"), self.now, per_day), "visitor_due")

    def _expect_crew(self) -> None:
        due = self._plan(self.now)
        if due is not None:
            self.at(due.t, "crew_planned", due.token, due.truck)

    def _fill_at_start(self) -> None:
        rng = self.rng("first fill")
        share = rng.uniform(0.05, 0.75)
        for bay in self.bays.values():
            litres = min(share * rng.uniform(0.6, 1.2), 0.85) * bay.spec.volume_l
            density = MATERIALS[bay.spec.category].density_g_l * rng.uniform(0.85, 1.15)
            bay.fill_up(round(litres * density), round(litres * 1000))

    def _skip_to(self, now_ms: int) -> None:
        """The unit was off, and so the doors stayed shut: nobody came in, the sun shone on."""
        self.visitor.send_away()
        self.cancel("visitor_due", "crew_planned", "crew", "crew_alone")
        self._called = False
        self.now = now_ms
        self.supply.count()
        self._expect_visitor()
        self._expect_crew()


def crew_token(town_seed: object, team: str) -> str:
    """The card of one crew: `C0DE` and eight digits, so that it can be told from residents' by its
    beginning.
    """
    return CREW_PREFIX + people.resident_token(town_seed, "crew " + team, 0)[:8]
