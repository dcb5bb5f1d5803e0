"""Rows of the journal to batches, the next one on a thread of its own while the present one is being sent.

What is made ahead is a guess, kept under the row that it begins behind. One that does not come true is
thrown away, and so are all when devices or the journal's epoch are others (`drop`).
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct

from gateway.journal import JournalReader, Row
from gateway.writer.batch import Batch, take
from gateway.writer.line import Encoder


class Want(Struct, frozen=True):
    """A batch: of rows behind `after` and up to `upto`, of at most `rows` of them and about `lines` lines."""

    after: int
    upto: int
    rows: int
    lines: int


class Made(Struct, frozen=True):
    """`rows`: what was read, and the batch of the first of them; None: there are none."""

    rows: list[Row]
    batch: Batch | None

    @property
    def used(self) -> int:
        """How many of `rows` are in the batch."""
        return 0 if self.batch is None else len(self.batch.rows) + len(self.batch.damaged)


class Ahead:
    """Makes batches. Belongs to one thread; the other is its own."""

    def __init__(self, journal: JournalReader, encoder: Encoder, now_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._encoder = encoder
        self._now_ms = now_ms
        self._guesses: dict[str, tuple[int, Future[Made]]] = {}
        self._worker = ThreadPoolExecutor(1, "ahead")

    def take(self, lane: str, want: Want) -> Made:
        """A batch: the lane's guess, if it begins at the right row. Raises JournalError."""
        after, guess = self._guesses.pop(lane, (-1, None))
        if guess is None or after != want.after:
            return self._make(want)
        return guess.result()

    def expect(self, lane: str, want: Want) -> None:
        """Make this one ahead: the lane will most likely want it next."""
        self._guesses[lane] = want.after, self._worker.submit(self._make, want)

    def drop(self) -> None:
        """What was made ahead is out of date."""
        self._guesses.clear()

    def close(self) -> None:
        """End the thread; what it is at takes a fraction of a second."""
        self.drop()
        self._worker.shutdown(cancel_futures=True)

    def _make(self, want: Want) -> Made:
        rows = [row for row in self._journal.read(want.after, want.rows) if row.id <= want.upto]
        if not rows:
            return Made([], None)
        return Made(rows, take(rows, want.lines, self._encoder, self._now_ms(), want.after))
