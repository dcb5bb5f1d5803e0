"""The commit thread: takes what has arrived, decides, journals in one transaction, then settles.

The order is the promise: nothing is acknowledged, to broker, device or station, before the journal's commit
returned. A journal that cannot be written is tried again for ever; meanwhile the inbox fills, and nobody is
told anything.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gateway.intake.budget import Budget
from gateway.intake.decide import Decider, Incoming, failed
from gateway.intake.inbox import Inbox
from gateway.journal import Appended, Arrival, Journal, JournalError
from gateway.journal.model import Upkeep
from gateway.logs import ERROR, INFO, Event

BATCH = 5_000  # messages a transaction: pages of the index that many of them touch are written once
GATHER_S = 0.01  # a commit costs as much CPU as ten messages: thin traffic waits a moment for company
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # waits after a failed commit; the last one repeats

_REFUSED = Event(
    "journal-refused",
    "[{reason}] {problem} Next attempt in {wait_s:g} s.",
    level=ERROR,
    doc="A batch could not be stored. It is tried again for ever, and nothing is acknowledged.",
)
_WRITTEN = Event(
    "journal-written", "the journal can be written again", level=INFO, doc="It could not, before."
)
_UNDECIDED = Event(
    "decode-failed",
    "a message on {topic} is kept undecoded",
    level=ERROR,
    doc="A fault of the gateway's own.",
)
_UNSETTLED = Event(
    "not-acknowledged",
    "{count} committed messages could not be acknowledged: they come again",
    level=ERROR,
    doc="A fault of the gateway's own; what comes again is recognised.",
)
_UPKEEP = Event(
    "upkeep-failed", "the journal's upkeep failed", level=ERROR, doc="A fault of the gateway's own."
)


class Parcel(msgspec.Struct, gc=False):
    """A message on its way, and who is to be told of it.

    `source`: the session that brought it, or what a station waits on; `packet`: its packet id, 0: none.
    """

    message: Incoming
    source: Any
    packet: int = 0
    held_bytes: int = 0


Settle = Callable[[Sequence[Parcel], Appended], None]
Committed = Callable[[Sequence[Arrival]], None]


class Committer(threading.Thread):
    """Runs until the inbox is closed and empty, or until `abandon` while the journal cannot be written."""

    def __init__(
        self,
        inbox: Inbox[Parcel],
        journal: Journal,
        decider: Decider,
        settle: Settle,
        committed: Committed = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        super().__init__(name="commit", daemon=True)
        self.inbox = inbox
        self.journal = journal
        self.decider = decider
        self.settle = settle
        self.budget = Budget()
        self.committed = 0  # messages since start, deferred ones among them
        self.problem: JournalError | None = None  # why the journal cannot be written just now
        self.problem_ms = 0  # since when (ms since 1970)
        self.upkeep = Upkeep([], {})  # as the journal last found itself
        self._told = committed
        self._monotonic = monotonic
        self._now_ms = now_ms
        self._progress_s = monotonic()
        self._busy = False
        self._calling_s: float | None = None  # since when a call of the journal has not returned
        self._abandoned = threading.Event()

    def run(self) -> None:
        while not self._abandoned.is_set() and self.step():
            pass

    def step(self, timeout_s: float = 0.5) -> bool:
        """Commit what waits, a batch at most; False: there is nothing left to do, ever."""
        self._maintain()
        parcels = self.inbox.take(BATCH, timeout_s, GATHER_S)
        if not parcels:
            self._progress_s = self._monotonic()
            return not self.inbox.closed
        self._busy = True
        if not self._commit(parcels):
            return False
        self.committed += len(parcels)
        self._progress_s = self._monotonic()
        self._busy = False
        return True

    def stalled_s(self) -> float:
        """For how many seconds messages have been waiting without any commit; 0: none waits."""
        if not self._busy and not len(self.inbox):
            return 0.0
        return self._monotonic() - self._progress_s

    def stuck_s(self) -> float:
        """For how many seconds the present call of the journal has not returned; 0: there is none."""
        since_s = self._calling_s
        return 0.0 if since_s is None else self._monotonic() - since_s

    def abandon(self) -> None:
        """Give up what is not committed: it was not acknowledged, so it comes again."""
        self._abandoned.set()

    def _commit(self, parcels: Sequence[Parcel]) -> bool:
        """Decide, store, settle; False: given up."""
        taken = parcels
        if len(parcels) >= BATCH:
            admitted = self.budget.admit([parcel.message for parcel in parcels], self._monotonic())
            taken = [parcel for parcel, admit in zip(parcels, admitted, strict=True) if admit]
        arrivals = [self._decide(parcel.message) for parcel in taken]
        appended = self._append(arrivals)
        if appended is None:
            return False
        try:
            self.settle(parcels, appended)
            self._told(arrivals)
        except Exception as err:  # noqa: BLE001 - not settled is not lost: it comes again, as a duplicate
            _UNSETTLED(count=len(parcels), error=err)
        return True

    def _append(self, arrivals: Sequence[Arrival]) -> Appended | None:
        """Store, again until it works; None: given up."""
        attempt = 0
        while True:
            self._calling_s = self._monotonic()
            try:
                appended = self.journal.append(arrivals)
            except JournalError as err:
                if self.problem is None:
                    self.problem_ms = self._now_ms()
                self.problem = err
                wait_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                _REFUSED(reason=err.code, problem=str(err), wait_s=wait_s)
            else:
                if self.problem is not None:
                    _WRITTEN()
                    self.problem = None
                return appended
            finally:
                self._calling_s = None
            attempt += 1
            if self._abandoned.wait(wait_s):
                return None

    def _decide(self, message: Incoming) -> Arrival:
        try:
            return self.decider.decide(message)
        except Exception as err:  # noqa: BLE001 - a fault of this program must not cost a message
            _UNDECIDED(topic=message.topic[:200], error=err)
            return failed(message, err)

    def _maintain(self) -> None:
        self._calling_s = self._monotonic()
        try:
            self.upkeep = self.journal.maintain(self._now_ms())
        except Exception as err:  # noqa: BLE001 - upkeep must never stop intake
            _UPKEEP(error=err)
        finally:
            self._calling_s = None
