"""Faults of a scale, found in what it shows: from conversions, stable weights and door cycles to codes.

Nothing here looks at a clock: evidence is counted in *looks* (one power-up of the scale, as a rule every ten
minutes) and in *door cycles*. Each code has a level (`level.py`), so none flickers; what says nothing (a dead
scale about its noise) leaves it alone.

| code | evidence against the scale | raised | cleared |
|---|---|---|---|
| `scale-silent` | the driver had no conversion (now and then, or ever) | 2 (4) looks | 4 good looks |
| `scale-at-rail` | the driver: end of range | 2 (4) | 4 |
| `scale-garbled` | the driver: no exchange went well | 2 | 4 |
| `scale-stuck` | the same value to the bit, `stuck` times in a row | at once | 4 |
| `scale-no-excitation` | 0 V at the input, where there is a dead load | 2 | 4 |
| `scale-noisy` | neighbours differ by more than e/2, nobody at the bin | 12 net | 6 |
| `scale-jumps` | single values far off, single exchanges discarded | 4 in a row, 9 in 180 | 144 |
| `zero-drift` | change with closed doors; zero far off; below zero | 6 | 6 |
| `scale-contact` | no return to zero; door cycles that change nothing | see `cycle` | one that does |
| `scale-overload` | over Max + 9 e (OIML R 76-1, 4.2.3) | at once | 2 |

Why these limits. HX711 at 10 samples/s, gain 128: 50 to 90 nV rms, 33 to 60 counts, so that two neighbours
are equal with less than 1 %, and eight in a row once in 10^14 looks. Neighbours and not the whole window
measure the noise, since wind moves slowly and a bad contact does not: in a simulated gale two looks in five
are not stable, and one in a thousand is noisy. 0 V: within 0.1 % of the range, where a cell of 2 mV/V never
stands with a platform on it. A lost clock pulse shifts the bits of one value; a knock comes once a day, and
does not return within 100 ms. Drift: 1 % of Max summed up, less a leak of a sixteenth of that a day for
moisture and ageing; a class C3 cell moves 0.02 % per 10 K. Zero: half of the 4 % of Max within which it may
be set (R 76-1, 4.5.1). Rest after emptying: Min, 20 e; a scrap stays behind after one emptying in five, but
not after four in a row.
"""

from edge.measure.level import Levels

if False:  # for types
    from edge.measure.level import Change

DRIVER_CODES = "scale-silent scale-at-rail scale-garbled scale-stuck"

