"""The ledger of energy: what each consumer took, in mJ, day by day. Pure.

Consumers are data of the board file; a time is all that is counted. Of each, as it applies:

| key | takes |
|---|---|
| `awake_uw` | while the chip is awake |
| `sleep_uw` | while it sleeps deeply |
| `on_uw` | while its supply is switched on |
| `pull_mj` | each time it is driven (a bolt's motor) |

So a day adds up, and every mWh has a name. Not counted: the time without supply after a power cut (nobody
was there to count), and what a broken part takes beyond its data sheet: the gauge of the battery sees that.
"""

from edge.measure.integer import divide

DAY_MS = 86_400_000
_MJ_PER_MWH = 3600
_KEYS = ("awake_uw", "sleep_uw", "on_uw", "pull_mj")

if False:  # for types
    Draws = dict[str, dict[str, int]]


class Ledger:
    """`draws`: by consumer, see the module. `state`: what `state` gave (of the same consumers, else it begins
    anew).

    `day`: mWh of each in the last full day, {} until there was one; `days`: how many were closed; `total_mj`:
    of all that was ever booked.
    """

    def __init__(self, draws: "Draws", state: "list | None" = None) -> None:
        for name in draws:
            for key in draws[name]:
                if key not in _KEYS:
                    raise ValueError("energy: %s of %s, expected %s" % (key, name, " ".join(_KEYS)))
        self.draws = draws
        self._names = sorted(draws)
        self._mj = [0] * len(self._names)
        self._day_mwh: "list[int]" = []
        self._counted_ms = 0  # of the running day
        self.days = 0
        self.total_mj = 0
        if state and len(state) == 5 and len(state[0]) == len(self._names):
            self._mj, self._day_mwh = list(state[0]), list(state[1])
            self._counted_ms, self.days, self.total_mj = state[2], state[3], state[4]

    def state(self) -> "list[object]":
        """JSON-ready."""
        return [self._mj, self._day_mwh, self._counted_ms, self.days, self.total_mj]

    def book(
        self,
        awake_ms: int,
        slept_ms: int = 0,
        on_ms: "dict[str, int] | None" = None,
        pulls: "dict[str, int] | None" = None,
    ) -> int:
        """Add what was used in `slept_ms` of sleep and `awake_ms` awake, with each consumer `on_ms` under
        supply and driven `pulls` times; what that is in mJ. Closes the day when it is over.
        """
        used = 0
        for place, name in enumerate(self._names):
            draw = self.draws[name]
            uj = awake_ms * draw.get("awake_uw", 0) + slept_ms * draw.get("sleep_uw", 0)
            uj += (on_ms or {}).get(name, 0) * draw.get("on_uw", 0)
            mj = divide(uj, 1_000_000) + (pulls or {}).get(name, 0) * draw.get("pull_mj", 0)
            self._mj[place] += mj
            used += mj
        self.total_mj += used
        self._counted_ms += awake_ms + slept_ms
        if self._counted_ms >= DAY_MS:
            self._close()
        return used

    def _close(self) -> None:
        """What was counted becomes one day's: it ends at the first look after 24 h, a little late."""
        span_ms = self._counted_ms
        self._day_mwh = [divide(mj * (DAY_MS // 1000), _MJ_PER_MWH * (span_ms // 1000)) for mj in self._mj]
        self._mj = [0] * len(self._names)
        self._counted_ms = 0
        self.days += 1

    @property
    def day(self) -> "dict[str, int]":
        return {name: self._day_mwh[place] for place, name in enumerate(self._names) if self._day_mwh}
