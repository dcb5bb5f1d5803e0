"""Faults with hysteresis: each code has a level that bad evidence raises and good evidence lowers.

A fault is raised when its level reaches the limit and cleared when it is back at 0, each told once. What
says nothing is not given, and changes nothing.
"""

if False:  # for types
    from collections.abc import Sequence

    Change = tuple[str, bool, str]  # code, raised (False: cleared), detail


def rows(table: str) -> "dict[str, tuple[int, int, int]]":
    """A table of lines "code gain loss limit" by code: gain of bad evidence, loss by good evidence, and the
    limit.
    """
    found = {}
    for line in table.strip().split("\n"):
        code, gain, loss, limit = line.split()
        found[code] = (int(gain), int(loss), int(limit))
    return found


class Levels:
    """`table`: see `rows`. `raised`: codes that are raised already; those that are not in the table are
    somebody else's.
    """

    def __init__(self, table: str, raised: "Sequence[str]" = ()) -> None:
        self._table = rows(table)
        self._codes = sorted(self._table)
        self._level = {code: self._table[code][2] if code in raised else 0 for code in self._codes}
        self._changes: "list[Change]" = []
        self.raised = [code for code in self._codes if code in raised]

    def bad(self, code: str, detail: str, weight: int = 1) -> None:
        """Evidence for the fault, `weight` times the code's gain."""
        gain, _, limit = self._table[code]
        self._level[code] = min(limit, self._level[code] + gain * weight)
        if self._level[code] == limit and code not in self.raised:
            self.raised.append(code)
            self._changes.append((code, True, detail))

    def good(self, code: str) -> None:
        """Evidence against it."""
        self._level[code] = max(0, self._level[code] - self._table[code][1])
        if self._level[code] == 0 and code in self.raised:
            self.raised.remove(code)
            self._changes.append((code, False, ""))

    def judge(self, code: str, bad: bool, detail: str) -> None:
        self.bad(code, detail) if bad else self.good(code)

    def changes(self) -> "list[Change]":
        """What changed since this was last asked."""
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> "list[int]":
        """What must survive sleep, in the order of the codes; `raised` is told by whoever records faults."""
        return [self._level[code] for code in self._codes]

    def restore(self, state: "list[int]") -> None:
        """Take back what `state` gave. What is raised was told before: a level alone raises or clears
        nothing, so it stays above 0, or below the limit.
        """
        for at, code in enumerate(self._codes):
            limit = self._table[code][2]
            least, most = (1, limit) if code in self.raised else (0, limit - 1)
            self._level[code] = max(least, min(most, state[at]))
