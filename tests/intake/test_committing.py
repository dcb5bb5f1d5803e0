"""The commit thread.

It waits for a journal that cannot be written, outlives its own faults, and drains when told to stop.
"""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from gateway.devices import Device
from gateway.intake.committer import Committer, Parcel
from gateway.intake.decide import Decider, Incoming
from gateway.intake.inbox import Inbox
from gateway.journal import Appended, Arrival, JournalError, Refused
from gateway.journal.model import Upkeep

DEADLINE_S = 10.0


class FlakyJournal:
    """Fails as often as told, then keeps what it is given."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.attempts = 0
        self.kept: list[Arrival] = []

    def append(self, batch: Sequence[Arrival]) -> Appended:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise JournalError("disk full")
        self.kept += batch
        return Appended(received=len(batch))

    def hwm(self, device: str, log: str) -> int | None:
        return None

    def maintain(self, now_ms: int) -> Upkeep:
        return Upkeep([], {})

    def close(self) -> None:
        pass


class QuietFirst(Inbox[Parcel]):
    """At first nothing comes for as long as the commit thread is willing to wait."""

    quiet = 2

    def take(self, most: int, timeout_s: float, gather_s: float = 0.0) -> list[Parcel]:
        if self.quiet:
            self.quiet -= 1
            return []
        return super().take(most, timeout_s, gather_s)


class Bench:
    def __init__(self, journal: FlakyJournal, device: Callable[[str], Device | None]) -> None:
        self.journal = journal
        self.inbox = QuietFirst()
        self.settled: list[int] = []
        self._news = threading.Condition()
        self.committer = Committer(self.inbox, journal, Decider(device), self._settle)
        self.committer.start()

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.inbox.put(
                Parcel(
                    Incoming("huishou/1/bin-001/up/records", b'{"v":1,"online":true}', 21, 5), None, number
                )
            )

    def wait_settled(self, count: int) -> list[int]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.settled) >= count, DEADLINE_S)
        return self.settled

    def _settle(self, parcels: Sequence[Parcel], _: Appended) -> None:
        with self._news:
            self.settled += [parcel.packet for parcel in parcels]
            self._news.notify_all()

    def close(self) -> None:
        self.inbox.close()
        self.committer.abandon()
        self.committer.join(DEADLINE_S)
        assert not self.committer.is_alive()


def known(name: str) -> Device:
    return Device(name, "bin")


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def bench(failures: int = 0, device: Callable[[str], Device | None] = known) -> Bench:
        made.append(Bench(FlakyJournal(failures), device))
        return made[-1]

    yield bench
    for one in made:
        one.close()


def test_a_batch_is_settled_once_and_in_order_after_the_journal_took_it(make: Callable[..., Bench]) -> None:
    bench = make(failures=2)
    bench.put(1, 2, 3)
    assert bench.wait_settled(3) == [1, 2, 3]
    assert len(bench.journal.kept) == 3
    assert bench.journal.attempts >= 3
    assert bench.committer.problem is None


def test_nothing_is_settled_while_the_journal_refuses_and_the_reason_is_told(
    make: Callable[..., Bench],
) -> None:
    bench = make(failures=10**6)
    bench.put(1)
    while not bench.committer.problem:
        bench.committer.join(0.01)
    assert bench.settled == []
    assert "disk full" in str(bench.committer.problem)
    assert bench.committer.stalled_s() > 0
    bench.committer.abandon()
    bench.committer.join(DEADLINE_S)
    assert bench.settled == []


def test_a_fault_of_the_program_costs_neither_the_message_nor_the_thread(make: Callable[..., Bench]) -> None:
    def broken(_: str) -> Device:
        raise ZeroDivisionError("a bug")

    bench = make(device=broken)
    bench.put(1, 2)
    assert bench.wait_settled(2) == [1, 2]
    assert [type(kept) for kept in bench.journal.kept] == [Refused, Refused]
    assert {kept.code for kept in bench.journal.kept if isinstance(kept, Refused)} == {"decode-failed"}


def test_what_is_queued_is_committed_before_the_thread_ends(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.put(*range(5000))
    bench.inbox.close()
    bench.committer.join(DEADLINE_S)
    assert not bench.committer.is_alive()
    assert bench.settled == list(range(5000))
    assert bench.committer.committed == 5000
