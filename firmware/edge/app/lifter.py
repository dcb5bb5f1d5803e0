"""A truck's lifter: raised with a container on it, one weighing a cycle, named by the container's tag."""

from edge.app.scale import Scale
from edge.app.unit import Unit
from edge.drivers.line import Line
from edge.drivers.reader import Reader
from edge.errors import EdgeError
from edge.measure.lifter import LifterCycle

FOREVER_MS = 3_600_000
TAG_MS = 60_000  # a tag that was read longer before the lift belongs to another container
CYCLE_MS = 300_000  # a lifter that stays up longer is parked, not weighing


class Lifter:
    def __init__(self, unit: Unit, scale: Scale) -> None:
        self._log = unit.log
        self._clock = unit.clock
        self._scale = scale
        self._up: Line = unit.board.part("lifter")
        self._reader: "Reader | None" = unit.board.part("ident") if unit.board.fitted("ident") else None
        self._tag: "str | None" = None
        self._tag_ms = 0

    async def read_tags(self) -> None:
        """Remember the tag that was read last."""
        while self._reader:
            token = await self._reader.token(FOREVER_MS)
            if token:
                self._tag, self._tag_ms = token, self._clock.mono_ms()

    async def weigh(self) -> None:
        """One record a cycle."""
        while True:
            if await self._up.until(0, FOREVER_MS):
                await self._cycle()
                while not await self._up.until(1, FOREVER_MS):
                    pass

    async def _cycle(self) -> None:
        scale = self._scale
        start = self._clock.mono_ms()
        try:
            cycle = LifterCycle(scale.calibration.band_counts, scale.calibration.window)
            await scale.follow(
                cycle.add, lambda: self._up.level() == 0 and self._clock.mono_ms() - start < CYCLE_MS
            )
        except EdgeError:
            return  # the scale has raised its fault; a mass that was not measured is not recorded
        result = cycle.result()
        if result is None:
            return
        gross, tare = scale.grams(result[0]), scale.grams(result[1])
        tag, self._tag = self._tag, None
        if start - self._tag_ms > TAG_MS:
            tag = None
        fields = [("scale", scale.name), ("gross_g", gross), ("tare_g", tare), ("net_g", gross - tare)]
        self._log.write("weigh", fields + [("stable", result[2]), ("ident", tag)])
