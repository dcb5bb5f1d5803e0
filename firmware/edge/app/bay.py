"""One bay of a bin: what the settings say of it, its scale, and the keeper of its door."""

from edge.app.admission import BROKEN, DOUBTFUL
from edge.app.keeper import Keeper
from edge.app.scale import Scale
from edge.app.senses import FillSensor
from edge.measure.deposit import Seen, Verdict, judge, unweighed
from edge.measure.weighing import Weighing

if False:  # for types
    from typing import Any

    from edge.app.unit import Unit

BEFORE_MS, BEFORE_CONFIRM_MS = 8000, 1500
AFTER_MS, AFTER_CONFIRM_MS = 10_000, 1500


class Bay:
    """`settings`: `bay`, `category`, `scale`, `lock`, `ranger`, `empty_mm`, `full_mm` of one bay. A new
    category is a new word in the settings.
    """

    def __init__(self, unit: "Unit", settings: "dict[str, Any]") -> None:
        self.number: int = settings["bay"]
        self.category: str = settings["category"]
        self.settings = settings
        self._log = unit.log
        self.scale = Scale(unit, settings["scale"])
        self.fill = FillSensor(unit, settings)
        lock = unit.board.part(settings["lock"])
        self.keeper = Keeper(unit.log, settings["lock"], lock, unit.power.pulled_mv)

    def opened(self) -> None:
        """The door was opened: what the bay weighs is no longer known."""
        self.scale.disturbed()

    async def weigh_before(self) -> Weighing:
        return self._believed(await self.scale.weigh(BEFORE_MS, BEFORE_CONFIRM_MS))

    async def weigh_after(self) -> Weighing:
        return self._believed(await self.scale.weigh(AFTER_MS, AFTER_CONFIRM_MS))

    def _believed(self, weighing: Weighing) -> Weighing:
        """A scale may stand still because it is dead: what the diagnosis has found counts for more, and a bay
        that weighs clearly less than nothing is not weighed at all.
        """
        for code in BROKEN:
            if self.scale.name + " " + code in self._log.faults():
                return Weighing(code, "the scale is broken, whatever it shows")
        if weighing.grams is not None and weighing.grams < -self.scale.min_g:
            return Weighing("scale-underload", "%d g: less than nothing" % weighing.grams)
        return weighing

    def doubt(self) -> Weighing:
        """No weighing, and why: the scale is not to be used for paying."""
        for code in DOUBTFUL:
            if self.scale.name + " " + code in self._log.faults():
                return Weighing(code, "the scale may be wrong")
        return Weighing("uncalibrated", self.scale.why)

    def judge_before(self, before: Weighing) -> "Verdict | None":
        """Why the bay cannot sell weight now; None when it can."""
        if self.scale.leaned(before):
            return Verdict("unstable", "leaning")
        return unweighed(before)

    def judge(self, before: Weighing, after: Weighing, cycles: int, crew: bool) -> Verdict:
        """What a session was. `cycles`: how often the door was opened between the two weighings."""
        self.scale.cycled(before, after, crew, self.fill.last_pct)
        keeper = self.keeper
        bolted = keeper.state == "locked"
        seen = Seen(cycles, keeper.closed, bolted, keeper.reopened_ms, keeper.forced)
        return judge(before, after, seen, self.scale.e_g, self.scale.min_g)
