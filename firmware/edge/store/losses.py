"""Which numbers of a log are lost: runs (first, last), ascending, merged, bounded. Pure."""

SIZE = 16


class Losses:
    """The lowest SIZE runs; what is beyond is met again once they are settled."""

    def __init__(self) -> None:
        self._runs: "list[tuple[int, int]]" = []

    def above(self, acked: int) -> "list[tuple[int, int]]":
        """What of them lies above `acked`."""
        return [(max(first, acked + 1), last) for first, last in self._runs if last > acked]

    def settle(self, acked: int) -> None:
        """What lies at or below `acked` need not be known any longer."""
        self._runs = self.above(acked)

    def add(self, first: int, last: int) -> bool:
        """Whether that was news."""
        for known, upto in self._runs:
            if known <= first and last <= upto:
                return False
        merged: "list[tuple[int, int]]" = []
        for a, b in sorted(self._runs + [(first, last)]):
            if merged and a <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        self._runs = merged[:SIZE]
        return True
