"""Which rows of the journal a sink still owes its database, in two lanes. Pure.

All rows up to `live` are in the database, but for those of the `backlog`; all behind `live` are still to be
written. While all is well the backlog is empty and the live lane follows the journal. When the live lane is
late and more than one batch behind, what it owes is set aside as a span of the backlog, and it goes on with
what arrives from now: so live data does not wait for the backlog, which is written between, oldest first.

The number of spans is bounded: beyond MAX_SPANS two neighbours become one, and what lies between them is
written again, to the same effect (a line's name decides its time).
"""

from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct

MAX_SPANS = 64


class Span(NamedTuple):
    """The rows `after` < id <= `upto`."""

    after: int
    upto: int


class Plan(Struct, frozen=True):
    """What is owed. `backlog`: in order, none empty, none touching another, all of them below `live`.

    `epoch`: of the journal that the numbers are of; "": not known yet.
    """

    epoch: str = ""
    live: int = 0
    backlog: tuple[Span, ...] = ()

    @property
    def done(self) -> int:
        """Everything up to this row is in the database."""
        return self.backlog[0].after if self.backlog else self.live

    def owed(self, end: int) -> int:
        """How many row numbers are still to be written in a journal that ends with row `end`."""
        return max(0, end - self.live) + sum(span.upto - span.after for span in self.backlog)

    def wrote_live(self, upto: int) -> "Plan":
        """The live lane has come as far as row `upto`."""
        return Plan(self.epoch, max(self.live, upto), self.backlog)

    def wrote_backlog(self, upto: int) -> "Plan":
        """The first span has been written up to row `upto`."""
        first, *rest = self.backlog
        left = [Span(upto, first.upto)] if upto < first.upto else []
        return Plan(self.epoch, self.live, (*left, *rest))

    def set_aside(self, upto: int) -> "Plan":
        """What the live lane owes up to row `upto` becomes backlog, and the live lane goes on behind it."""
        if upto <= self.live:
            return self
        return Plan(self.epoch, upto, _joined((*self.backlog, Span(self.live, upto))))

    def in_epoch(self, epoch: str, shared_row: int) -> "Plan":
        """The same in the journal's present epoch.

        Rows behind `shared_row` are other ones than before: they are owed anew.
        """
        kept = [Span(after, min(upto, shared_row)) for after, upto in self.backlog if after < shared_row]
        return Plan(epoch, min(self.live, shared_row), tuple(kept))


def _joined(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Spans that touch made one; beyond MAX_SPANS, the two with the least between them too."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.after <= joined[-1].upto:
            joined[-1] = Span(joined[-1].after, span.upto)
        else:
            joined.append(span)
    while len(joined) > MAX_SPANS:
        gaps = [after.after - before.upto for before, after in pairwise(joined)]
        nearest = gaps.index(min(gaps))
        joined[nearest : nearest + 2] = [Span(joined[nearest].after, joined[nearest + 1].upto)]
    return tuple(joined)
