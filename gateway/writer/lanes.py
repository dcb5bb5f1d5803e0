"""What a sink writes next, and what it keeps of it: the shell around `plan`, between journal and writer.db.

Four lanes, so that none waits for another's end. `live` has a connection of its own, the others take turns:

| lane | holds |
|---|---|
| live | rows that have just come |
| backlog | rows that were set aside while the database was away, oldest first |
| revisions | records that were judged anew after they were stored |
| retry | refused lines that an operator wants to be written again |
"""

import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from gateway.journal import JournalReader, Note, Outcome, Revision, Row
from gateway.journal.bodies import compose
from gateway.journal.model import encode_notes
from gateway.writer.ahead import Ahead, Made, Want
from gateway.writer.batch import Batch, take
from gateway.writer.delivery import Delivery
from gateway.writer.line import Encoder
from gateway.writer.plan import Plan
from gateway.writer.store import Progress, RefusedLine, WriterStore

# Live rows older than this, with more than a batch owed, become backlog; younger ones stay.
LATE_MS = 4_000
# While the database has never been away and there is no backlog: it is followed in the order of the journal,
# which costs it a fifth less than two orders at once, so that most often it catches up by itself.
SLOW_MS = 15_000
LIVE_EVERY_S = 0.25  # live rows are gathered for this long, unless there is a full batch of them
READ_ROWS = 500  # to begin with; then as many as made the last batch
REVISIONS = 500
SETTLE_S = 10.0
BATCH_S = 1.0  # a backlog batch that takes longer is too large: live rows wait meanwhile
LEAST_LINES = 100
NO_END = 2**62
FIRST_LINES = 1_000  # of the first backlog batch: a database that has just come back may be slow


class Work(Struct):
    """A batch on its way. `after`: the progress once it is in, but for the counts."""

    lane: str
    batch: Batch
    delivery: Delivery
    after: Callable[[Progress], Progress]
    retried: Sequence[int] = ()


