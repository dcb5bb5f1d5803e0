"""What a bin does without when its battery runs low. Pure: charge in, level out.

| level | from | until | wakes | readings | radio | awake at most |
|---|---|---|---|---|---|---|
| `normal` | | 45 % | as set | each look | as set; at once with news | 180 s |
| `saver` | 45 % | back at 55 % | twice as seldom | each look | once in 3 h; at once with a fault | 150 s |
| `survival` | 25 % | back at 33 % | 6 times | every other look | 12 h; at once on force or fire | 130 s |
| `dark` | 15 % | back at 22 % | 12 times, 6 h at most | every fourth look | once in 24 h | 120 s |

The door opens and a visit is weighed at every level; that ends only where the battery could not carry a
bolt home (`measure.supply`). Percent are of what can be taken out now, so the cold counts. A charge that is
not known (nothing measures it: mains) is `normal`. A level falls at once, as far as the charge says; it rises
one step a look. Entering a level is told while the radio may still be used, so nobody calls the bin dead.
"""

LEVELS = ("normal", "saver", "survival", "dark")
# Of each level: entered below (%), left again from (%), wakes so much more seldom, least hours between two
# uploads without news, readings every so many looks, awake at most (s: a look at four bays, and an upload
# that is cut off), and the kinds of record that are news.
_TABLE = (
    "101 0 1 0 1 180 deposit collect fault boot forced",
    "45 55 2 3 1 150 fault boot forced",
    "25 33 6 12 2 130 forced overheated",
    "15 22 12 24 4 120 overheated",
)
_LONGEST_MS = 6 * 3_600_000


class Policy:
    """`level`: the name in force; `changed`: it was entered at the last `take`.

    `radio_ms`: least time between two uploads without news; 0: as the settings say. `thin`: every how many
    looks the readings are taken and written. `awake_ms`: how long a wake may last in which nobody visits and
    nobody services.
    """

    def __init__(self, level: str = "normal") -> None:
        self.changed = False
        self._enter(LEVELS.index(level) if level in LEVELS else 0)

    def _enter(self, at: int) -> None:
        row = _TABLE[at].split()
        self._at, self.level = at, LEVELS[at]
        self._stretch = int(row[2])
        self.radio_ms = int(row[3]) * 3_600_000
        self.thin = int(row[4])
        self.awake_ms = int(row[5]) * 1000
        self._news = row[6:]

    def take(self, left_pct: "int | None") -> str:
        """Judge anew; the level in force now."""
        before = at = self._at
        if left_pct is None:
            at = 0
        else:
            for lower in range(before + 1, len(LEVELS)):
                if left_pct < int(_TABLE[lower].split()[0]):
                    at = lower
            if at == before and before and left_pct >= int(_TABLE[before].split()[1]):
                at -= 1
        self.changed = at != before
        self._enter(at)
        return self.level

    def wake_ms(self, set_ms: int) -> int:
        """Time between two looks, for one that is set to `set_ms`."""
        return max(set_ms, min(set_ms * self._stretch, _LONGEST_MS))

    def is_news(self, kind: str) -> bool:
        """Whether a record of this kind is worth switching the radio on for at once."""
        return kind in self._news
