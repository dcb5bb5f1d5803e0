"""The journal against a model: any order of copies, changed copies, gaps, losses, garbage, later judgements,
retention, failures, restarts, and two writers at once."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.journal import (
    JournalReader,
    Judged,
    Outcome,
    Plain,
    Records,
    Refused,
    Reissued,
    Rejudged,
    SqliteJournal,
    StateReport,
)
from gateway.journal.bodies import compose
from gateway.journal.readers import announce
from gateway.journal.retention import DAY_MS, Limits
from tests.journal.kit import text

LOGS = (("bin-001", "00000001"), ("bin-001", "00000002"), ("bin-002", "00000001"))
KEEP_DAYS = 10
PER_DEVICE = 5

logs = st.sampled_from(LOGS)
numbers = st.integers(0, 40)
# Mostly an unbroken run, as devices send; sometimes anything.
runs = st.builds(lambda start, count: list(range(start, start + count)), numbers, st.integers(1, 6))
sequences = runs | st.lists(numbers, min_size=1, max_size=6)
variants = st.sampled_from((0, 0, 0, 1, 2))  # 2: refused by the checks
writers = st.sampled_from((0, 0, 1))
Message = tuple[tuple[str, str], int, list[int], int]
messages = st.tuples(logs, numbers, sequences, variants)


@dataclass
class Model:
    """What the rules J1-J6 say of one log, without any of the journal's means."""

    held: dict[int, bytes] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    hwm: int | None = None
    floor: int = 0
    lost: set[int] = field(default_factory=set)
    forgotten: set[int] = field(
        default_factory=set
    )  # of those lost: so long ago that they went with the rows

    def declare(self, first: int) -> None:
        if self.hwm is None:
            return
        self.lost |= set(range(self.hwm + 1, first)) - self.held.keys()
        self.hwm = max(self.hwm, first - 1)
        self.extend()

    def extend(self) -> None:
        while self.hwm is not None and self.hwm + 1 in self.held:
            self.hwm += 1


class JournalMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.store = Path(tempfile.mkdtemp(prefix="journal-"))
        self.limits = Limits(
            keep_ms=KEEP_DAYS * DAY_MS,
            notice_ms=0,
            quarantine_per_device=PER_DEVICE,
            readers=("influxdb",),
        )
        self.now_ms = 1_790_000_000_000
        self.journals = [self._open(writer) for writer in range(2)]
        self.reader = JournalReader(self.store)
        self.models = {log: Model() for log in LOGS}
        self.received = self.duplicates = self.refused = self.kept = 0
        self.needed_row = 0
        self.entries_dropped = False
        self.rows: dict[int, tuple[tuple[str, str], int, int, int]] = {}  # id: log, first, last, received

    def _open(self, writer: int) -> SqliteJournal:
        return SqliteJournal(self.store, limits=self.limits, copy_beside=writer == 0)

    @rule(message=messages, writer=writers)
    def send(self, message: Message, writer: int) -> None:
        self._send([message], writer)

    @rule(batch=st.lists(messages, max_size=4), writer=writers)
    def send_several_in_one_transaction(self, batch: list[Message], writer: int) -> None:
        self._send(batch, writer)

    @rule(log=logs, count=st.integers(1, 8))
    def send_what_comes_next(self, log: tuple[str, str], count: int) -> None:
        """The usual case, so that rows become many."""
        start = (self.models[log].hwm or 0) + 1
        self._send([(log, 0, list(range(start, start + count)), 0)], 0)

    @rule(log=logs, first=numbers)
    def report_state(self, log: tuple[str, str], first: int) -> None:
        self.journals[0].append([StateReport(self.now_ms, log[0], b"{}", log[1], first)])
        self.models[log].declare(first)

    @rule(log=logs, runs=st.lists(st.tuples(numbers, numbers), max_size=3))
    def report_what_damage_took(self, log: tuple[str, str], runs: list[tuple[int, int]]) -> None:
        """Only a run that begins at the gap is passed: what is before it may still come."""
        self.journals[0].append([StateReport(self.now_ms, log[0], b"{}", log[1], None, tuple(runs))])
        model = self.models[log]
        for first, last in sorted(runs):
            if model.hwm is not None and first <= model.hwm + 1:
                model.declare(last + 1)

    @rule(
        device=st.sampled_from(("bin-001", "bin-002", "")), body=st.sampled_from(b"abcdefgh"), writer=writers
    )
    def send_garbage(self, device: str, body: int, writer: int) -> None:
        garbage = Refused(self.now_ms, device, "up/records", "not-json", "", b"%c" % body, 1)
        self.journals[writer].append([garbage, garbage])
        self.received += 2
        self.refused += 2

    @rule(log=logs, sequence=sequences)
    def fail_in_the_middle(self, log: tuple[str, str], sequence: list[int]) -> None:
        """A batch that fails after its first message leaves nothing behind, on disk or in memory."""
        good = self._message(log, 0, sequence, 0)
        broken = Records(1, log[0], log[1], 0, 1, b"this is not JSON", [Judged(None)])
        try:
            self.journals[0].append([good, broken])
        except ValueError:
            return
        raise AssertionError("a body without records was taken")

    @rule(writer=writers)
    def restart(self, writer: int) -> None:
        self.journals[writer].close()
        self.journals[writer] = self._open(writer)

    @rule(log=logs, place=st.integers(0, 50), outcome=st.sampled_from(list(Outcome)[:3]), writer=writers)
    def judge_anew(self, log: tuple[str, str], place: int, outcome: Outcome, writer: int) -> None:
        model = self.models[log]
        seq = sorted(model.held)[place % len(model.held)] if model.held else 0
        codes = () if outcome is Outcome.ACCEPTED else ("by-new-rule",)
        change = Rejudged(*log, Judged(seq, outcome, codes))
        done = self.journals[writer].revise(self.now_ms, [change], "rules 2")
        assert self.journals[writer].revise(self.now_ms, [change], "rules 2").changed == 0  # in force already
        if seq not in model.held:
            assert done.changed == 0
            return
        self._count(model.outcomes[seq], -1)
        self._count(outcome, 1)
        model.outcomes[seq] = outcome
        if done.changed:
            newest = self.reader.revisions(self.reader.revision_end() - 1, 1)[0]
            assert (newest.device, newest.log, newest.seq) == (*log, seq)
            assert (newest.raw, newest.outcome, newest.codes) == (model.held[seq], outcome, codes)

    @rule(place=st.integers(0, 50), log=logs, sequence=runs)
    def a_refused_message_comes_in_anew(self, place: int, log: tuple[str, str], sequence: list[int]) -> None:
        waiting = [
            one
            for one in self.reader.quarantine(limit=1000)
            if one.row is None and one.seq is None and one.released_ms is None and not one.overflow
        ]
        if not waiting:
            return
        entry = waiting[place % len(waiting)]
        arrival = self._message(log, 0, sequence, 0)
        done = self.journals[1].revise(self.now_ms, [Reissued(entry.id, arrival)], "rules 2")
        assert done.changed == 1
        self.received -= entry.times
        self.refused -= entry.times
        self._expect(log, 0, sequence, 0)
        again = self.journals[1].revise(self.now_ms, [Reissued(entry.id, arrival)], "rules 2")
        assert (again.changed, again.unchanged) == (0, 1)

    @rule(behind=st.integers(0, 6))
    def a_reader_says_how_far_it_is(self, behind: int) -> None:
        epoch = self.reader.epoch()
        assert epoch is not None
        self.needed_row = max(self.needed_row, self.reader.end() + 1 - behind)
        announce(self.store, "influxdb", epoch.id, self.needed_row)

    @precondition(lambda self: self.rows)
    @rule(days=st.integers(1, 6))
    def days_pass(self, days: int) -> None:
        """Exactly what is old, settled and read by all is dropped."""
        self.now_ms += days * DAY_MS
        for _ in range(3):
            self.now_ms += 60_000
            upkeep = self.journals[0].maintain(self.now_ms)
            codes = {one.code for one in upkeep.conditions}
            assert "sum-wrong" not in codes
            assert not [code for code in codes if code.startswith("journal-")]
        newest = max(self.rows)
        for id_, (log, first, last, received_ms) in sorted(self.rows.items()):
            model = self.models[log]
            settled = model.hwm is not None and last <= model.hwm
            old = received_ms < self.now_ms - KEEP_DAYS * DAY_MS
            if old and settled and id_ < newest and id_ < self.needed_row:
                del self.rows[id_]
                model.floor = max(model.floor, last + 1)
                self.entries_dropped = True
                for seq in range(first, last + 1):
                    del model.held[seq]
        for log, model in self.models.items():
            gone = model.lost - self._declared(log)
            assert all(seq < model.floor for seq in gone)
            model.forgotten = gone

    @invariant()
    def holds_what_the_model_says(self) -> None:
        held: dict[tuple[str, str], dict[int, bytes]] = {log: {} for log in LOGS}
        present = {}
        for row in self.reader.read(0, 10_000):
            assert row.sound()
            records = list(row.records())
            assert [record.seq for record in records] == list(range(row.first, row.last + 1))
            for record in records:
                assert record.seq not in held[row.device, row.log]
                held[row.device, row.log][record.seq] = record.raw
            present[row.id] = ((row.device, row.log), row.first, row.last, row.received_ms)
            assert row.id not in self.rows or self.rows[row.id] == present[row.id]  # never given twice
        assert self.rows.keys() <= present.keys()
        self.rows = present
        open_gaps: dict[tuple[str, str], set[int]] = {log: set() for log in LOGS}
        for gap in self.reader.gaps():
            open_gaps[gap.device, gap.log] |= set(range(gap.first, gap.last + 1))
        for log, model in self.models.items():
            assert held[log] == model.held
            expected = None if model.hwm is None or model.hwm < 0 else model.hwm
            for journal in self.journals:
                assert journal.hwm(*log) == expected
            assert self.reader.hwm(*log) == expected
            top = max(model.held, default=-1)
            assert open_gaps[log] == set(range((model.hwm or 0) + 1, top)) - model.held.keys()
        assert self.reader.lost() == sum(len(model.lost) for model in self.models.values())
        for log, model in self.models.items():
            assert self._declared(log) == model.lost - model.forgotten

    @invariant()
    def counts_add_up(self) -> None:
        counters = self.reader.counters()
        by_outcome = {
            outcome: sum(n for (o, _), n in counters.outcomes.items() if o == outcome) for outcome in Outcome
        }
        assert counters.received == self.received == sum(by_outcome.values())
        assert by_outcome[Outcome.DUPLICATE] == self.duplicates
        assert by_outcome[Outcome.QUARANTINED] == self.refused
        assert by_outcome[Outcome.ACCEPTED] + by_outcome[Outcome.FLAGGED] == self.kept
        entries = [one for one in self.reader.quarantine(limit=100_000) if one.released_ms is None]
        if not self.entries_dropped:
            assert sum(one.times for one in entries) == self.refused
        for device in ("bin-001", "bin-002", ""):
            alone = [one for one in entries if one.device == device and one.row is None and not one.overflow]
            assert len(alone) <= PER_DEVICE

    def _declared(self, log: tuple[str, str]) -> set[int]:
        losses = [one for one in self.reader.losses() if (one.device, one.log) == log]
        return {seq for one in losses for seq in range(one.first, one.last + 1)}

    def teardown(self) -> None:
        if hasattr(self, "journals"):
            for journal in self.journals:
                journal.close()
            self.reader.close()
            shutil.rmtree(self.store)

    def _send(self, batch: list[Message], writer: int) -> None:
        appended = self.journals[writer].append([self._message(*message) for message in batch])
        touched: dict[tuple[str, str], int] = {}
        for log, first, sequence, variant in batch:
            self._expect(log, first, sequence, variant)
            hwm = self.models[log].hwm
            if hwm is not None and hwm >= first:
                touched[log] = hwm
        # What is told to a device never covers a record that is neither stored nor declared lost.
        assert appended.acks == touched

    def _expect(self, log: tuple[str, str], first: int, sequence: list[int], variant: int) -> None:
        model = self.models[log]
        model.declare(first)
        if model.hwm is None:
            model.hwm = first - 1
        for seq in sequence:
            self.received += 1
            copy = text(seq, variant)
            if seq in model.held:
                if model.held[seq] == copy:
                    self.duplicates += 1
                else:
                    self.refused += 1
            elif seq < model.floor and seq not in model.lost - model.forgotten:
                self.duplicates += 1
            else:
                model.held[seq] = copy
                model.outcomes[seq] = Outcome.QUARANTINED if variant == 2 else Outcome.ACCEPTED
                self._count(model.outcomes[seq], 1)
                model.lost.discard(seq)
        model.extend()

    def _count(self, outcome: Outcome, by: int) -> None:
        if outcome is Outcome.QUARANTINED:
            self.refused += by
        else:
            self.kept += by

    def _message(self, log: tuple[str, str], first: int, sequence: list[int], variant: int) -> Records:
        body = compose(log[1], first, 1, [text(seq, variant) for seq in sequence])
        judged: list[Judged] | Plain = [Judged(seq) for seq in sequence]
        if variant == 2:
            judged = [Judged(seq, Outcome.QUARANTINED, ("bad-record",)) for seq in sequence]
        elif sequence == list(range(sequence[0], sequence[0] + len(sequence))):
            judged = Plain(sequence[0], len(sequence))
        return Records(self.now_ms, log[0], log[1], first, 1, body, judged)


TestJournalAgainstModel = JournalMachine.TestCase
TestJournalAgainstModel.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