# code, gain of a bad look, loss by a good one, level at which it is raised (see `level.rows`).
# A jump in one look of 20 is found in 180, in one of 36 never.
LEVELS = """
scale-silent 1 1 4
scale-at-rail 1 1 4
scale-garbled 1 1 4
scale-stuck 4 1 4
scale-no-excitation 2 1 4
scale-noisy 1 2 12
scale-jumps 36 1 144
zero-drift 1 1 6
scale-contact 2 8 8
scale-overload 1 1 2
"""

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
        self._most = max_g * self._limit["drift_pm"] // 1000 * _SIXTEENTHS
        self._leak = max(1, self._most // (self._limit["drift_days"] * _LOOKS_A_DAY))
        self._levels = Levels(LEVELS, raised)
        self._last, self._same = 0, 0  # newest value, and how often it came in a row
        self._known, self._ref_g = 0, 0  # whether the mass at the last quiet look is known, and the mass
        self._sum = 0  # drift with closed doors, 1/16 g
        self._nothing = 0  # door cycles in a row that changed nothing
        self._rest = 0  # whether the last emptying left a rest, and nothing has changed since

    @property
    def raised(self) -> "list[str]":
        return self._levels.raised

    def state(self) -> "list[int]":
        """What must survive sleep."""
        rest = [self._last, self._same, self._known, self._ref_g, self._sum, self._nothing, self._rest]
        return rest + self._levels.state()

    def restore(self, state: "list[int] | None") -> None:
        """Take back what `state` gave; anything else is no state (another version's) and is left alone."""
        if state and len(state) == 7 + len(self._levels.state()):
            self._last, self._same, self._known, self._ref_g, self._sum, self._nothing, self._rest = state[:7]
            self._levels.restore(state[7:])

    def zeroed(self) -> None:
        """A crew has set zero or calibrated: what drifted before is settled."""
        self._sum, self._known = 0, 0

    # Evidence

    def look(self, look: Look) -> "list[Change]":
        """Take a look; the changes as (code, raised, detail), each once."""
        self._driver(look)
        if len(look.counts) >= 2:
            self._values(look)
        if look.gross_g is not None:
            self._overload(look.gross_g, 2)
            if look.quiet:
                self._drift(look.gross_g, look.zero_g)
        elif len(look.counts) >= _FEW:
            self._overload((median(look.counts) - self._zero) * self._e_g // self._e_counts, 1)
        if not look.quiet:
            self._known = 0  # what changes while somebody is there is no drift
        return self._levels.changes()

    def cycle(self, before_g: int, after_g: int, crew: bool, fill_pct: "int | None" = None) -> "list[Change]":
        """A door was opened and closed, both masses stable. Two signs of mechanical contact. Friction: after
        a crew's emptying there is no return to zero (four times in a row; below zero, twice; each cycle of a
        resident that changes nothing right after it counts as another one). A jam:
        nothing that goes in or out changes the weight (24 cycles in a row, of which a crew's counts 8, and
        one of a bay that is known not to be full 3: a full one is opened in vain many times).
        """
        levels, code = self._levels, "scale-contact"
        rest_g = self._limit["rest_e"] * self._e_g
        jam = self._nothing >= _NOTHING
        if crew and before_g - after_g >= 5 * rest_g and 4 * after_g < before_g:
            self._nothing, self._rest = 0, 1 if abs(after_g) > rest_g else 0
            if self._rest:
                levels.bad(code, "%d g after emptying" % after_g, 2 if after_g < 0 else 1)
            else:
                levels.good(code)
        elif abs(after_g - before_g) > self._e_g:  # two rounded weights may differ by one e and mean the same
            self._nothing = self._rest = 0
            if jam:
                levels.good(code)
        elif (crew and 10 * before_g >= self._max_g) or (not crew and (fill_pct or 0) < _FULL_PCT):
            self._nothing = min(_NOTHING, self._nothing + (8 if crew else 1 if fill_pct is None else 3))
            if self._nothing == _NOTHING:
                levels.bad(code, "door cycles in a row changed nothing", 4)
            elif self._rest and not crew:
                levels.bad(code, "a rest after emptying, and nothing changes it")
        return levels.changes()

    def _driver(self, look: Look) -> None:
        """What the driver itself said. An error now and then, among values, is a loose contact."""
        got = len(look.counts)
        for code in DRIVER_CODES.split():
            told = look.errors.get(code, 0)
            if code == "scale-stuck":
                told += self._equal(look.counts) and not self._dead(look.counts)
            elif code == "scale-garbled" and got > told:
                told = 0  # discarded and read again: a matter of `scale-jumps`
            if told:
                self._levels.bad(code, "%d of %d readings" % (told, told + got), 2 if got < 2 else 1)
            elif got >= 2:
                self._levels.good(code)

    def _dead(self, counts: "list[int]") -> bool:
        """0 V where the calibration knows a dead load: nothing feeds the bridge."""
        far = abs(self._zero) >= 4 * _ELECTRICAL_ZERO
        return far and bool(counts) and abs(median(counts)) <= _ELECTRICAL_ZERO

    def _equal(self, counts: "list[int]") -> bool:
        """Whether values were the same to the bit too often in a row, over looks if need be."""
        longest = 0
        for value in counts:
            self._same = min(self._same + 1, 99) if value == self._last else 1
            self._last = value
            longest = max(longest, self._same)
        return 0 < self._limit["stuck"] <= longest

    def _values(self, look: Look) -> None:
        """Dead, noisy, jumping: what the values say before they are a weight."""
        counts, e_counts, levels = look.counts, abs(self._e_counts), self._levels
        levels.judge("scale-no-excitation", self._dead(counts), "0 V at the input, whatever the load")
        if not look.quiet or len(counts) < _FEW:
            return
        much, most = noise(counts), max(2, self._limit["noise_e2"] * e_counts // 2)
        detail = "%d counts between neighbours, at most %d" % (much, most)
        levels.judge("scale-noisy", much > most, detail)
        wrong = jumps(counts, self._limit["jump_e"] * e_counts) if much <= most else 0
        wrong += look.errors.get("scale-garbled", 0)
        if wrong:
            detail = "%d of %d values" % (wrong, len(counts))
            levels.bad("scale-jumps", detail, min(wrong, _JUMPS_A_LOOK))
        else:
            levels.good("scale-jumps")

    def _drift(self, gross_g: int, zero_g: int) -> None:
        mass_g = gross_g + zero_g
        if self._known:
            self._sum += (mass_g - self._ref_g) * _SIXTEENTHS
        self._known, self._ref_g = 1, mass_g
        self._sum -= max(-self._leak, min(self._leak, self._sum))
        drift, zero = self._most, self._max_g * self._limit["zero_pm"] // 1000
        if "zero-drift" in self.raised:  # then half of the limits is still too much
            drift, zero = drift // 2, zero // 2
        below = gross_g < -self._limit["below_e"] * self._e_g
        far = abs(self._sum) > drift or abs(zero_g) > zero or below
        told = (self._sum // _SIXTEENTHS, zero_g, gross_g)
        self._levels.judge("zero-drift", far, "%d g with closed doors, zero %d g off, gross %d g" % told)

    def _overload(self, gross_g: int, weight: int) -> None:
        most = self._max_g + 9 * self._e_g
        if gross_g > most:
            self._levels.bad("scale-overload", "%d g, at most %d g" % (gross_g, most), weight)
        elif gross_g <= self._max_g:
            self._levels.good("scale-overload")