class Lanes:
    """One sink's. Belongs to its thread.

    `settles`: what the server took counts as written SETTLE_S later, since it keeps new data in memory for a
    while; `go_back` returns to what has settled.
    """

    def __init__(
        self,
        journal: JournalReader,
        store: WriterStore,
        encoder: Encoder,
        batch_lines: int,
        *,
        settles: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._store = store
        self._encoder = encoder
        self._most = batch_lines
        self._backlog_lines = min(FIRST_LINES, batch_lines)
        self._monotonic = monotonic
        self._ahead = Ahead(journal, encoder, _now_ms)
        self._settles = settles
        self._unsettled: deque[tuple[float, Progress]] = deque()
        self._held: dict[str, Work] = {}
        self._others = ["backlog", "revisions", "retry"]  # that whose turn is next first
        self._live_s = 0.0
        self._rows = {"live": READ_ROWS, "backlog": READ_ROWS}
        self.progress = store.progress()
        self._followed = False  # the live lane has been near the journal's end since the database came back
        self._gathering = False  # live rows are there, too few and too young to be sent

    def live(self) -> Work | None:
        """What to send of rows that have just come, if anything; the same until it is finished or dropped.

        Raises JournalError and sqlite3.Error, as `other` does.
        """
        self._gathering = False
        if not self._follow():
            return None
        return self._held.get("live") or self._hold("live", self._make_live())

    def other(self) -> Work | None:
        """What to send beside it, if anything: lane by lane in turn."""
        if not self._follow():
            return None
        for lane in list(self._others):
            work = self._held.get(lane) or self._hold(lane, self._make(lane))
            if work is not None:
                self._others.remove(lane)
                self._others.append(lane)
                return work
        return None

    @property
    def idle(self) -> bool:
        """Nothing is owed, as of the last calls of `live` and `other`."""
        return not self._held and not self._gathering

    def holds(self, work: Work) -> bool:
        """Whether this work is still wanted."""
        return self._held.get(work.lane) is work

    def _hold(self, lane: str, work: Work | None) -> Work | None:
        if work is not None:
            self._held[lane] = work
        return work

    def finish(self, work: Work, now_ms: int, took_s: float) -> list[RefusedLine]:
        """The work is done: keep the progress. Returns what was refused. Raises sqlite3.Error."""
        convicts = work.delivery.convicts
        refused = work.batch.refused + [work.batch.refusal(convict, now_ms) for convict in convicts]
        before = self.progress
        progress = msgspec.structs.replace(
            work.after(before),
            lines=before.lines + len(work.batch.lines) - len(convicts),
            refused=before.refused + len(refused),
            proof=work.delivery.taken or before.proof,
        )
        self._keep(progress, refused, work.retried)
        del self._held[work.lane]
        if work.lane == "live":
            self._live_s = self._monotonic()
        elif work.lane == "backlog" and not convicts:
            self._pace(len(work.batch.lines), took_s)
        return refused

    def fell_behind(self) -> None:
        """The database was away: what waits is not live any more."""
        self._followed = False

    def drop(self) -> None:
        """Forget what is on its way: it is made anew from the journal."""
        self._held.clear()
        self._ahead.drop()

    def close(self) -> None:
        """No more is wanted."""
        self._ahead.close()

    def go_back(self) -> None:
        """What has not settled may be lost: write it again."""
        self.drop()
        self._unsettled.clear()
        self.progress = self._store.progress()

    def settle(self) -> None:
        """Keep what has settled by now."""
        due = self._monotonic() - SETTLE_S
        settled = None
        while self._unsettled and self._unsettled[0][0] <= due:
            settled = self._unsettled.popleft()[1]
        if settled is not None:
            self._store.save(settled)

    def kept(self) -> Progress:
        """What is settled: where a new start goes on."""
        return self._store.progress() if self._settles else self.progress

    def _keep(
        self, progress: Progress, refused: Sequence[RefusedLine] = (), retried: Sequence[int] = ()
    ) -> None:
        self.progress = progress
        if not self._settles:
            self._store.save(progress, refused, retried)
            return
        if refused or retried:
            self._store.save(self._store.progress(), refused, retried)
        now_s = self._monotonic()
        if len(self._unsettled) > 1 and now_s - self._unsettled[-2][0] < 1.0:
            self._unsettled.pop()  # one a second is enough
        self._unsettled.append((now_s, progress))
        self.settle()

    def _follow(self) -> bool:
        """Be in the journal's epoch; whether there is a journal."""
        before = self.progress
        place = self._journal.resume(before.plan.epoch or None, 2**62, 2**62)
        if place is None:
            return False
        if place.epoch != before.plan.epoch:
            self.drop()
            plan = before.plan.in_epoch(place.epoch, place.row)
            revision = min(before.revision, place.revision)
            self._keep(msgspec.structs.replace(before, plan=plan, revision=revision))
        return True

    def _make(self, lane: str) -> Work | None:
        match lane:
            case "backlog":
                return self._make_backlog()
            case "revisions":
                return self._make_revisions()
            case _:
                return self._make_retry()

    def _make_live(self) -> Work | None:
        plan = self.progress.plan
        if self._monotonic() - self._live_s < LIVE_EVERY_S:
            waiting = self._journal.end() - plan.live
            if waiting < self._rows["live"]:
                self._gathering = waiting > 0
                return None
        made = self._ahead.take("live", Want(plan.live, NO_END, self._rows["live"], self._most))
        if made.batch is None:
            return None
        now_ms, oldest = _now_ms(), made.rows[0]
        late_ms = now_ms - LATE_MS
        self._followed = not plan.backlog and (self._followed or oldest.received_ms >= late_ms)
        limit_ms = now_ms - SLOW_MS if self._followed else late_ms
        if oldest.received_ms < limit_ms and made.batch.upto < (end := self._journal.end()):
            self._followed = False
            self._keep_plan(plan.set_aside(self._last_before(late_ms, oldest.id, end)))
            self._rows["live"] = READ_ROWS
            return self._make_live()  # what is younger: it has its turn now
        self._foresee("live", made, NO_END, self._most)
        return self._work("live", made.batch, Plan.wrote_live)

    def _last_before(self, ms: int, low: int, high: int) -> int:
        """The last row up to `high` that was received before `ms`; `low`: one that was."""
        while low < high:
            middle = (low + high) // 2
            rows = self._journal.read(middle, 1)
            if rows and rows[0].id <= high and rows[0].received_ms < ms:
                low = rows[0].id
            else:
                high = middle
        return low

    def _make_backlog(self) -> Work | None:
        plan = self.progress.plan
        while plan.backlog:
            span = plan.backlog[0]
            want = Want(span.after, span.upto, self._rows["backlog"], self._backlog_lines)
            made = self._ahead.take("backlog", want)
            if made.batch is not None:
                self._foresee("backlog", made, span.upto, self._backlog_lines)
                return self._work("backlog", made.batch, Plan.wrote_backlog)
            plan = plan.wrote_backlog(span.upto)  # nothing left in it: the numbers were never given
            self._keep_plan(plan)
        return None

    def _make_revisions(self) -> Work | None:
        revisions = self._journal.revisions(self.progress.revision, REVISIONS)
        if not revisions:
            return None
        batch = _take_revisions(revisions, self._encoder)
        upto = revisions[-1].id
        return Work(
            "revisions",
            batch,
            Delivery(batch.lines, self.progress.proof),
            lambda progress: msgspec.structs.replace(progress, revision=upto),
        )

    def _make_retry(self) -> Work | None:
        wanted = self._store.to_retry(self._most)
        if not wanted:
            return None
        batch = Batch(0)
        for _, old in wanted:
            self._take_again(old, batch)
        retried = [id_ for id_, _ in wanted]
        return Work(
            "retry", batch, Delivery(batch.lines, self.progress.proof), lambda progress: progress, retried
        )

    def _take_again(self, old: RefusedLine, batch: Batch) -> None:
        """A refused line made anew of the journal's row; the line as it was, when the row is gone."""
        row = self._journal.row_at(old.device, old.log, old.seq)
        if row is None or not row.sound():
            row = Row(old.row, old.at_ms, old.device, old.log, old.seq, old.seq, old.line, None)
            if old.status:
                _add(batch, row, old.seq, old.line.decode())
            else:
                batch.refused.append(msgspec.structs.replace(old, retry=False))
            return
        single = take([row], self._most, self._encoder, old.at_ms)
        if old.seq in single.seqs:
            _add(batch, row, old.seq, single.lines[single.seqs.index(old.seq)])
        else:
            batch.refused += [one for one in single.refused if one.seq == old.seq]

    def _work(self, lane: str, batch: Batch, move: Callable[[Plan, int], Plan]) -> Work:
        return Work(
            lane,
            batch,
            Delivery(batch.lines, self.progress.proof),
            lambda progress: msgspec.structs.replace(progress, plan=move(progress.plan, batch.upto)),
        )

    def _keep_plan(self, plan: Plan) -> None:
        self._keep(msgspec.structs.replace(self.progress, plan=plan))

    def _foresee(self, lane: str, made: Made, upto: int, lines: int) -> None:
        """How many rows make about one batch; and if more wait, the next one is made ahead."""
        read, asked = len(made.rows), self._rows[lane]
        if made.used == read == asked:
            self._rows[lane] = min(read * 2, self._most)
        elif made.used < read:
            self._rows[lane] = max(made.used + 1, min(READ_ROWS, self._most))
        if made.batch is not None and (made.used < read or read >= asked) and made.batch.upto < upto:
            self._ahead.expect(lane, Want(made.batch.upto, upto, self._rows[lane], lines))

    def _pace(self, lines: int, took_s: float) -> None:
        if took_s > BATCH_S:
            self._backlog_lines = max(LEAST_LINES, min(lines, self._backlog_lines) // 2)
        elif took_s < BATCH_S / 3:
            self._backlog_lines = min(self._most, self._backlog_lines * 2)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _take_revisions(revisions: Sequence[Revision], encoder: Encoder) -> Batch:
    """Lines of records as they are judged now. One that is no longer used keeps the point that it has."""
    batch = Batch(0)
    for one in revisions:
        if one.outcome not in (Outcome.ACCEPTED, Outcome.FLAGGED):
            continue
        # Its own text as a row of its own, with the new judgement as its note.
        body = compose(one.log, one.seq, one.at_ms, [one.raw])
        notes = encode_notes({one.seq: Note(one.outcome, one.codes, one.t_ms)})
        row = Row(one.row, one.at_ms, one.device, one.log, one.seq, one.seq, body, notes)
        single = take([row], 1, encoder, one.at_ms)
        batch.refused += single.refused
        for line in single.lines:
            _add(batch, row, one.seq, line)
    return batch


def _add(batch: Batch, row: Row, seq: int, line: str) -> None:
    """One line of a row of its own."""
    batch.starts.append(len(batch.lines))
    batch.rows.append(row)
    batch.lines.append(line)
    batch.seqs.append(seq)
