"""Faults of a scale, found in what it shows: from conversions, stable weights and door cycles to codes.

Nothing here looks at a clock: evidence is counted in *looks* (one power-up of the scale, as a rule every ten
minutes) and in *door cycles*. Each code has a level. Bad evidence raises it, good evidence lowers it, what
says nothing (a dead scale about its noise) leaves it alone. A fault is raised when its level reaches the
limit and cleared when it is back at 0, so none flickers.

| code | evidence against the scale | raised | cleared |
|---|---|---|---|
| `scale-silent` | the driver had no conversion (now and then, or ever) | 2 (4) looks | 4 good looks |
| `scale-at-rail` | the driver: end of range | 2 (4) | 4 |
| `scale-garbled` | the driver: no exchange went well | 2 | 4 |
| `scale-stuck` | the same value to the bit, `stuck` times in a row | at once | 4 |
| `scale-no-excitation` | 0 V at the input, where there is a dead load | 2 | 4 |
| `scale-noisy` | neighbours differ by more than e/2, nobody at the bin | 36 net | 18 |
| `scale-jumps` | single values far off, single exchanges discarded | 4 in a row, 9 in 180 | 144 |
| `zero-drift` | change with closed doors; zero far off; below zero | 6 | 6 |
| `scale-contact` | no return to zero; door cycles that change nothing | see `cycle` | one that does |
| `scale-overload` | over Max + 9 e (OIML R 76-1, 4.2.3) | at once | 2 |

Why these limits. HX711 at 10 samples/s, gain 128: 50 to 90 nV rms, 33 to 60 counts, so that two neighbours
are equal with less than 1 %, and eight in a row once in 10^14 looks. Neighbours and not the whole window
measure the noise, since wind moves slowly and a bad contact does not. 0 V: within 0.1 % of the range, where
a cell of 2 mV/V never stands with a platform on it. A lost clock pulse shifts the bits of one value; a knock
comes once a day, and does not return within 100 ms. Drift: 1 % of Max summed up, less a leak of a sixteenth
of that a day for moisture and ageing; a class C3 cell moves 0.02 % per 10 K. Zero: half of the 4 % of Max
within which it may be set (R 76-1, 4.5.1). Rest after emptying: Min, 20 e; a scrap stays behind after one
emptying in five, but not after four in a row.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Change = tuple[str, bool, str]

DRIVER_CODES = ("scale-silent", "scale-at-rail", "scale-garbled", "scale-stuck")

# code: (level a good look takes away, level at which it is raised)
LEVELS = {
    "scale-silent": (1, 4),
    "scale-at-rail": (1, 4),
    "scale-garbled": (1, 4),
    "scale-stuck": (1, 4),
    "scale-no-excitation": (1, 4),
    "scale-noisy": (2, 36),
    "scale-jumps": (1, 144),
    "zero-drift": (1, 6),
    "scale-contact": (8, 8),
    "scale-overload": (1, 2),
}
CODES = tuple(sorted(LEVELS))

LIMITS = {
    "stuck": 8,  # equal values in a row; 0: never (a transmitter that filters and rounds)
    "noise_e2": 1,  # noise, in e/2
    "jump_e": 20,
    "drift_pm": 10,  # of Max, per mille
    "drift_days": 16,  # in which a drift of just the limit leaks away, at 144 looks a day
    "zero_pm": 20,
    "below_e": 10,
    "rest_e": 20,
}

_KEEP = 40  # conversions of a look
_FEW = 5  # fewer say nothing about noise
_ELECTRICAL_ZERO = 8192  # counts: 0.1 % of the range
_JUMP = 36  # level of one jump: one in 20 looks is found in 180, one in 36 never
_JUMPS_A_LOOK = 2  # more count no more: they may have one cause
_SIXTEENTHS = 16  # the sum of drift is kept in 1/16 g, so that its leak is at least one a look
_LOOKS_A_DAY = 144
_NOTHING = 24  # door cycles in a row without a change; see `cycle`
_FULL_PCT = 85


class Look:
    """What one power-up of the scale showed. `quiet`: nobody is at the bin.

    `gross_g`: the stable mass over the present zero, None when it was not stable. `zero_g`: how far the
    present zero lies from the calibration's.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.gross_g: "int | None" = None
        self.zero_g = 0
        self.counts: "list[int]" = []
        self.errors: "dict[str, int]" = {}

    def conversion(self, counts: int) -> None:
        self.counts.append(counts)
        if len(self.counts) > _KEEP:
            self.counts.pop(0)

    def error(self, code: str) -> None:
        self.errors[code] = self.errors.get(code, 0) + 1


