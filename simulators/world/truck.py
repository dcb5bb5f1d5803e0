"""The world around one collection truck: its way through the streets, its lifter, its cargo door, its
receiver.

What really happens goes to `truth`, one JSON-ready dict a time, each with `t` (ms since 1970 UTC) and `what`:

| what | fields |
|---|---|
| `stop` | `kind` (`bin` `containers` `gross` `unload` `tare` `park`) `site` `for_ms` `lat` `lon` |
| `lift` | `ident` `gross_g` `tare_g` `contents_g` `site` `bay` (null unless of a smart bin) |
| `handle` | `door` `opened` `where` (kind of stop): someone pulled the cargo door's handle |
| `door`, `bolt` | as at a bin |
| `unloaded` | `mass_g` |
| `passage` | `plate` `gross_g` `tare_g` (true masses on the weighbridge) |
| `gnss` | `state` (`lost` with `for_ms`, `jump`) |
| `fault` | `part` `fault` |
| `start` | `device` `seed` |
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.scene import Stimulus
from simulators.world.geometry import to_degrees
from simulators.world.gnss import EPOCH_MS, LATENCY_MS, Gnss
from simulators.world.kernel import Truth
from simulators.world.rounds import Detour, Leg, Lift, Round, Rounds, Stop, phase_ms, slot_of
from simulators.world.truck_parts import TruckParts, TruckSpec

_LIFT_EVERY_MS = 36_000
_FIRST_LIFT_MS = 6_000
_BIN_LIFT_MS = 140_000
"""At a smart bin the crew first empties its bays."""
_HOLD_MS = 6_500
"""How long the lifter rests where it weighs, once full and once empty."""
_TAMPER = 0.01
_LONG_OFF_MS = 10 * 60_000


@dataclass(frozen=True, slots=True)
class Passage:
    """One truck's two weighings on the weighbridge: what really stood on it."""

    t: int
    plate: str
    gross_g: int
    tare_g: int


