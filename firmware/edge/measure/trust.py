"""How true a clock is: the ladder of sources, and a bound on its error that grows. What to make of a time
that a source offers is in `witness`.

The ladder, best first: `gnss`, `ntp` (set from there within the last hour), `rtc` (set once, running on by
itself since), `none` (never set since power came on).

The bound is what the source was wrong at most when the clock was set, and since then the worst that the
crystal can do. That of deep sleep is the worse one (awake the 40 MHz crystal counts, within 10 ppm): a
32.768 kHz tuning fork, figures of the Epson FC-135 data sheet: within 20 ppm at 25 °C, a parabola of at most
0.04 ppm/°C² about a turnover at 25 ± 5 °C, ageing 3 ppm in the first year; the rest of the constant is ageing
of later years and the oscillator's load capacitors. It runs as the worst of the temperatures at both ends of
a stretch; where none is known, as at -30 or 80 °C.
"""

FLOOR_MS = 1_735_689_600_000  # 2025-01-01: older than this code; a receiver whose weeks rolled over says less
CEILING_MS = 4_102_444_800_000  # 2100-01-01
FRESH_MS = 3_600_000
STEP_MS = 500  # within what a UART and a radio add
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


def plausible(utc_ms: int, floor_ms: int = FLOOR_MS) -> bool:
    """Rule 1 (`witness`). `floor_ms`: where the settings have another."""
    return floor_ms <= utc_ms < CEILING_MS
