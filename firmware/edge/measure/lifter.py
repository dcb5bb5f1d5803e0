"""A lifter weighing: the container hangs full, is emptied, hangs empty (the cycle of EN 14803 systems).

Gross is the first plateau of the cycle, tare the last one; between them the signal was unquiet. Both are
measured in the same cycle, so a container's own mass and the scale's slow drift cancel.
"""

from edge.measure.integer import divide

UNREST = 8  # conversions without a plateau at the end: the container was lowered while it swung


class LifterCycle:
    """A plateau is `size` conversions in a row of which all lie within `band` counts."""

    def __init__(self, band: int, size: int = 6) -> None:
        self._band = band
        self._size = size
        self._window: "list[int]" = []
        self._plateaus: "list[int]" = []
        self._first: "int | None" = None
        self._unrest = 0  # conversions since the signal last lay on a plateau

    def add(self, counts: int) -> None:
        """A conversion while the lifter is up."""
        if self._first is None:
            self._first = counts
        window = self._window
        window.append(counts)
        if len(window) > self._size:
            window.pop(0)
        if len(window) < self._size or max(window) - min(window) > self._band:
            self._unrest += 1
            return
        self._unrest = 0
        value = divide(sum(window), len(window))
        if self._plateaus and abs(value - self._plateaus[-1]) <= self._band:
            self._plateaus[-1] = value
        else:
            self._plateaus.append(value)

    def result(self) -> "tuple[int, int, bool] | None":
        """(gross counts, tare counts, stable); None without any conversion. A container that was lifted and
        not emptied has one plateau: its tare is its gross. Not stable: the best guesses.
        """
        if self._first is None:
            return None
        gross = self._plateaus[0] if self._plateaus else self._first
        if self._plateaus and self._unrest < UNREST:
            return gross, self._plateaus[-1], True
        return gross, sorted(self._window)[len(self._window) // 2], False
