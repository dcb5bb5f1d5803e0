"""Two lanes, without a database: whatever happens, every row is written, and what is owed is known."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.writer.plan import MAX_SPANS, Plan, Span


class Rows(RuleBasedStateMachine):
    """A journal that grows, goes back and begins new epochs; a sink that writes in two lanes.

    `written`: the versions of rows that are in the database, against those of the journal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan("e0")
        self.journal: list[int] = []  # row n is journal[n - 1]: the epoch in which it was appended
        self.written: dict[int, int] = {}
        self.epoch = 0

    @rule(count=st.integers(1, 300))
    def arrive(self, count: int) -> None:
        self.journal += [self.epoch] * count

    @rule(most=st.integers(1, 100))
    def write_live(self, most: int) -> None:
        upto = min(self.plan.live + most, len(self.journal))
        self._write(self.plan.live, upto)
        self.plan = self.plan.wrote_live(upto)

    @rule(most=st.integers(1, 200))
    def write_backlog(self, most: int) -> None:
        if self.plan.backlog:
            first = self.plan.backlog[0]
            upto = min(first.after + most, first.upto)
            self._write(first.after, upto)
            self.plan = self.plan.wrote_backlog(upto)

    @rule()
    def be_late(self) -> None:
        self.plan = self.plan.set_aside(len(self.journal))

    @rule(times=st.integers(1, 100))
    def flap(self, times: int) -> None:
        """Late again and again, with a little written live between: as many spans as there can be."""
        for _ in range(times):
            self.arrive(3)
            self.write_live(1)
            self.be_late()

    @rule(back_to=st.integers(0, 400))
    def restore(self, back_to: int) -> None:
        """An older journal is put in place; rows behind its end are other ones from now on."""
        self.journal = self.journal[:back_to]
        self.epoch += 1
        self.plan = self.plan.in_epoch(f"e{self.epoch}", len(self.journal))

    def _write(self, after: int, upto: int) -> None:
        for row in range(after + 1, upto + 1):
            self.written[row] = self.journal[row - 1]

    @invariant()
    def what_is_not_owed_is_written(self) -> None:
        owed = {row for span in self.plan.backlog for row in range(span.after + 1, span.upto + 1)}
        for row, version in enumerate(self.journal[: self.plan.live], start=1):
            assert row in owed or self.written.get(row) == version
        for row in range(1, self.plan.done + 1):
            assert self.written.get(row) == self.journal[row - 1]

    @invariant()
    def spans_are_few_in_order_and_apart(self) -> None:
        spans = self.plan.backlog
        assert len(spans) <= MAX_SPANS
        assert all(after < upto <= self.plan.live for after, upto in spans)
        assert all(a.upto < b.after for a, b in pairwise(spans))
        assert self.plan.live <= len(self.journal)


TestRows = Rows.TestCase
TestRows.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_the_backlog_is_written_oldest_first_and_ends(steps: list[int]) -> None:
    plan, end = Plan("e"), 0
    order: list[int] = []
    for step in steps:
        end += step + 1
        plan = plan.wrote_live(plan.live + 1).set_aside(end)
    owed = plan.owed(end)
    while plan.backlog:
        span = plan.backlog[0]
        upto = min(span.after + 7, span.upto)
        order += range(span.after + 1, upto + 1)
        plan = plan.wrote_backlog(upto)
    assert order == sorted(set(order))
    assert len(order) == owed
    assert plan == Plan("e", end)
    assert plan.done == end


def test_what_is_owed_counts_both_lanes() -> None:
    plan = Plan("e", 100, (Span(10, 20), Span(40, 50)))
    assert plan.owed(130) == 50
    assert plan.done == 10
