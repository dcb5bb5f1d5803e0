"""A load cell under its platform: load and temperature in, bridge voltage out. Pure: time is an argument.

What a cell may do wrong is bounded by OIML R 60 (load cells), class C3 (nmax = 3000 verification intervals,
apportioning factor pLC = 0.7), and its parameters are drawn inside those bounds (`build.py`;
`tests/world/test_cell_physics.py` runs R 60's own tests on them):

- linearity, hysteresis and temperature of the span together: 0.35 v up to 500 v, 0.7 v up to 2,000 v, 1.05 v
  above, over -10 to +40 degrees C (v = capacity / 3000). Data sheets of C3 cells share that out as some
  0.0166 % each for linearity and hysteresis and 0.0175 % per 10 K for the span;
- temperature of zero: pLC * vmin per 5 K, with vmin = capacity / 10,000: 14 ppm of capacity per K;
- creep: 0.7 of the permissible error in 30 min (0.0245 % of the load), of it at most 0.15 after 20 min;
- return to zero after 30 min of load: within 0.5 v.

Beyond R 60: the zero that moves while the cell warms unevenly (`gradient_nv_per_k_h`): gauges and
compensating resistors sit apart, so a bin that the sun comes upon shows it. An assumption: one vmin at 10 K
an hour.
"""

import math
from dataclasses import dataclass
from typing import Any

REFERENCE_C = 20.0
"""Temperature at which cells are adjusted, and at which ours are calibrated."""

EXCITATION_MV = 3_300
NV_PER_COUNT = 0.5 * EXCITATION_MV * 1e6 / 128 / 2**23
"""One count of an HX711 at gain 128: full scale is +-0.5 AVDD / 128 over 2^23 (Avia data sheet)."""

_CREEP: tuple[tuple[float, float], ...] = ((0.35, 60_000.0), (0.65, 8 * 60_000.0))
"""Shares of the creep and their time constants in ms: two thirds come in the first eight minutes,
little after twenty.
"""
_PLAYS: tuple[tuple[float, float], ...] = ((0.02, 0.25), (0.10, 0.35), (0.30, 0.40))
"""Hysteresis as a sum of plays (Prandtl-Ishlinskii): half width as a share of capacity, and share of the
whole."""


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One load cell with the platform on it, as it physically is. At 3.3 V excitation and 20 degrees C."""

    nv_per_g: float
    """Sensitivity: 2 mV/V of a 150 kg cell is 44 nV a gram."""
    zero_nv: int
    """Signal with nothing on the platform: imbalance of the bridge and dead load."""
    zero_nv_per_k: float
    span_ppm_per_k: float
    creep_permille: float
    """Share of a load that the signal still gains, most of it in eight minutes, after the load came on."""
    capacity_g: int
    nonlinearity_ppm: float = 0.0
    """Of capacity: how far the signal at half capacity lies above the straight line from zero to capacity."""
    hysteresis_ppm: float = 0.0
    """Of capacity: how much more the cell shows when a load is come upon from above than from below."""
    gradient_nv_per_k_h: float = 0.0
    """Zero while the temperature rises by 1 K an hour."""
    noise_nv: int = 70
    """Standard deviation of a conversion. HX711 at gain 128: 50 nV rms at 10 a second, 90 at 80."""
    hum_nv: float = 0.0
    """Amplitude of what is left of the mains after the converter's filter (see `hum_nv`)."""


class Cell:
    """The cell's memory: what lies on it, how far it has crept, in which branch of its hysteresis it is."""

    def __init__(self, spec: CellSpec, now_ms: int) -> None:
        self.spec = spec
        self.load_g = 0.0
        self._at = now_ms
        self._crept = [0.0] * len(_CREEP)
        self._plays = [0.0] * len(_PLAYS)

    def put(self, mass_g: float, now_ms: int) -> None:
        """A mass comes on (or, negative, goes)."""
        self._creep(now_ms)
        self.load_g += mass_g
        for i, (share, _) in enumerate(_PLAYS):
            half = share * self.spec.capacity_g
            self._plays[i] = min(max(self._plays[i], self.load_g - half), self.load_g + half)

    def rest(self, load_g: float, now_ms: int) -> None:
        """This load has lain on the cell for a long time."""
        self.put(load_g - self.load_g, now_ms)
        self._crept = [self._aim(share) for share, _ in _CREEP]

    def signal_nv(self, now_ms: int, temp_c: float, *, trend_k_h: float = 0.0, push_g: float = 0.0) -> float:
        """The bridge's signal. `push_g`: a force that comes and goes (wind, a hand); it leaves no trace."""
        self._creep(now_ms)
        spec = self.spec
        load = self.load_g + push_g
        share = load / spec.capacity_g
        bow = 4e-6 * spec.nonlinearity_ppm * share * (1 - share) * spec.capacity_g
        loop = (
            1e-6
            * spec.hysteresis_ppm
            * sum(
                weight * (play - self.load_g) / width
                for play, (width, weight) in zip(self._plays, _PLAYS, strict=True)
            )
        )
        warm_k = temp_c - REFERENCE_C
        span = spec.nv_per_g * (1 + spec.span_ppm_per_k * warm_k * 1e-6)
        zero = spec.zero_nv + spec.zero_nv_per_k * warm_k + spec.gradient_nv_per_k_h * trend_k_h
        return zero + span * (load + bow + loop / 2 + sum(self._crept))

    def state(self) -> dict[str, Any]:
        """What lasts, as JSON-ready data."""
        return {"load_g": self.load_g, "at": self._at, "crept": self._crept[:], "plays": self._plays[:]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.load_g, self._at = state["load_g"], state["at"]
        self._crept, self._plays = list(state["crept"]), list(state["plays"])

    def _aim(self, share: float) -> float:
        return self.load_g * self.spec.creep_permille / 1000 * share

    def _creep(self, now_ms: int) -> None:
        passed_ms = now_ms - self._at
        if passed_ms <= 0:
            return
        for i, (share, tau_ms) in enumerate(_CREEP):
            aim = self._aim(share)
            self._crept[i] = aim + (self._crept[i] - aim) * math.exp(-passed_ms / tau_ms)
        self._at = now_ms


def hum_nv(amplitude_nv: float, t_ms: int, oscillator_ppm: float = 8_000.0) -> float:
    """What mains hum looks like in conversions at 10 a second.

    The data sheet promises rejection of 50 and 60 Hz, which holds as far as the chip's own oscillator is
    exact: 50 Hz aliases to 50 Hz times its error, a slow beat. `amplitude_nv` is what is left of it.
    """
    return amplitude_nv * math.sin(2 * math.pi * 50e-9 * oscillator_ppm * t_ms)


def counts(nanovolt: float) -> int:
    """The word that an HX711 gives for an input at gain 128, saturated."""
    return min(max(math.floor(nanovolt / NV_PER_COUNT), -0x800000), 0x7FFFFF)
