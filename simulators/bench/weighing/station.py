"""One scale of the simulated world under the firmware's own engine, conversion by conversion."""

from edge.measure.calibration import Calibration
from edge.measure.diagnosis import Look
from edge.measure.weighing import Weigher, Weighing
from edge.measure.zero import BELOW_MS, Zero

from simulators.world.build import BIN_E_G, BIN_MAX_G, load_cell
from simulators.world.calibrate import calibration
from simulators.world.cell import counts
from simulators.world.kernel import Kernel, Part, Stream
from simulators.world.power import Climate
from simulators.world.scale import Scale
from simulators.world.sway import CALM, SwaySpec
from simulators.world.weather import Weather

NOW_MS = 1_774_800_000_000
RATED_G = 100_000
_HOUR_MS = 3_600_000
_PERIOD_MS = 100
_SETTLE_MS = 400  # of the HX711 after power comes on
_BELOW_MORE_MS = BELOW_MS + 2_000  # a look that finds less than zero waits until zero can be set
_THERMOMETER_K = 1.0  # a TMP36 is good to that
_LAG_H = 40 / 60  # how far the cell is behind the thermometer (`world/thermal.py`)
_SUN_K_PER_KW = 14.0  # as for bins (`world/bin.py`)
_DATA, _POWER = 0, 1

BEFORE_MS, AFTER_MS, CONFIRM_MS = 8_000, 10_000, 1_500
"""The waits of a visit (`edge/app/session.py`)."""


class Chamber(Part):
    """So warm, and by so much warmer each hour: the climate of a box, and what is heavy in it."""

    def __init__(self, world: Kernel) -> None:
        super().__init__(world, "climate")
        self.body = self
        self.set(20.0)

    def set(self, temp_c: float, trend_k_h: float = 0.0) -> None:
        """From now on."""
        self._from, self._temp_c, self._trend = self.world.now, temp_c, trend_k_h

    def celsius(self, t_ms: int) -> float:
        """Temperature of the cell."""
        return self._temp_c + self._trend * (t_ms - self._from) / _HOUR_MS

    def trend_k_h(self, _t_ms: int) -> float:
        """How fast it gets warmer."""
        return self._trend

    def inside_c(self) -> float:
        """What a thermometer in the box shows: ahead of the cell while it gets warmer."""
        return self.celsius(self.world.now) + self._trend * _LAG_H


class Station:
    """A scale as built under a number of a seed, calibrated, in some unrest; in a climate chamber, or out in
    the `weather`.
    """

    def __init__(
        self,
        seed: int,
        number: int,
        sway: SwaySpec = CALM,
        start_ms: int = NOW_MS,
        weather: Weather | None = None,
    ) -> None:
        name = f"bench/{seed}/{number}"
        rng = Stream(name)
        spec = load_cell(rng, name, RATED_G, BIN_MAX_G, rng.uniform(11_000, 15_000))
        self.world = Kernel(name, start_ms, None)
        self.climate = Chamber(self.world) if weather is None else Climate(self.world, weather, _SUN_K_PER_KW)
        self.scale = Scale(self.world, "scale0", {"data": _DATA, "power": _POWER}, spec, sway)
        self.cal = Calibration(
            calibration(spec, f"{seed}-{number}", BIN_MAX_G, BIN_E_G, rng.uniform(10.0, 30.0))
        )
        self.zero = Zero(self.cal)
        self._thermometer_k = rng.uniform(-1, 1) * _THERMOMETER_K
        self._noise = Stream(name, "noise", start_ms)

    @property
    def now(self) -> int:
        """Virtual milliseconds."""
        return self.world.now

    @property
    def temp_c(self) -> float:
        """Of the cell."""
        return self.climate.body.celsius(self.now)

    @property
    def temp_dc(self) -> int:
        """What the firmware takes for it: the box's."""
        return round(10 * (self.climate.inside_c() + self._thermometer_k))

    def chamber(self, temp_c: float, trend_k_h: float = 0.0) -> None:
        """Set the climate chamber. Raises TypeError out in the weather."""
        if not isinstance(self.climate, Chamber):
            raise TypeError("this station stands in the weather")
        self.climate.set(temp_c, trend_k_h)

    def wait(self, ms: float) -> None:
        """Time passes."""
        self.world.advance(self.now + round(ms))

    def convert(self) -> int | str:
        """What the driver's `read` gives now: the word of a conversion, or the code of its error."""
        signal = self.scale.signal()
        if signal.nanovolt is None:
            return "scale-at-rail"
        noise = self._noise.normalvariate(0, signal.noise_nv) if signal.noise_nv else 0.0
        word = counts(signal.nanovolt + noise)
        if signal.fault == "lost-pulse" and self._noise.random() < 25 / signal.every:
            return _one_short(word, self._noise.randrange(24))
        return "scale-at-rail" if word in (0x7FFFFF, -0x800000) else word

    def weigh(self, timeout_ms: int, confirm_ms: int = CONFIRM_MS, look: Look | None = None) -> Weighing:
        """What the firmware's `Scale.weigh` does: power on, settle, convert until done or out of time."""
        weigher = Weigher(self.cal, self.zero, self.temp_dc, confirm_ms)
        look = Look(quiet=False) if look is None else look
        start = self.now
        self.scale.driven(_POWER, 1)
        self.wait(_SETTLE_MS)
        done = False

        def more() -> bool:
            passed = self.now - start
            if look.quiet and weigher.below:
                return bool(weigher.below_ms < BELOW_MS and passed < timeout_ms + _BELOW_MORE_MS)
            return not done and passed < timeout_ms

        while more():
            word = self.convert()
            if isinstance(word, str):
                look.error(word)
                if word == "scale-at-rail":
                    break
                self.wait(_SETTLE_MS)  # the driver has started the chip anew
                continue
            look.conversion(word)
            done = weigher.add(word, self.now - start)
            if more():
                self.wait(_PERIOD_MS)
        self.scale.driven(_POWER, 0)
        found = Weighing(word) if word == "scale-at-rail" else weigher.result()
        look.gross_g = found.fine_g if found.stable else None
        look.zero_g = self.zero.drift_g()
        return found

    def reduced(self, found: Weighing) -> int:
        """The reading without its temperature's share. Raises RuntimeError when there is no stable one."""
        if found.counts is None or not found.stable:
            raise RuntimeError(f"station {self.world.seed}: not stable, {found.code} {found.detail}")
        reading: int = self.cal.reduced(found.counts, found.temp_dc)
        return reading

    def set_zero(self) -> None:
        """A crew sets zero, with the bay empty."""
        found = self.weigh(AFTER_MS)
        self.zero.by_crew(self.reduced(found), found.spread, found.temp_dc, self.now)

    def follow_zero(self, found: Weighing) -> None:
        """What `Scale.look` of the firmware does with a stable look."""
        reading = self.reduced(found)
        if not self.zero.automatic(reading, found.spread, found.below_ms, found.temp_dc, self.now):
            self.zero.track(reading, found.spread, found.span_ms, found.temp_dc, self.now)


def _one_short(word: int, at: int) -> int | str:
    """What is read when the clock pulse before bit `at` was lost: that bit twice, and never the last one,
    which is what the data line then shows where it should be high.
    """
    if not word & 1:
        return "scale-garbled"
    rest = (word & ((2 << at) - 1)) >> 1 | (word & 1 << at)
    return word >> (at + 1) << (at + 1) | rest
