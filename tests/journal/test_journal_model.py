"""The journal against a model: any order of copies, changed copies, gaps, losses, failures and restarts."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.journal import JournalReader, Judged, Outcome, Records, SqliteJournal, StateReport
from gateway.journal.bodies import compose

LOGS = (("bin-001", "00000001"), ("bin-001", "00000002"), ("bin-002", "00000001"))

logs = st.sampled_from(LOGS)
numbers = st.integers(0, 40)
# Mostly an unbroken run, as devices send; sometimes anything.
runs = st.builds(lambda start, count: list(range(start, start + count)), numbers, st.integers(1, 6))
sequences = runs | st.lists(numbers, min_size=1, max_size=6)
variants = st.sampled_from((0, 0, 0, 1))


def text(seq: int, variant: int) -> bytes:
    return b'{"seq": %d, "variant":%d}' % (seq, variant)


class Model:
    """What the rules J1-J6 say, without any of the journal's means."""

    def __init__(self) -> None:
        self.first_copies: dict[int, bytes] = {}
        self.hwm: int | None = None
        self.lost: set[int] = set()

    def declare(self, first: int) -> None:
        if self.hwm is None:
            return
        missing = set(range(self.hwm + 1, first)) - self.first_copies.keys()
        self.lost |= missing
        self.hwm = max(self.hwm, first - 1)
        self.extend()

    def extend(self) -> None:
        while self.hwm is not None and self.hwm + 1 in self.first_copies:
            self.hwm += 1


class JournalMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.store = Path(tempfile.mkdtemp(prefix="journal-"))
        self.journal = SqliteJournal(self.store)
        self.reader = JournalReader(self.store)
        self.models = {log: Model() for log in LOGS}
        self.received = self.duplicates = self.conflicts = self.kept = 0

    @rule(log=logs, first=numbers, sequence=sequences, variant=variants)
    def send(self, log: tuple[str, str], first: int, sequence: list[int], variant: int) -> None:
        self._send([(log, first, sequence, variant)])

    @rule(batch=st.lists(st.tuples(logs, numbers, sequences, variants), max_size=4))
    def send_several_in_one_transaction(
        self, batch: list[tuple[tuple[str, str], int, list[int], int]]
    ) -> None:
        self._send(batch)

    @rule(log=logs, first=numbers)
    def report_state(self, log: tuple[str, str], first: int) -> None:
        self.journal.append([StateReport(1, log[0], b"{}", log[1], first)])
        self.models[log].declare(first)

    @rule(log=logs, sequence=sequences)
    def fail_in_the_middle(self, log: tuple[str, str], sequence: list[int]) -> None:
        """A batch that fails after its first message leaves nothing behind, on disk or in memory."""
        good = self._message(log, 0, sequence, 0)
        broken = Records(1, log[0], log[1], 0, 1, b"this is not JSON", [Judged(None)])
        try:
            self.journal.append([good, broken])
        except ValueError:
            return
        raise AssertionError("a body without records was taken")

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = SqliteJournal(self.store)

    @invariant()
    def holds_what_the_model_says(self) -> None:
        held: dict[tuple[str, str], dict[int, bytes]] = {log: {} for log in LOGS}
        for row in self.reader.read(0, 10_000):
            records = list(row.records())
            assert [record.seq for record in records] == list(range(row.first, row.last + 1))
            for record in records:
                assert record.seq not in held[row.device, row.log]
                held[row.device, row.log][record.seq] = record.raw
        for log, model in self.models.items():
            assert held[log] == model.first_copies
            expected = None if model.hwm is None or model.hwm < 0 else model.hwm
            assert self.journal.hwm(*log) == expected
            assert self.reader.hwm(*log) == expected
        assert self.reader.lost() == sum(len(model.lost) for model in self.models.values())

    @invariant()
    def counts_add_up(self) -> None:
        counters = self.reader.counters()
        by_outcome = {
            outcome: sum(n for (o, _), n in counters.outcomes.items() if o == outcome) for outcome in Outcome
        }
        assert counters.received == self.received == sum(by_outcome.values())
        assert by_outcome[Outcome.DUPLICATE] == self.duplicates
        assert by_outcome[Outcome.QUARANTINED] == self.conflicts
        assert self.conflicts == sum(entry.times for entry in self.reader.quarantine(limit=100_000))
        assert by_outcome[Outcome.ACCEPTED] + by_outcome[Outcome.FLAGGED] == self.kept

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.reader.close()
            shutil.rmtree(self.store)

    def _send(self, batch: list[tuple[tuple[str, str], int, list[int], int]]) -> None:
        appended = self.journal.append([self._message(*message) for message in batch])
        touched: dict[tuple[str, str], int] = {}
        for log, first, sequence, variant in batch:
            model = self.models[log]
            model.declare(first)
            if model.hwm is None:
                model.hwm = first - 1
            for seq in sequence:
                self.received += 1
                copy = text(seq, variant)
                if seq not in model.first_copies:
                    model.first_copies[seq] = copy
                    model.lost.discard(seq)
                    self.kept += 1
                elif model.first_copies[seq] == copy:
                    self.duplicates += 1
                else:
                    self.conflicts += 1
            model.extend()
            if model.hwm >= first:
                touched[log] = model.hwm
        # What is told to a device never covers a record that is neither stored nor declared lost.
        assert appended.acks == touched

    @staticmethod
    def _message(log: tuple[str, str], first: int, sequence: list[int], variant: int) -> Records:
        body = compose(log[1], first, 1, [text(seq, variant) for seq in sequence])
        return Records(1, log[0], log[1], first, 1, body, [Judged(seq) for seq in sequence])


TestJournalAgainstModel = JournalMachine.TestCase
TestJournalAgainstModel.settings = settings(max_examples=100, stateful_step_count=15, deadline=None)
