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
_ENTER_PCT = (101, 45, 25, 15)
_LEAVE_PCT = (0, 55, 33, 22)
_STRETCH = (1, 2, 6, 12)
_LONGEST_MS = 6 * 3_600_000
_RADIO_MS = (0, 3 * 3_600_000, 12 * 3_600_000, 24 * 3_600_000)
_THIN = (1, 1, 2, 4)
_AWAKE_MS = (180_000, 150_000, 130_000, 120_000)  # a look at four bays, and an upload that is cut off
_NEWS = ("deposit collect fault boot forced", "fault boot forced", "forced overheated", "overheated")


class Policy:
    """`level`: the name in force; `changed`: it was entered at the last `take`."""

    def __init__(self, level: str = "normal") -> None:
        self._at = LEVELS.index(level) if level in LEVELS else 0
        self.changed = False

    @property
    def level(self) -> str:
        return LEVELS[self._at]

    def take(self, left_pct: "int | None") -> str:
        """Judge anew; the level in force now."""
        before = self._at
        if left_pct is None:
            self._at = 0
        else:
            for at in range(self._at + 1, len(LEVELS)):
                if left_pct < _ENTER_PCT[at]:
                    self._at = at
            if self._at == before and before and left_pct >= _LEAVE_PCT[before]:
                self._at -= 1
        self.changed = self._at != before
        return self.level

    def wake_ms(self, set_ms: int) -> int:
        """Time between two looks, for one that is set to `set_ms`."""
        return max(set_ms, min(set_ms * _STRETCH[self._at], _LONGEST_MS))

    @property
    def radio_ms(self) -> int:
        """Least time between two uploads without news; 0: as the settings say."""
        return _RADIO_MS[self._at]

    @property
    def thin(self) -> int:
        """Every how many looks the readings are taken and written."""
        return _THIN[self._at]

    @property
    def awake_ms(self) -> int:
        """How long a wake may last in which nobody visits and nobody services."""
        return _AWAKE_MS[self._at]

    def is_news(self, kind: str) -> bool:
        """Whether a record of this kind is worth switching the radio on for at once."""
        return kind in _NEWS[self._at].split()
