"""The energy of a unit: what was used and by what, what is left, and what it does without.

Kept over deep sleep in RTC memory (`keep`): `energy` the ledger's, `power` the level, the charge and what was
counted since the last look, `slept` the clock when sleep began. After a power cut the ledger begins anew, and
charge and level are those of the voltage.
"""

import json

from edge.errors import EdgeError
from edge.measure.battery import Gauge, may_charge
from edge.measure.energy import Ledger
from edge.measure.policy import Policy
from edge.measure.supply import Supply

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    from edge.board import Board
    from edge.clock import Clock
    from edge.keep import Keep

LONGEST_SLEEP_MS = 7 * 3_600_000  # no sleep is longer: what the clock says beyond is a clock that was set


class Power:
    """One of a unit, made at boot before anything may set the clock. `settings`: the unit's; `battery` in
    them overrules the board's.

    `battery_mv`, `temp_dc`: as last measured, None when not known.
    """

    def __init__(self, settings: "dict[str, Any]", board: "Board", clock: "Clock", keep: "Keep") -> None:
        self._board = board
        self._clock = clock
        self._keep = keep.data
        energy = board.energy
        self._boot_ms: int = energy.get("boot_ms", 0)
        self._charge_pct: int = energy.get("charge_pct", 90)
        self.supply = Supply(
            dict(list(energy.get("battery", {}).items()) + list(settings.get("battery", {}).items()))
        )
        draws = dict(energy.get("draws", {}))
        for name, part in board.parts.items():
            if "energy" in part:
                draws[name] = part["energy"]
        self._ledger = Ledger(draws, self._keep.get("energy"))
        level, charge, self._span_ms, self._used_mj, self._solar_mw = self._keep.get(
            "power", ["normal", None, 0, 0, 0]
        )
        self.policy = Policy(level)
        self._gauge = Gauge(self.supply.battery, charge)
        self.supply.battery.learned_mohm = self._keep.get("mohm", 0)
        self._least_mv: "int | None" = None  # while a bolt was pulled in this wake
        self.battery_mv: "int | None" = None
        self.temp_dc: "int | None" = None
        self.controller_error = ""  # why the solar controller gave no value at the last look; "": it did
        self._radio_ms = 0
        self._radio_since: "int | None" = None
        self._counted: "dict[str, int]" = {}  # of each part's supply and of each lock's motor, booked already
        self._counted_ms = clock.mono_ms()
        slept = self._keep.pop("slept", None)
        if slept is None:
            self._book(self._boot_ms, 0, {}, {})
        else:
            passed = clock.local_ms() - slept - self._boot_ms
            self._book(self._boot_ms, min(max(passed, 0), LONGEST_SLEEP_MS), {}, {})

    # The ledger

    def radio(self, on: bool) -> None:
        """The radio is switched on or off."""
        if on == (self._radio_since is not None):
            return
        now = self._clock.mono_ms()
        if on:
            self._radio_since = now
        else:
            self._radio_ms += now - (self._radio_since or 0)
            self._radio_since = None

    def count(self) -> None:
        """Book what was used since the last time."""
        now = self._clock.mono_ms()
        on_ms, pulls = {}, {}
        for name, driver in self._board.made():
            if hasattr(driver, "on_ms"):
                on_ms[name] = self._since("on " + name, driver.on_ms)
            if hasattr(driver, "pulls"):
                pulls[name] = self._since("pulls " + name, driver.pulls)
        running = 0 if self._radio_since is None else now - self._radio_since
        on_ms["radio"] = self._since("radio", self._radio_ms + running)
        awake_ms, self._counted_ms = now - self._counted_ms, now
        self._book(awake_ms, 0, on_ms, pulls)

    def _since(self, name: str, total: int) -> int:
        before = self._counted.get(name, 0)
        self._counted[name] = total
        return total - before

    def _book(self, awake_ms: int, slept_ms: int, on_ms: "dict[str, int]", pulls: "dict[str, int]") -> None:
        self._used_mj += self._ledger.book(awake_ms, slept_ms, on_ms, pulls)
        self._span_ms += awake_ms + slept_ms
        self._save()

    def _save(self) -> None:
        self._keep["energy"] = self._ledger.state()
        self._keep["power"] = [
            self.policy.level, self._gauge.charge, self._span_ms, self._used_mj, self._solar_mw,
        ]  # fmt: skip

    def sleep(self) -> None:
        """The unit goes to sleep now; `keep` is saved after this."""
        self.radio(False)
        self.count()
        if self._least_mv is not None and self.battery_mv is not None:
            self.supply.pulled(self.battery_mv, self._least_mv, self.temp_dc)
            self._keep["mohm"] = self.supply.battery.learned_mohm
        self._keep["slept"] = self._clock.local_ms()

    # The battery

    def feel(self) -> "int | None":
        """Measure the voltage now; mV at the battery's posts, None when nothing measures it."""
        if self._board.fitted("battery"):
            self._keep["mv"] = self.battery_mv = self._board.part("battery").read_mv()
        return self.battery_mv

    def pulled_mv(self) -> "int | None":
        """The voltage while a bolt is pulled."""
        if not self._board.fitted("battery"):
            return None
        mv: int = self._board.part("battery").read_mv()
        if self._radio_since is None:  # else it is not the bolt alone
            self._least_mv = mv if self._least_mv is None else min(mv, self._least_mv)
        return mv

    async def look(self, temp_dc: "int | None", solar_mw: "int | None") -> bool:
        """Judge charge and level anew, once a look. `solar_mw`: from the panel, None when not measured.
        Whether another level was entered.
        """
        self.count()
        if self._radio_since is None:  # its peaks are no rest
            self.feel()
        self.temp_dc = temp_dc
        mv, ma = self.battery_mv, None
        into_mw = (solar_mw or 0) * self._charge_pct // 100
        if temp_dc is not None and not may_charge(temp_dc):
            into_mw = 0  # the charger's thermistor sees to that
        if self._board.fitted("mppt"):
            mv, ma, into_mw = await self._ask_controller(mv, into_mw)
        elif mv is not None and solar_mw is not None:
            ma = (into_mw - self._now_mw()) * 1000 // max(mv, 1)
        mean_mw = (into_mw + self._solar_mw) // 2
        self._gauge.take(mv, ma, temp_dc, mean_mw * self._span_ms // 1000 - self._used_mj)
        self._solar_mw, self._span_ms, self._used_mj = into_mw, 0, 0
        self.policy.take(self.left_pct)
        self._save()
        return self.policy.changed

    async def _ask_controller(self, mv: "int | None", into_mw: int) -> "tuple[int | None, int | None, int]":
        """Voltage, current and charging power from the solar controller; what is known without when it does
        not answer.
        """
        try:
            seen = await self._board.part("mppt").read()
        except EdgeError as error:
            self.controller_error = str(error)
            return mv, None, into_mw
        self.controller_error = ""
        if not self._board.fitted("battery"):
            self.battery_mv = None  # a 12 V system: its controller cuts the load in time
        return seen.battery_mv, seen.battery_ma, seen.charge_mw

    def _now_mw(self) -> int:
        """What the awake unit takes besides the parts that are switched."""
        return sum([draw.get("awake_uw", 0) for draw in self._ledger.draws.values()]) // 1000

    @property
    def left_pct(self) -> "int | None":
        """What can be taken out now, in percent of a full warm battery; None when nothing measures it."""
        return self._gauge.left_pct(self.temp_dc)

    def can_serve(self, bays: int) -> bool:
        """Whether a visit at so many bays can be finished if it begins now."""
        return self.supply.can_serve(self.feel(), self.temp_dc, bays)

    # What is told

    def told(self) -> "dict[str, Any]":
        """For `up/state` and the console: what is known of `level`, `charge_pct` and `used_mwh`. A unit whose
        energy nothing measures tells nothing.
        """
        told: "dict[str, Any]" = {}
        if self.left_pct is not None:
            told["level"] = self.policy.level
            told["charge_pct"] = self.left_pct
        if self._ledger.day:
            told["used_mwh"] = self._ledger.day
        return told

    def tells(self) -> "list[Callable[[], tuple[str, str] | None]]":
        """The same, for `Uplink.extra`."""
        return [self._teller(name) for name in ("level", "charge_pct", "used_mwh")]

    def _teller(self, name: str) -> "Callable[[], tuple[str, str] | None]":
        def tell() -> "tuple[str, str] | None":
            told = self.told()
            return (name, json.dumps(told[name])) if name in told else None

        return tell
