"""What a visit makes of a bay's weighings: which of them count, and what two of them come to."""

from edge.measure.deposit import BROKEN, DOUBTFUL, Seen, Verdict, judge, unweighed
from edge.measure.weighing import Weighing

if False:  # for types
    from edge.app.bay import Bay

BEFORE_MS, AFTER_MS = 8000, 10_000
CONFIRM_MS = 1500


async def before(bay: "Bay") -> Weighing:
    return _believed(bay, await bay.scale.weigh(BEFORE_MS, CONFIRM_MS))


async def after(bay: "Bay") -> Weighing:
    return _believed(bay, await bay.scale.weigh(AFTER_MS, CONFIRM_MS))


def _raised(bay: "Bay", codes: str) -> str:
    """The first of these codes that is raised for the bay's scale; "": none."""
    raised = bay.scale.raised()
    for code in codes.split():
        if code in raised:
            return code
    return ""


def _believed(bay: "Bay", weighing: Weighing) -> Weighing:
    """A scale may stand still because it is dead: what the diagnosis has found counts for more, and a bay
    that weighs clearly less than nothing is not weighed at all.
    """
    broken = _raised(bay, BROKEN)
    if broken:
        return Weighing(broken, "the scale is broken, whatever it shows")
    if weighing.grams is not None and weighing.grams < -bay.scale.min_g:
        return Weighing("scale-underload", "%d g: less than nothing" % weighing.grams)
    return weighing


def doubt(bay: "Bay") -> Weighing:
    """No weighing, and why: the scale is not to be used for paying."""
    doubtful = _raised(bay, DOUBTFUL)
    if doubtful:
        return Weighing(doubtful, "the scale may be wrong")
    return Weighing("uncalibrated", bay.scale.why)


def refused(bay: "Bay", weighing: Weighing) -> "Verdict | None":
    """Why the bay cannot sell weight now; None when it can. `weighing`: before a door was opened."""
    if bay.scale.leaned(weighing):
        return Verdict("unstable", "leaning")
    return unweighed(weighing)


def verdict(bay: "Bay", first: Weighing, last: Weighing, cycles: int, crew: bool) -> Verdict:
    """What a session was. `cycles`: how often the door was opened between the two weighings."""
    bay.scale.cycled(first, last, crew, bay.fill.last_pct)
    keeper = bay.keeper
    bolted = keeper.state == "locked"
    seen = Seen(cycles, keeper.closed, bolted, keeper.reopened_ms, keeper.forced)
    return judge(first, last, seen, bay.scale.e_g, bay.scale.min_g)
