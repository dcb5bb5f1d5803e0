"""How true a clock is: a bound on its error that grows, and what to make of a time that a source offers.

The ladder, best first: `gnss`, `ntp` (set from there within the last hour), `rtc` (set once, running on by
itself since), `none` (never set since power came on).

The bound is what the source was wrong at most when the clock was set, and since then the worst that the
crystal can do. That of deep sleep is the worse one (awake the 40 MHz crystal counts, within 10 ppm): a
32.768 kHz tuning fork, figures of the Epson FC-135 data sheet: within 20 ppm at 25 °C, a parabola of at most
0.04 ppm/°C² about a turnover at 25 ± 5 °C, ageing 3 ppm in the first year; the rest of the constant is ageing
of later years and the oscillator's load capacitors. It runs as the worst of the temperatures at both ends of
a stretch; where none is known, as at -30 or 80 °C.

Rules. (1) A time outside FLOOR_MS … CEILING_MS is nobody's. (2) While nothing is known any source is taken.
(3) A time agrees when it differs by no more than both errors. Of those that agree a source at least as high
is taken, and a lower one when its error is the smaller. (4) A time that contradicts a higher source is not
taken. (5) A time that contradicts the clock otherwise needs a second witness: `sure` (its source has one), or
the same again from the same source. (6) An error below STEP_MS is not stepped away, it is added to the bound.
"""

FLOOR_MS = 1_735_689_600_000  # 2025-01-01: older than this code; a receiver whose weeks rolled over says less
CEILING_MS = 4_102_444_800_000  # 2100-01-01
FRESH_MS = 3_600_000
STEP_MS = 500  # within what a UART and a radio add
AGREE_MS = 1000  # two offers that name the same moment to this are one, however long the line took
RANK = {"none": 0, "rtc": 1, "ntp": 2, "gnss": 3}
_CONSTANT_PPM = 30
_TURNOVER_DC = 250
_TURNOVER_SPREAD_DC = 50
_COLD_DC, _HOT_DC = -300, 800


def drift_ppm(temp_dc: "int | None") -> int:
    """The most that the crystal is fast or slow at a temperature in 0.1 °C (None: not known)."""
    if temp_dc is None:
        return max(drift_ppm(_COLD_DC), drift_ppm(_HOT_DC))
    away = abs(temp_dc - _TURNOVER_DC) + _TURNOVER_SPREAD_DC
    return _CONSTANT_PPM + (away * away * 4 + 9999) // 10_000  # 0.04 ppm/°C² of (0.1 °C)², rounded up


class Bound:
    """The bound of a clock's error. Times in ms of that clock, errors inside in microseconds."""

    def __init__(self, at_ms: int, error_us: int, temp_dc: "int | None" = None) -> None:
        self._at_ms = at_ms
        self._us = error_us
        self._temp_dc = temp_dc

    def error_us(self, now_ms: int, temp_dc: "int | None" = None) -> int:
        """What the clock is wrong at most at `now_ms`, in µs; it never gets smaller by waiting."""
        ppm = drift_ppm(self._temp_dc)
        if temp_dc is not None:
            ppm = max(ppm, drift_ppm(temp_dc))
        elapsed = max(0, now_ms - self._at_ms)
        return self._us + (elapsed * ppm + 999) // 1000

    def feel(self, now_ms: int, temp_dc: "int | None") -> None:
        """The temperature at this moment: what ran until now is settled."""
        self._us = self.error_us(now_ms, temp_dc)
        self._at_ms = max(now_ms, self._at_ms)
        self._temp_dc = temp_dc

    def state(self) -> "list[int | None]":
        """What makes the same bound again: `Bound(*state)`."""
        return [self._at_ms, self._us, self._temp_dc]


class Offer:
    """What came of a time that was offered.

    `taken`: the clock is to be set. `first`: it ends `none`: records made until now can be dated back by
    `step_ms`. `step_ms`: what is to be added to the clock, 0: leave it (rule 6). `off_ms`: how far the time
    is from the clock. `contradicts`: further than both errors allow.
    """

    def __init__(self, source: str, error_ms: int, off_ms: int) -> None:
        self.source = source
        self.error_ms = error_ms
        self.off_ms = off_ms
        self.step_ms = 0
        self.taken = self.first = self.contradicts = False

    @property
    def jumped(self) -> bool:
        """Whether the clock was wrong by more than its bound, and is set right."""
        return self.taken and self.contradicts

    @property
    def doubted(self) -> bool:
        """Whether the time was refused because it contradicts."""
        return self.contradicts and not self.taken


class Judge:
    """Weighs offers. Remembers one that waits for its second witness."""

    def __init__(self) -> None:
        self._doubt = ("", 0)  # source, and its time less the clock's

    def weigh(
        self, held: str, bound_ms: "int | None", off_ms: int, source: str, error_ms: int, sure: bool
    ) -> Offer:
        """`held`: the clock's rung now; `bound_ms`: of its error, None with `none`; `off_ms`: the offered
        time less the clock's.
        """
        offer = Offer(source, error_ms, off_ms)
        before, self._doubt = self._doubt, ("", 0)
        if bound_ms is None:
            offer.taken = offer.first = True
            offer.step_ms = off_ms
            return offer
        offer.contradicts = abs(off_ms) > bound_ms + error_ms
        higher = RANK[source] >= RANK[held]
        if not offer.contradicts:
            offer.taken = higher or error_ms + abs(off_ms) < bound_ms
        elif higher:
            offer.taken = sure or (before[0] == source and abs(before[1] - off_ms) <= AGREE_MS)
            if not offer.taken:
                self._doubt = (source, off_ms)
        if offer.taken and abs(off_ms) > STEP_MS:
            offer.step_ms = off_ms
        return offer


def plausible(utc_ms: int, floor_ms: int = FLOOR_MS) -> bool:
    """Rule 1. `floor_ms`: where the settings have another."""
    return floor_ms <= utc_ms < CEILING_MS
