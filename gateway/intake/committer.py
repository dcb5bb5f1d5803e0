"""The commit thread: takes what has arrived, decides, journals in one transaction, then settles.

The order is the promise: nothing is acknowledged, to broker, device or station, before the journal's commit
returned.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gateway.intake.decide import Decider, Incoming, failed
from gateway.intake.inbox import Inbox
from gateway.journal import Appended, Arrival, Journal, JournalError

log = logging.getLogger(__name__)

BATCH = 2_000  # messages a transaction; more gains nothing once the fsync is shared by this many
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # waits after a failed commit; the last one repeats


class Parcel(msgspec.Struct):
    """A message on its way, with what is to be told to whoever brought it (opaque here)."""

    message: Incoming
    receipt: Any

    @property
    def held_bytes(self) -> int:
        return len(self.message.payload)


Settle = Callable[[Sequence[Parcel], Appended], None]


class Committer(threading.Thread):
    """Runs until the inbox is closed and empty, or until `abandon` while the journal cannot be written."""

    def __init__(
        self,
        inbox: Inbox[Parcel],
        journal: Journal,
        decider: Decider,
        settle: Settle,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="commit", daemon=True)
        self.inbox = inbox
        self.journal = journal
        self.decider = decider
        self.settle = settle
        self.committed = 0  # messages since start
        self.problem = ""  # why the journal cannot be written just now
        self._monotonic = monotonic
        self._progress_s = monotonic()
        self._busy = False
        self._abandoned = threading.Event()

    def run(self) -> None:
        while not self._abandoned.is_set():
            parcels = self.inbox.take(BATCH, timeout_s=0.5)
            if not parcels:
                if self.inbox.closed:
                    return
                self._progress_s = self._monotonic()
                continue
            self._busy = True
            arrivals = [self._decide(parcel.message) for parcel in parcels]
            appended = self._append(arrivals)
            if appended is None:
                return
            self.committed += len(parcels)
            self._progress_s = self._monotonic()
            self._busy = False
            try:
                self.settle(parcels, appended)
            except Exception:
                # Not settled is not lost: it comes again and is recognised as a duplicate.
                log.exception("%d committed messages could not be acknowledged", len(parcels))

    def stalled_s(self) -> float:
        """For how many seconds messages have been waiting without any commit; 0: none waits."""
        if not self._busy and not len(self.inbox):
            return 0.0
        return self._monotonic() - self._progress_s

    def abandon(self) -> None:
        """Give up what is not committed: it was not acknowledged, so it comes again."""
        self._abandoned.set()

    def _decide(self, message: Incoming) -> Arrival:
        try:
            return self.decider.decide(message)
        except Exception as err:
            log.exception("message on %s kept undecoded [decode-failed]", message.topic)
            return failed(message, err)

    def _append(self, arrivals: Sequence[Arrival]) -> Appended | None:
        attempt = 0
        while True:
            try:
                appended = self.journal.append(arrivals)
            except JournalError as err:
                self.problem = str(err)
                wait_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                log.error("[%s] %s Next attempt in %g s.", err.code, err, wait_s)  # noqa: TRY400
                attempt += 1
                if self._abandoned.wait(wait_s):
                    return None
            else:
                self.problem = ""
                return appended
