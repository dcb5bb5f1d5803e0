"""A scale: converter, calibration, zero, and the judgement whether it stands still and is well.

It holds nothing that must survive: zero is read from the durable state for each weighing, so what is stored
is what is in force, and a power cut can move it no further than a write that did or did not happen. What
diagnosis has gathered and what the bay last weighed is in RTC memory (`keep`: `diag`, `known`).
"""

import time

from edge.app.senses import raised
from edge.app.unit import Unit, tmp36_dc
from edge.errors import EdgeError
from edge.measure.calibration import Calibration
from edge.measure.diagnosis import Diagnosis, Look
from edge.measure.weighing import Weigher, Weighing
from edge.measure.zero import BELOW_MS, Zero

if False:  # for types
    from collections.abc import Callable
    from typing import Any

GARBLED_LIMIT = 5  # in a row
SETTLE_MS = 2000  # beyond BELOW_MS: until the first stable window
CREW_MS, CREW_CONFIRM_MS = 15_000, 2000


class Scale:
    """`name`: of the part; `cal`: id of its calibration, `e_g`, `min_g`, `max_g`. Without a usable
    calibration `ready` is False, `why` says why, `cal` is "none" and the others 0; the bin works on, and
    sells no weight.
    """

    def __init__(self, unit: Unit, name: str) -> None:
        self.name = name
        self._unit = unit
        self._chip = unit.board.part(name)
        scales = unit.settings.get("scales")
        self._settings: "Any" = scales.get(name) if isinstance(scales, dict) else None
        self._temp_dc: "int | None" = None
        self.why = ""
        self.cal, self.e_g, self.min_g, self.max_g = "none", 0, 0, 0
        try:
            cal = self._calibration = Calibration(self._settings)
            self.cal, self.e_g, self.min_g, self.max_g = cal.cal, cal.e_g, cal.min_g, cal.max_g
        except ValueError as error:
            self.why = str(error)

    @property
    def ready(self) -> bool:
        return not self.why

    @property
    def calibration(self) -> Calibration:
        """Errors: `uncalibrated`."""
        if self.why:
            raise EdgeError("uncalibrated", self.why)
        return self._calibration

    def raised(self) -> "list[str]":
        """The codes of its faults that are raised."""
        return raised(self._unit, self.name)

    # Weighing

    async def weigh(self, timeout_ms: int, confirm_ms: int = 0) -> Weighing:
        """Weigh once, for a visit; zero stays as it is. `confirm_ms`: see Weigher."""
        return await self._weigh(timeout_ms, confirm_ms, False)

    async def look(self, timeout_ms: int) -> Weighing:
        """Weigh the closed bay between visits: zero may follow a drift, and what it weighs is known from
        now on.
        """
        weighing = await self._weigh(timeout_ms, 0, True)
        if weighing.grams is not None and weighing.mg is not None:
            mg = self._follow_zero(weighing, weighing.mg)
            self._unit.keep.data.setdefault("known", {})[self.name] = [mg, weighing.temp_dc]
        return weighing

    def disturbed(self) -> None:
        """The door was opened: what the bay weighs is no longer known."""
        self._unit.keep.data.setdefault("known", {}).pop(self.name, None)

    def leaned(self, before: Weighing) -> bool:
        """Whether the bay weighs something else than when last looked at, though no door was opened."""
        from edge.measure.deposit import leans  # only a visit asks

        known = self._unit.keep.data.get("known", {}).get(self.name)
        return known is not None and leans(before, known[0], known[1], self.e_g)

    def cycled(self, before: Weighing, after: Weighing, crew: bool, fill_pct: "int | None" = None) -> None:
        """A door cycle lies between these two: evidence for the diagnosis. `fill_pct`: of the bay."""
        if before.grams is not None and after.grams is not None:
            diagnosis = self._diagnosis()
            self._tell(diagnosis, diagnosis.cycle(before.grams, after.grams, crew, fill_pct))

    async def _weigh(self, timeout_ms: int, confirm_ms: int, quiet: bool) -> Weighing:
        if not self._check():
            return Weighing("uncalibrated", self.why)
        timeout_ms += self._chip.start_ms
        zero = self.zero()
        weigher = Weigher(self.calibration, zero, self._temperature(), confirm_ms)
        start = time.ticks_ms()
        done = False

        def take(counts: int) -> None:
            nonlocal done
            done = weigher.add(counts, time.ticks_diff(time.ticks_ms(), start))

        def more() -> bool:
            passed = time.ticks_diff(time.ticks_ms(), start)
            if quiet and weigher.below:  # worth the time: then zero can be set
                return weigher.below_ms < BELOW_MS and passed < timeout_ms + BELOW_MS + SETTLE_MS
            return not done and passed < timeout_ms

        look = Look(quiet)
        async with self._chip.lock:
            start = time.ticks_ms()  # another may have had it until now
            error = await self._read(take, more, look)
        weighing = Weighing(error.code, error.detail) if error else weigher.result()
        if weighing.stable:
            look.gross_g = weighing.fine_g
        look.zero_g = zero.drift_g()
        diagnosis = self._diagnosis()
        self._tell(diagnosis, diagnosis.look(look))
        return weighing

    def _check(self) -> bool:
        """Whether it is calibrated; the fault follows."""
        self._unit.log.fault(self.name, "uncalibrated", not self.ready, self.why)
        return self.ready

    def _temperature(self) -> "int | None":
        """0.1 degree C; the last one known while this program runs, so that no visit has one without."""
        temp_dc = tmp36_dc(self._unit.millivolts("temperature"))
        if temp_dc is not None:
            self._temp_dc = temp_dc
        return self._temp_dc

    # Zero

    def zero(self) -> Zero:
        """The zero in force. Errors: `uncalibrated`."""
        return Zero(self.calibration, self._unit.state.get("zero", {}).get(self.name))

    def _store(self, zero: Zero) -> None:
        zeros = dict(self._unit.state.get("zero", {}))
        zeros[self.name] = zero.state()
        self._unit.state.put("zero", zeros)

    def _follow_zero(self, weighing: Weighing, mg: int) -> int:
        """Let zero follow what was looked at; the mass over the zero that is then in force."""
        cal, zero, temp_dc = self.calibration, self.zero(), weighing.temp_dc
        reading = cal.reduced(weighing.counts or 0, temp_dc)
        at = (temp_dc, self._now_ms())
        if zero.automatic(reading, weighing.spread, weighing.below_ms, *at) or zero.track(
            reading, weighing.spread, weighing.span_ms, *at
        ):
            self._store(zero)
            mg = cal.mg(reading, zero.counts, temp_dc)
            weighing.grams = cal.indication(mg)
        return mg

    async def set_zero(self, setup: bool = False) -> Zero:
        """A crew says that the bay is empty (`setup`: the bin is being set up). Errors: `zero-refused`, and
        the codes of a weighing.
        """
        weighing = await self._weigh(CREW_MS, CREW_CONFIRM_MS, False)
        if weighing.code is not None:
            raise EdgeError(weighing.code, weighing.detail)
        zero = self.zero()
        reading = self.calibration.reduced(weighing.counts or 0, weighing.temp_dc)
        try:
            take = zero.by_setup if setup else zero.by_crew
            take(reading, weighing.spread, weighing.temp_dc, self._now_ms())
        except ValueError as error:
            raise EdgeError("zero-refused", str(error))
        self._store(zero)
        self.disturbed()
        diagnosis = self._diagnosis()
        diagnosis.zeroed()
        self._tell(diagnosis, [])
        return zero

    def _now_ms(self) -> int:
        ms, source = self._unit.clock.now()
        return 0 if source == "none" else ms

    # The converter

    async def follow(self, take: "Callable[[int], None]", more: "Callable[[], bool]") -> None:
        """Power the scale and hand each conversion to `take` while `more` says so. Errors: `uncalibrated`,
        and the converter's.
        """
        self._check()
        diagnosis = self._diagnosis()
        look = Look(False)
        async with self._chip.lock:
            error = await self._read(take, more, look)
        self._tell(diagnosis, diagnosis.look(look))
        if error:
            raise error

    def grams(self, counts: int) -> int:
        """The indication of a reading. Errors: `uncalibrated`."""
        cal = self.calibration
        temp_dc = self._temperature()
        return cal.indication(cal.mg(cal.reduced(counts, temp_dc), self.zero().counts, temp_dc))

    async def _read(
        self, take: "Callable[[int], None]", more: "Callable[[], bool]", look: Look
    ) -> "EdgeError | None":
        """Conversions until `more` says no; the error that ended it early."""
        garbled = 0
        self._chip.on()
        try:
            while more():
                try:
                    counts = await self._chip.read()
                except EdgeError as error:
                    look.error(error.code)
                    garbled += 1
                    if error.code != "scale-garbled" or garbled > GARBLED_LIMIT:
                        return error
                    continue
                garbled = 0
                look.conversion(counts)
                take(counts)
        finally:
            self._chip.off()
        return None

    def _diagnosis(self) -> Diagnosis:
        """As the last look left it."""
        cal = self.calibration
        counts = cal.sign * cal.e_counts
        limits = self._settings.get("diagnosis")
        diagnosis = Diagnosis(cal.e_g, cal.max_g, counts, cal.zero, self.raised(), limits)
        diagnosis.restore(self._unit.keep.data.get("diag", {}).get(self.name))
        return diagnosis

    def _tell(self, diagnosis: Diagnosis, changes: "list[tuple[str, bool, str]]") -> None:
        for code, up, detail in changes:
            self._unit.log.fault(self.name, code, up, detail)
        self._unit.keep.data.setdefault("diag", {})[self.name] = diagnosis.state()
