"""What to make of a time that a source offers, to a clock that has one already or has none. The ladder and
the bound are those of `trust`.

Rules. (1) A time outside FLOOR_MS … CEILING_MS is nobody's. (2) While nothing is known any source is taken.
(3) A time agrees when it differs by no more than both errors. Of those that agree a source at least as high
is taken, and a lower one when its error is the smaller. (4) A time that contradicts a higher source is not
taken. (5) A time that contradicts the clock otherwise needs a second witness: `sure` (its source has one), or
the same again from the same source. (6) An error below STEP_MS is not stepped away, it is added to the bound.
"""

from edge.measure.trust import STEP_MS

AGREE_MS = 1000  # two offers that name the same moment to this are one, however long the line took
LADDER = ("none", "rtc", "ntp", "gnss")


class Offer:
    """What came of a time that was offered.

    `taken`: the clock is to be set. `first`: it ends `none`: records made until now can be dated back by
    `step_ms`. `step_ms`: what is to be added to the clock, 0: leave it (rule 6). `off_ms`: how far the time
    is from the clock. `contradicts`: further than both errors allow.
    """

    def __init__(self, source: str, error_ms: int, off_ms: int) -> None:
        self.source = source
        self.error_ms = error_ms
        self.off_ms = off_ms
        self.step_ms = 0
        self.taken = self.first = self.contradicts = False

    @property
    def jumped(self) -> bool:
        """Whether the clock was wrong by more than its bound, and is set right."""
        return self.taken and self.contradicts

    @property
    def doubted(self) -> bool:
        """Whether the time was refused because it contradicts."""
        return self.contradicts and not self.taken


class Judge:
    """Weighs offers. `doubt`: the one that waits for its second witness: its source, and its time less the
    clock's.
    """

    def __init__(self, doubt: "tuple[str, int]" = ("", 0)) -> None:
        self.doubt = doubt

    def weigh(
        self, held: str, bound_ms: "int | None", off_ms: int, source: str, error_ms: int, sure: bool
    ) -> Offer:
        """`held`: the clock's rung now; `bound_ms`: of its error, None with `none`; `off_ms`: the offered
        time less the clock's.
        """
        offer = Offer(source, error_ms, off_ms)
        before, self.doubt = self.doubt, ("", 0)
        if bound_ms is None:
            offer.taken = offer.first = True
            offer.step_ms = off_ms
            return offer
        offer.contradicts = abs(off_ms) > bound_ms + error_ms
        higher = LADDER.index(source) >= LADDER.index(held)
        if not offer.contradicts:
            offer.taken = higher or error_ms + abs(off_ms) < bound_ms
        elif higher:
            offer.taken = sure or (before[0] == source and abs(before[1] - off_ms) <= AGREE_MS)
            if not offer.taken:
                self.doubt = (source, off_ms)
        if offer.taken and abs(off_ms) > STEP_MS:
            offer.step_ms = off_ms
        return offer
