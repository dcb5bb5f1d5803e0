"""What a bin looks at besides its scales: how full a bay is, and whether it is too hot.

Each look is judged in `measure`; what it must remember is in RTC memory (`keep`: `fill` by sensor, `heat`),
and which faults are raised is what the log says.
"""

import asyncio

from edge.app.unit import Unit
from edge.errors import EdgeError
from edge.measure.level import Levels

if False:  # for types
    from typing import Any

    from edge.measure.fill import Fill

TEMPERATURE, THERMOSTAT = "temperature", "thermostat"  # the board's parts
_WARM_DC = 200  # what an ultrasonic sensor takes the air for unless the settings say otherwise
_LEAST_MV, _MOST_MV = 100, 2600  # of a TMP36 that may be burning; beyond, a wire is off or shorted
_SENSOR = "sensor-range 1 1 3"


def raised(unit: Unit, part: str) -> "list[str]":
    """The codes of the faults that are raised for a part."""
    start = part + " "
    return [name[len(start) :] for name in unit.log.faults() if name.startswith(start)]


class FillSensor:
    """A bay's distance sensor. `settings`: the bay's `ranger` (absent: it has none), `empty_mm`, `full_mm`,
    optional `ref_dc` (0.1 °C for which the sensor is made; null: it corrects by itself). Wrong ones: the fill
    is not known, and `ranger-not-set` is raised.
    """

    def __init__(self, unit: Unit, settings: "dict[str, Any]") -> None:
        self._unit = unit
        self._settings = settings
        self.name: str = settings.get("ranger") or ""

    @property
    def last_pct(self) -> "int | None":
        """The fill as it was last looked at."""
        kept = self._unit.keep.data.get("fill", {}).get(self.name)
        return kept[0] if kept else None

    async def look(self, gross_g: "int | None", min_g: int, temp_dc: "int | None") -> "int | None":
        """The fill in percent now, None when not known. `gross_g`: what the bay weighs, by a scale that is
        well; None when not known.
        """
        if not self.name:
            return None
        unit, pct = self._unit, None
        fill = self._fill(min_g)
        if fill is None:
            return None
        kept = unit.keep.data.setdefault("fill", {})
        fill.restore(kept.get(self.name, [])[1:])
        try:
            echoes, misses = await unit.board.part(self.name).read()
            pct = fill.take(echoes, misses, temp_dc, gross_g)
        except EdgeError as error:
            fill.failed(error.code, error.detail)
        for code, up, detail in fill.changes():
            unit.log.fault(self.name, code, up, detail)
        kept[self.name] = [pct] + fill.state()
        return pct

    def _fill(self, min_g: int) -> "Fill | None":
        from edge.measure.fill import Fill

        unit, settings = self._unit, self._settings
        try:
            ref_dc = settings.get("ref_dc", _WARM_DC) if unit.board.part(self.name).ACOUSTIC else None
            fill = Fill(settings["empty_mm"], settings["full_mm"], ref_dc, min_g, raised(unit, self.name))
        except (EdgeError, KeyError, TypeError, ValueError) as error:
            unit.log.fault(self.name, "ranger-not-set", True, str(error))
            return None
        unit.log.fault(self.name, "ranger-not-set", False)
        return fill


def too_hot(unit: Unit) -> bool:
    """Whether the thermostat is closed: a bimetal switch to ground, which needs no program and no power."""
    return unit.board.fitted(THERMOSTAT) and unit.board.part(THERMOSTAT).level() == 0


async def feel(unit: Unit) -> None:
    """Look at the temperature inside: raises and clears `overheated`, and `sensor-range` when there is none.
    A first sign of fire is looked at again after SOON_MS.
    """
    if not unit.board.fitted(TEMPERATURE):
        return
    from edge.measure.heat import CODE, SOON_MS, Heat

    codes, kept = raised(unit, TEMPERATURE), unit.keep.data.get("heat", [])
    heat, sensor = Heat(CODE in codes), Levels(_SENSOR, codes)
    if len(kept) > 1:
        heat.restore(kept[1:])
        sensor.restore(kept[:1])
    while True:
        mv = unit.millivolts(TEMPERATURE) or 0
        sane = _LEAST_MV <= mv <= _MOST_MV
        closed = too_hot(unit)
        change = heat.take(mv - 500 if sane else None, unit.clock.local_ms(), closed)
        if change is not None:
            detail = "sensor %d mV, thermostat %s" % (mv, "closed" if closed else "open")
            unit.log.fault(TEMPERATURE, CODE, change, detail)
            unit.log.wrote(CODE)  # worth the radio at any level of the battery
        if not heat.suspect:
            break
        await asyncio.sleep_ms(SOON_MS)
    unit.clock.feel(mv - 500 if sane else None)
    sensor.judge("sensor-range", not sane, "%d mV" % mv)
    for code, up, detail in sensor.changes():
        unit.log.fault(TEMPERATURE, code, up, detail)
    unit.keep.data["heat"] = sensor.state() + heat.state()