class TruckScene(TruckParts):
    """A truck's streets, containers and satellites; see `simulators.scene.Scene`.

    `contents_of`, when set, is asked what is really in a bin's bay that is lifted (None: as planned);
    `on_passage` is told each pair of weighings at the station, and `on_stop` each stop that begins.
    """

    def __init__(
        self, spec: TruckSpec, rounds: Rounds, seed: int | str, start_ms: int, truth: Truth | None = None
    ) -> None:
        super().__init__(spec, rounds.town.seed, seed, start_ms, truth)
        self.contents_of: Callable[[Lift], int | None] | None = None
        self.on_passage: Callable[[Passage], None] | None = None
        self.on_stop: Callable[[TruckScene, Stop], None] | None = None
        self._rounds = rounds
        self.gnss = Gnss(self, "gnss", self.board["gnss"]["uart"])
        self._phase_ms = phase_ms(rounds.town, spec.number)
        self._slot = slot_of(start_ms, self._phase_ms)
        self._detours: list[list[int]] = []
        self._load_g = 0
        self._gross_g = 0
        self.after(0, "item")
        self.at(start_ms // EPOCH_MS * EPOCH_MS + EPOCH_MS + LATENCY_MS, "epoch")

    # The seam

    def start(self, now_ms: int) -> list[Stimulus]:
        """Every input as it stands at `now_ms`; after a long break the truck is where its round has it by
        then.
        """
        if now_ms - self.now > _LONG_OFF_MS:
            self._skip_to(now_ms)
        return super().start(now_ms)

    def save(self) -> dict[str, Any]:
        """Take it back with `restore` on a scene made from the same spec, seed and town."""
        mine = {
            "slot": self._slot,
            "detours": self._detours,
            "load_g": self._load_g,
            "gross_g": self._gross_g,
        }
        return {**self.state(), **mine}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._slot, self._detours = state["slot"], state["detours"]
        self._load_g, self._gross_g = state["load_g"], state["gross_g"]

    # Knobs

    def add_stop(self, site: int) -> int | None:
        """A dispatcher sends the truck to one more site (its index). When it will arrive, or None: no time
        this round.
        """
        detours = (*self._detour_tuple(), (self.now, site))
        arrival = self._rounds.arrival(self.spec.number, self._slot, detours)
        if arrival is not None:
            self._detours.append([self.now, site])
            self.cancel("item")
            following = next((i for i in self.round.items if i.t0 > self.now), None)
            if following is not None:
                self.at(following.t0, "item")
            self.changed()
        return arrival

    @property
    def round(self) -> Round:
        """The round that the truck is on."""
        return self._rounds.round(self.spec.number, self._slot, self._detour_tuple())

    # What happens by itself

    def on_epoch(self) -> None:
        """The receiver's next second."""
        t_ms = self.now - LATENCY_MS
        self.gnss.epoch(self.round.at(t_ms, self._rounds.town), t_ms)
        self.after(EPOCH_MS, "epoch")

    def on_item(self) -> None:
        """The truck stops or drives off."""
        if self.now >= self.round.end:
            self._slot = max(self._slot + 1, slot_of(self.now, self._phase_ms))
            self._detours = []
        current = self.round
        item = current.item(self.now)
        self.at(item.t1 if item.t1 > self.now else current.end, "item")
        if isinstance(item, Leg):
            self.supply.engine(running=True)
            self.scale.handle(hands_in=True)  # on the road everything shakes
            return
        self.scale.handle(hands_in=False)
        self._stopped(item)

    def _stopped(self, stop: Stop) -> None:
        lon, lat = to_degrees(self._rounds.town.streets.points[stop.node])
        self.record(
            "stop",
            kind=stop.kind,
            site=stop.site,
            for_ms=stop.t1 - self.now,
            lat=round(lat, 6),
            lon=round(lon, 6),
        )
        if self.on_stop is not None:
            self.on_stop(self, stop)
        first = _BIN_LIFT_MS if stop.kind == "bin" else _FIRST_LIFT_MS
        for k, lift in enumerate(stop.lifts):
            at = stop.t0 + first + k * _LIFT_EVERY_MS
            if at >= self.now:
                self.at(at, "engage", lift.ident, lift.tare_g, lift.contents_g, lift.site, lift.bay)
        if stop.kind == "containers" and self.rng("tamper").random() < _TAMPER:
            self.after(self.rng("tamper").uniform(5_000, 15_000), "handle", stop.kind, 1)
        elif stop.kind == "unload":
            self.after(20_000, "handle", stop.kind, 4)
        elif stop.kind == "gross":
            self.after(min(25_000, stop.t1 - self.now), "weighed_gross")
        elif stop.kind == "tare":
            self.after(min(20_000, stop.t1 - self.now), "weighed_tare")
        elif stop.kind == "park":
            self.supply.engine(running=False)

    # The lifter

    def on_engage(self, ident: str, tare_g: int, contents_g: int, site: str | None, bay: int | None) -> None:
        """A container is hooked in; the antenna reads its tag."""
        lift = Lift(ident, tare_g, contents_g, site, bay)
        true_g = self.contents_of(lift) if self.contents_of is not None and site is not None else None
        contents_g = contents_g if true_g is None else true_g
        self.ident.show(ident)
        self.after(1_500, "raise", tare_g, contents_g)
        self.record(
            "lift",
            ident=ident,
            gross_g=tare_g + contents_g,
            tare_g=tare_g,
            contents_g=contents_g,
            site=site,
            bay=bay,
        )

    def on_raise(self, tare_g: int, contents_g: int) -> None:
        """It hangs on the lifter, where its gross weight can be taken."""
        self.lifter.press()
        self.scale.put(tare_g + contents_g)
        self.after(_HOLD_MS, "tip", tare_g, contents_g)

    def on_tip(self, tare_g: int, contents_g: int) -> None:
        """It is swung over and shaken."""
        self.scale.handle(hands_in=True)
        self.scale.put(-contents_g)
        self._load_g += contents_g
        self.after(3_500, "swing_back", tare_g)

    def on_swing_back(self, tare_g: int) -> None:
        """It hangs empty."""
        self.scale.handle(hands_in=False)
        self.after(_HOLD_MS, "lower", tare_g)

    def on_lower(self, tare_g: int) -> None:
        """It stands on the street again."""
        self.scale.put(-tare_g)
        self.lifter.release()

    # The cargo door

    def on_handle(self, where: str, tries: int) -> None:
        """Someone pulls the handle; the door opens only if the bolt is withdrawn."""
        opened = not self.lock.bolted and self.lock.closed
        self.record("handle", door="lock0", opened=opened, where=where)
        if opened:
            self.lock.swing(closed=False)
            self.after(self.rng("cargo").uniform(60_000, 140_000), "shut", where)
        elif tries > 1 and self.lock.closed:
            self.after(15_000, "handle", where, tries - 1)

    def on_shut(self, where: str) -> None:
        """The cargo door is closed again; at the hall the load is out by then."""
        if where == "unload":
            self.record("unloaded", mass_g=self._load_g)
            self._load_g = 0
        self.lock.swing(closed=True)

    # The weighbridge

    def on_weighed_gross(self) -> None:
        """The truck stands full on the weighbridge."""
        self._gross_g = self.spec.kerb_g + self._load_g

    def on_weighed_tare(self) -> None:
        """The truck stands empty on the weighbridge: the pair makes a passage."""
        if not self._gross_g:
            return
        passage = Passage(self.now, self.spec.plate, self._gross_g, self.spec.kerb_g + self._load_g)
        self._gross_g = 0
        self.record("passage", plate=passage.plate, gross_g=passage.gross_g, tare_g=passage.tare_g)
        if self.on_passage is not None:
            self.on_passage(passage)

    # Inside

    def _detour_tuple(self) -> tuple[Detour, ...]:
        return tuple((at, site) for at, site in self._detours)

    def _skip_to(self, now_ms: int) -> None:
        for name in (
            "item",
            "epoch",
            "engage",
            "raise",
            "tip",
            "swing_back",
            "lower",
            "handle",
            "weighed_gross",
        ):
            self.cancel(name)
        self.cancel("weighed_tare", "shut")
        self.scale.put(-self.scale.load_g)
        self.lifter.release()
        if not self.lock.closed:
            self.lock.swing(closed=True)
        self.now = now_ms
        self._slot, self._detours, self._gross_g = slot_of(now_ms, self._phase_ms), [], 0
        self.gnss.lost_until = now_ms + 30_000
        self.after(0, "item")
        self.at(now_ms // EPOCH_MS * EPOCH_MS + EPOCH_MS + LATENCY_MS, "epoch")
