"""What one transaction counts, so that the counters move with what they count (J5)."""

import sqlite3
from collections import Counter
from collections.abc import Sequence

from gateway.journal.model import Appended, Outcome


class Tally:
    """Counts of one transaction: `appended` is told to the caller, the rest is for the table alone."""

    def __init__(self) -> None:
        self.appended = Appended()
        self.plain = 0  # records accepted without a code: the usual outcome, kept apart for speed
        self._others: Counter[tuple[str, str]] = Counter()

    def outcome(self, outcome: Outcome, codes: Sequence[str] = (), count: int = 1) -> None:
        """`count` records ended so, with these reasons; negative: they are taken back."""
        outcomes = self.appended.outcomes
        first = codes[0] if codes else ""
        outcomes[outcome, first] = outcomes.get((outcome, first), 0) + count
        for code in codes:
            self._others["code", code] += count

    def message(self, channel: str) -> None:
        """A message came on this channel."""
        self._others["message", channel] += 1

    def lost(self, cause: str, count: int) -> None:
        """Records were declared lost; negative: they came after all."""
        self._others["lost", cause] += count

    def save(self, db: sqlite3.Connection) -> Appended:
        """Add all to the counters' table."""
        if self.plain:
            self.outcome(Outcome.ACCEPTED, (), self.plain)
            self.plain = 0
        deltas = [("received", "", self.appended.received)]
        deltas += [("outcome", f"{o}/{code}", n) for (o, code), n in self.appended.outcomes.items()]
        deltas += [(name, key, n) for (name, key), n in self._others.items()]
        db.executemany(
            "INSERT INTO counters (name, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (name, key) DO UPDATE SET value = value + excluded.value",
            [delta for delta in deltas if delta[2]],
        )
        return self.appended
