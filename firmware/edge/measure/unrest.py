"""Why a scale does not come to rest, as far as its own signal tells; when it does not tell, it is `unstable`.

    shaking    swings of less than half a second: a truck passes, somebody knocks
    swaying    slower swings: wind, or somebody who leans on the bin: the signal is the same
    leaning    the load changed and stayed: somebody leans on the bin, or lets go
    creeping   it goes on slowly in one direction: a heavy thing settles

Whether a slow swing is wind or a person, what the bay last weighed can tell (see `leans` in deposit.py).
"""

from edge.measure.integer import divide

KEPT = 64
SPACING_MS = 80
LEAST = 16  # conversions, to say anything
FAST = 4  # conversions a swing, at most, is shaking
CREEP_INTERVALS = 3  # e: more than that is a load that moves
SLIDES = 6  # a sixth of the conversions between two levels: it slid from one to the other; fewer: it stepped


class Unrest:
    """The last conversions, unfiltered: what the filter takes away tells shaking from swaying."""

    def __init__(self) -> None:
        self._trace: "list[int]" = []
        self._at_ms = -SPACING_MS

    def add(self, counts: int, at_ms: int) -> None:
        if at_ms - self._at_ms < SPACING_MS:
            return
        self._at_ms = at_ms
        self._trace.append(counts)
        if len(self._trace) > KEPT:
            self._trace.pop(0)

    def middle(self) -> "tuple[int, int] | None":
        """(median, spread) of what was seen, a single spike left out; None when that is too little."""
        trace = sorted(self._trace)
        return (trace[len(trace) // 2], trace[-2] - trace[1]) if len(trace) >= LEAST else None

    def mean(self, count: int) -> int:
        """Mean of the last `count`, without the greatest and the least sixth (at least two): no spikes."""
        trace = sorted(self._trace[-count:])
        trim = max(2, len(trace) // 6)
        rest = trace[trim:-trim] or trace
        return divide(sum(rest), len(rest))

    def reason(self, e_counts: int, plateaus: int) -> str:
        """`plateaus`: how many different stable values were seen."""
        trace = self._trace
        count = len(trace)
        if count < LEAST:
            return "unstable"
        ordered = sorted(trace)
        spread = ordered[-2] - ordered[1]  # a single spike is no swing
        turns = _turns(trace, max(spread // 3, 1))
        if turns * FAST >= count:
            return "shaking"
        if turns >= 3:
            return "swaying"
        third = spread // 3
        middle = [value for value in trace if ordered[1] + third < value < ordered[-2] - third]
        if spread <= CREEP_INTERVALS * e_counts and len(middle) * SLIDES >= count:
            moved = abs(sum(trace[-4:]) - sum(trace[:4])) // 4
            return "creeping" if 2 * moved >= spread else "unstable"
        return "leaning" if plateaus > 1 or len(middle) * SLIDES < count else "unstable"


def _turns(trace: "list[int]", least: int) -> int:
    """How often the signal turned round by at least `least`."""
    low = high = trace[0]
    way = turns = 0  # way: 1 rising, -1 falling, 0 not yet known
    for value in trace:
        if way >= 0:
            high = max(high, value)
        if way <= 0:
            low = min(low, value)
        if way >= 0 and high - value >= least:
            turns += way
            way, low = -1, value
        elif way <= 0 and value - low >= least:
            turns -= way
            way, high = 1, value
    return turns
