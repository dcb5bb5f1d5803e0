"""A scale: converter, calibration and the judgement whether it stands still."""

import time

from edge.board import Board
from edge.errors import EdgeError
from edge.log import Log
from edge.measure.mass import Calibration, Stability

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

GARBLED_LIMIT = 5  # in a row


class Scale:
    """`name`: of the part. `settings`: `cal`, `zero`, `span`, `span_g`, `e_g`, optional `band_g` and
    `window`.
    """

    def __init__(self, board: Board, log: Log, name: str, settings: "dict[str, Any]") -> None:
        self.name = name
        self._log = log
        self._chip = board.part(name)
        self.cal = Calibration(
            settings["cal"], settings["zero"], settings["span"], settings["span_g"], settings["e_g"]
        )
        self.band = self.cal.counts(settings.get("band_g", settings["e_g"]))
        self.size = settings.get("window", 6)

    async def weigh(self, timeout_ms: int) -> "tuple[int, bool]":
        """(counts, stable): the first stable window, or the median at the time-out.

        Errors: EdgeError `scale-silent`, `scale-at-rail`, `scale-garbled`; each is also raised as a fault,
        and cleared when the scale answers again.
        """
        stability = Stability(self.band, self.size)
        stable: "list[int]" = []
        start = time.ticks_ms()

        def take(counts: int) -> None:
            mean = stability.add(counts)
            if mean is not None:
                stable.append(mean)

        await self.follow(take, lambda: not stable and time.ticks_diff(time.ticks_ms(), start) < timeout_ms)
        if stable:
            return stable[0], True
        guess = stability.median()
        if guess is None:
            raise EdgeError("scale-silent", "no conversion in %d ms" % timeout_ms)
        return guess, False

    async def follow(self, take: "Callable[[int], None]", more: "Callable[[], bool]") -> None:
        """Power the scale and hand each conversion to `take` while `more` says so. Errors: as `weigh`."""
        async with self._chip.lock:
            await self._follow(take, more)

    async def _follow(self, take: "Callable[[int], None]", more: "Callable[[], bool]") -> None:
        garbled = 0
        self._chip.on()
        try:
            while more():
                try:
                    take(await self._chip.read())
                    garbled = 0
                except EdgeError as error:
                    garbled += 1
                    if error.code != "scale-garbled" or garbled > GARBLED_LIMIT:
                        raise
        except EdgeError as error:
            self._log.fault(self.name, error.code, True, error.detail)
            raise
        finally:
            self._chip.off()
        for code in ("scale-silent", "scale-at-rail", "scale-garbled"):
            self._log.fault(self.name, code, False)