def median(values: "list[int]") -> int:
    return sorted(values)[len(values) // 2]


def noise(counts: "list[int]") -> int:
    """Median of the differences between neighbours, in counts: 0.95 sigma of white noise; slow movement and
    single jumps hardly show.
    """
    return median([abs(counts[at] - counts[at - 1]) for at in range(1, len(counts))])


def jumps(counts: "list[int]", least: int) -> int:
    """How many values are farther than `least` from both neighbours, which agree with each other."""
    found = 0
    for at in range(1, len(counts) - 1):
        before, here, after = counts[at - 1], counts[at], counts[at + 1]
        if min(abs(here - before), abs(here - after)) > least and abs(before - after) <= least // 4:
            found += 1
    return found


class Diagnosis:
    """One scale's faults. `e_counts`: counts that one e makes (negative: cell upside down); `zero_counts`:
    the calibration's, at no load; `raised`: the codes that are raised already; `limits`: what differs from
    LIMITS.
    """

    def __init__(
        self,
        e_g: int,
        max_g: int,
        e_counts: int,
        zero_counts: int,
        raised: "list[str] | tuple[str, ...]" = (),
        limits: "dict[str, int] | None" = None,
    ) -> None:
        self._e_g, self._max_g = e_g, max_g
        self._e_counts = e_counts or 1
        self._zero = zero_counts
        self._limit = dict(LIMITS)
        self._limit.update(limits or {})
        self._drift = max_g * self._limit["drift_pm"] // 1000 * _SIXTEENTHS
        self._leak = max(1, self._drift // (self._limit["drift_days"] * _LOOKS_A_DAY))
        self.raised = [code for code in raised if code in LEVELS]
        self._level = {code: LEVELS[code][1] if code in self.raised else 0 for code in CODES}
        self._last, self._same = 0, 0  # newest value, and how often it came in a row
        self._known, self._ref_g = 0, 0  # whether the mass at the last quiet look is known, and the mass
        self._sum = 0  # drift with closed doors, 1/16 g
        self._nothing = 0  # door cycles in a row that changed nothing

    def state(self) -> "list[int]":
        """What must survive sleep."""
        rest = [self._last, self._same, self._known, self._ref_g, self._sum, self._nothing]
        return [self._level[code] for code in CODES] + rest

    def restore(self, state: "list[int] | None") -> None:
        """Take back what `state` gave; anything else is no state (another version's) and is left alone."""
        if not state or len(state) != len(CODES) + 6:
            return
        for at, code in enumerate(CODES):
            self._level[code] = max(0, min(state[at], LEVELS[code][1]))
        self._last, self._same, self._known, self._ref_g, self._sum, self._nothing = state[len(CODES) :]

    def zeroed(self) -> None:
        """A crew has set zero or calibrated: what drifted before is settled."""
        self._sum, self._known = 0, 0

    # Evidence

    def look(self, look: Look) -> "list[Change]":
        """Take a look; the changes as (code, raised, detail), each once."""
        changes = list(self._driver(look))
        if len(look.counts) >= 2:
            changes += self._values(look)
        if look.gross_g is not None:
            changes += self._weight(look.gross_g, look.zero_g, look.quiet)
        elif len(look.counts) >= _FEW:
            changes += self._overload((median(look.counts) - self._zero) * self._e_g // self._e_counts, 1)
        if not look.quiet:
            self._known = 0  # what changes while somebody is there is no drift
        return changes

    def cycle(self, before_g: int, after_g: int, crew: bool, fill_pct: "int | None" = None) -> "list[Change]":
        """A door was opened and closed, both masses stable. Two signs of mechanical contact. Friction: after
        a crew's emptying there is no return to zero (four times in a row; below zero, twice). A jam:
        nothing that goes in or out changes the weight (24 cycles in a row, of which a crew's counts 8, and
        one of a bay that is known not to be full 3: a full one is opened in vain many times).
        """
        rest_g = self._limit["rest_e"] * self._e_g
        net_g = after_g - before_g
        jam = self._nothing >= _NOTHING
        if crew and net_g <= -5 * rest_g and 4 * after_g < before_g:
            self._nothing = 0
            gain = 4 if after_g < -rest_g else 2 if after_g > rest_g else -1
            return list(self._judge("scale-contact", gain, "%d g after emptying" % after_g))
        if abs(net_g) > self._e_g:  # two rounded weights may differ by one e and mean the same
            self._nothing = 0
            return list(self._judge("scale-contact", -1 if jam else 0, ""))
        if crew and 10 * before_g < self._max_g:
            return []  # they looked in, and there was little
        if not crew and fill_pct is not None and fill_pct >= _FULL_PCT:
            return []
        self._nothing = min(_NOTHING, self._nothing + (8 if crew else 1 if fill_pct is None else 3))
        gain = 8 if self._nothing == _NOTHING else 0
        return list(self._judge("scale-contact", gain, "door cycles in a row changed nothing"))

    def _driver(self, look: Look) -> "Iterator[Change]":
        """What the driver itself said. An error now and then, among values, is a loose contact."""
        got = len(look.counts)
        for code in DRIVER_CODES:
            told = look.errors.get(code, 0)
            if code == "scale-stuck":
                told += self._equal(look.counts) and not self._dead(look.counts)
            elif code == "scale-garbled" and got > told:
                told = 0  # discarded and read again: a matter of `scale-jumps`
            if told:
                gain = 4 if code == "scale-stuck" else 2 if got < 2 else 1
                yield from self._judge(code, gain, "%d of %d readings" % (told, told + got))
            elif got >= 2:
                yield from self._judge(code, -1, "")

    def _dead(self, counts: "list[int]") -> bool:
        """0 V where the calibration knows a dead load: nothing feeds the bridge."""
        far = abs(self._zero) >= 4 * _ELECTRICAL_ZERO
        return far and bool(counts) and abs(median(counts)) <= _ELECTRICAL_ZERO

    def _equal(self, counts: "list[int]") -> int:
        """1 when values were the same to the bit too often in a row, over looks if need be."""
        longest = 0
        for value in counts:
            self._same = min(self._same + 1, 99) if value == self._last else 1
            self._last = value
            longest = max(longest, self._same)
        return 1 if counts and 0 < self._limit["stuck"] <= longest else 0

    def _values(self, look: Look) -> "Iterator[Change]":
        counts, e_counts = look.counts, abs(self._e_counts)
        gain = 2 if self._dead(counts) else -1
        yield from self._judge("scale-no-excitation", gain, "0 V at the input, whatever the load")
        if not look.quiet or len(counts) < _FEW:
            return
        much, most = noise(counts), max(2, self._limit["noise_e2"] * e_counts // 2)
        detail = "%d counts between neighbours, at most %d" % (much, most)
        yield from self._judge("scale-noisy", 1 if much > most else -1, detail)
        wrong = jumps(counts, self._limit["jump_e"] * e_counts) if much <= most else 0
        wrong += look.errors.get("scale-garbled", 0)
        gain = _JUMP * min(wrong, _JUMPS_A_LOOK) if wrong else -1
        yield from self._judge("scale-jumps", gain, "%d of %d values" % (wrong, len(counts)))

    def _weight(self, gross_g: int, zero_g: int, quiet: bool) -> "Iterator[Change]":
        yield from self._overload(gross_g, 2)
        if not quiet:
            return
        mass_g = gross_g + zero_g
        if self._known:
            self._sum += (mass_g - self._ref_g) * _SIXTEENTHS
        self._known, self._ref_g = 1, mass_g
        self._sum -= max(-self._leak, min(self._leak, self._sum))
        raised = "zero-drift" in self.raised
        # Once raised, half of the limits is still too much.
        drift, zero = self._drift, self._max_g * self._limit["zero_pm"] // 1000
        if raised:
            drift, zero = drift // 2, zero // 2
        below = gross_g < -self._limit["below_e"] * self._e_g
        far = abs(self._sum) > drift or abs(zero_g) > zero or below
        detail = "%d g with closed doors, zero %d g off, gross %d g" % (
            self._sum // _SIXTEENTHS, zero_g, gross_g,
        )  # fmt: skip
        yield from self._judge("zero-drift", 1 if far else -1, detail)

    def _overload(self, gross_g: int, gain: int) -> "Iterator[Change]":
        most = self._max_g + 9 * self._e_g
        if gross_g > most:
            yield from self._judge("scale-overload", gain, "%d g, at most %d g" % (gross_g, most))
        elif gross_g <= self._max_g:
            yield from self._judge("scale-overload", -1, "")

    def _judge(self, code: str, gain: int, detail: str) -> "Iterator[Change]":
        """Evidence: `gain` above 0 is bad, below 0 good (the code's own loss), 0 says nothing."""
        loss, limit = LEVELS[code]
        level = self._level[code] + (gain if gain > 0 else -loss if gain < 0 else 0)
        level = self._level[code] = max(0, min(limit, level))
        if level == limit and code not in self.raised:
            self.raised.append(code)
            yield code, True, detail
        elif level == 0 and code in self.raised:
            self.raised.remove(code)
            yield code, False, ""
