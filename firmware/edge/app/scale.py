"""A scale: converter, calibration and the judgement whether it stands still."""

import asyncio
import time

from edge.board import Board
from edge.errors import EdgeError
from edge.log import Log
from edge.measure.mass import Calibration, Stability

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GARBLED_LIMIT = 5


class Scale:
    """`name`: of the part. `settings`: `cal`, `zero`, `span`, `span_g`, `e_g`, optional `band_g` and `window`."""

    def __init__(self, board: Board, log: Log, name: str, settings: "dict[str, Any]") -> None:
        self.name = name
        self._log = log
        self._chip = board.part(name)
        self.cal = Calibration(
            settings["cal"], settings["zero"], settings["span"], settings["span_g"], settings["e_g"]
        )
        self._band = self.cal.counts(settings.get("band_g", settings["e_g"]))
        self._size = settings.get("window", 6)

    async def weigh(self, timeout_ms: int) -> "tuple[int, bool]":
        """(counts, stable): the first stable window, or the median at the time-out. Raises and clears the scale's faults.

        Errors: EdgeError `scale-silent`, `scale-at-rail`, `scale-garbled`.
        """
        self._chip.on()
        try:
            counts = await self._settle(timeout_ms)
            for code in ("scale-silent", "scale-at-rail", "scale-garbled"):
                self._log.fault(self.name, code, False)
            return counts
        except EdgeError as error:
            self._log.fault(self.name, error.code, True, error.detail)
            raise
        finally:
            self._chip.off()

    async def _settle(self, timeout_ms: int) -> "tuple[int, bool]":
        stability = Stability(self._band, self._size)
        start = time.ticks_ms()
        garbled = 0
        while True:
            try:
                counts = stability.add(await self._chip.read())
                if counts is not None:
                    return counts, True
            except EdgeError as error:
                garbled += 1
                if error.code != "scale-garbled" or garbled > GARBLED_LIMIT:
                    raise
            guess = stability.median()
            if time.ticks_diff(time.ticks_ms(), start) > timeout_ms and guess is not None:
                return guess, False
            await asyncio.sleep_ms(0)
