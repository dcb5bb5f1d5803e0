"""The zero of a scale: kept over reboots with its time, temperature and cause, and moved only as R 76-1
(4.5) allows.

    cause        when                                                      how far
    calibration  a calibration is new                                      -
    initial      a crew sets the bin up (never at boot)                    20 % of Max from the calibration's
    crew         a crew says that the bay is empty                         4 % of Max from the initial zero
    automatic    stable and below zero for 5 s                             the same
    tracking     stable, indicating zero, at most 0.5 d in a second        1 e, and 1 e for every 5 degrees C,
                 and 0.25 e at once (so much may a power cut undo)         from what a crew set last

Each is taken only from a reading that moved by at most 0.25 e while it was taken (4.5.2). The last limit is
stricter than R 76 (4 % of Max): without it, things that weigh less than half an interval, put in one after
the other, would each be tracked away, and zero would follow the load. What is beyond it is no drift: R 76
(3.9.2.3) allows no more.

All counts here are `reduced` (see calibration.py), so a zero that was taken in the cold is right in the heat.
"""

from edge.measure.calibration import Calibration

BELOW_MS = 5000
CREW_PERCENT = 4
INITIAL_PERCENT = 20
DRIFT_DC = 50  # one more interval of tracking for each such change of temperature
FINE = 10  # a move of less than e/10 is not worth a flash write

CAUSES = "calibration initial crew automatic tracking"


def _state(cal: Calibration, kept: object) -> "list[int] | None":
    """A kept state that belongs to this calibration and can be true; else None."""
    if not isinstance(kept, list) or len(kept) != 8 or kept[0] != cal.cal:
        return None
    state = kept[1:]
    for value in state:
        if not isinstance(value, int):
            return None
    reach_mg = 10 * cal.max_g * (INITIAL_PERCENT + CREW_PERCENT)
    if abs(cal.mg(state[0], cal.zero)) > reach_mg or not 0 <= state[4] < len(CAUSES.split()):
        return None
    return state


class Zero:
    """`counts`: in force. `when_ms`: of the last move (0: not known), `temp_dc` (None: not known), `cause`.
    `base`: what a crew (or the calibration) set last; `initial`: the middle of the range.

    `kept`: what `state` gave, or None; one that belongs to another calibration is not used.
    """

    def __init__(self, cal: Calibration, kept: object = None) -> None:
        self._cal = cal
        found = _state(cal, kept)
        self.fresh = found is None
        if found is None:
            found = [cal.zero, cal.zero, cal.zero, 0, 0, _pack(cal.temp_dc), _pack(cal.temp_dc)]
        self.counts, self.base, self.initial, self.when_ms, cause, temp, base_temp = found
        self.cause = CAUSES.split()[cause]
        self.temp_dc = _unpack(temp)
        self._base_temp_dc = _unpack(base_temp)

    def state(self) -> "list[object]":
        """For the durable store. What is stored is in force; so it is stored first (see `app/scale.py`)."""
        return [
            self._cal.cal,
            self.counts,
            self.base,
            self.initial,
            self.when_ms,
            CAUSES.split().index(self.cause),
            _pack(self.temp_dc),
            _pack(self._base_temp_dc),
        ]

    def drift_g(self) -> int:
        """How far the zero in force lies from the calibration's, in grams."""
        return self._cal.mg(self.counts, self._cal.zero) // 1000

    def track(self, reading: int, spread: int, stable_ms: int, temp_dc: "int | None", when_ms: int) -> bool:
        """Follow a slow drift; whether zero moved. `reading`: mean of a stable window of `stable_ms`."""
        cal = self._cal
        off = reading - self.counts
        if 2 * abs(off) > cal.e_counts or not self._accurate(spread):
            return False
        most = min(cal.counts(500 * cal.d_g * stable_ms // 1000), cal.e_counts // 4)
        # Not beyond the reach. Where zero is beyond it already (set automatically, or it got colder again) it
        # may come back, as slowly as ever, and is not pushed.
        reach = self._reach(temp_dc)
        if off > 0:
            move = min(off, most, max(0, self.base + reach - self.counts))
        else:
            move = max(off, -most, min(0, self.base - reach - self.counts))
        if abs(move) * FINE < cal.e_counts:
            return False
        self._move(self.counts + move, "tracking", temp_dc, when_ms)
        return True

    def _reach(self, temp_dc: "int | None") -> int:
        """How far tracking may lead from what was set."""
        e_counts = self._cal.e_counts
        if temp_dc is None or self._base_temp_dc is None:
            return e_counts
        return e_counts + e_counts * abs(temp_dc - self._base_temp_dc) // DRIFT_DC

    def automatic(
        self, reading: int, spread: int, below_ms: int, temp_dc: "int | None", when_ms: int
    ) -> bool:
        """Take a reading that has been stable below zero for `below_ms`; whether it was taken."""
        below = self._cal.mg(reading, self.counts) < 0
        if not below or below_ms < BELOW_MS or not self._accurate(spread):
            return False
        if not self._within(reading, self.initial, CREW_PERCENT):
            return False
        self._move(reading, "automatic", temp_dc, when_ms)
        return True

    def by_crew(self, reading: int, spread: int, temp_dc: "int | None", when_ms: int) -> None:
        """The crew says that the bay is empty. Errors: ValueError."""
        self._set(reading, spread, self.initial, CREW_PERCENT)
        self._move(reading, "crew", temp_dc, when_ms)
        self.base, self._base_temp_dc = reading, temp_dc

    def by_setup(self, reading: int, spread: int, temp_dc: "int | None", when_ms: int) -> None:
        """The initial zero, when a bin is set up or gets another platform. Errors: ValueError."""
        self._set(reading, spread, self._cal.zero, INITIAL_PERCENT)
        self._move(reading, "initial", temp_dc, when_ms)
        self.base = self.initial = reading
        self._base_temp_dc = temp_dc

    def _set(self, reading: int, spread: int, middle: int, percent: int) -> None:
        cal = self._cal
        if not self._accurate(spread):
            raise ValueError("the reading moves by more than a quarter of e; wait until it is quiet")
        if not self._within(reading, middle, percent):
            raise ValueError(
                "%d g from the middle of the range; at most %d %% of Max, %d g"
                % (cal.mg(reading, middle) // 1000, percent, cal.max_g * percent // 100)
            )

    def _accurate(self, spread: int) -> bool:
        return 4 * spread <= self._cal.e_counts

    def _within(self, reading: int, middle: int, percent: int) -> bool:
        return abs(self._cal.mg(reading, middle)) <= 10 * self._cal.max_g * percent

    def _move(self, counts: int, cause: str, temp_dc: "int | None", when_ms: int) -> None:
        self.counts, self.cause, self.temp_dc, self.when_ms = counts, cause, temp_dc, when_ms


_UNKNOWN_DC = -32_768


def _pack(temp_dc: "int | None") -> int:
    return _UNKNOWN_DC if temp_dc is None else temp_dc


def _unpack(temp_dc: int) -> "int | None":
    return None if temp_dc == _UNKNOWN_DC else temp_dc
