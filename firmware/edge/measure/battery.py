"""What a battery holds, from its voltage, current and temperature and from what was counted. Pure.

Charge is counted in 1/10 permille of a full battery (`FULL`): what the panel gave less what the ledger says
was used. A count drifts, so each look at rest pulls it towards the charge that the open-circuit voltage
stands for. That is good to some 5 % for lithium-ion, and not good under a charging current, whose drop over
a resistance known to a factor of three would count as charge: then only the count moves.

Tables: open-circuit voltage of NMC/graphite 18650 cells and of LiFePO4 cells, at C/20 and 25 °C; what can be
taken out in the cold, at 0.2 C down to the cut-off, of data sheets of 18650 cells (IEC 61960-3, 7.3.2 tests
it at -20 °C): our currents are a twentieth of that, so the table errs on the safe side. Below 0 °C a cell
must not be charged (lithium plates; data sheets and JEITA: 0 to 45 °C).
"""

from edge.measure.integer import divide

FULL = 10_000
# mV a cell, permille of what can be taken out
_LI_ION = (
    3000, 0, 3350, 50, 3480, 100, 3590, 200, 3640, 300, 3680, 400, 3730, 500, 3800, 600, 3880, 700, 3970, 800,
    4070, 900, 4190, 1000,
)  # fmt: skip
_LIFEPO4 = (
    2500, 0, 3000, 50, 3200, 100, 3220, 200, 3250, 300, 3270, 400, 3280, 500, 3300, 700, 3330, 900, 3380, 990,
    3450, 1000,
)  # fmt: skip
_COLD = (-300, 400, -200, 600, -100, 780, 0, 900, 100, 960, 250, 1000)  # 0.1 °C, permille
_UNKNOWN_DC = 0  # a temperature that is not known counts as 0 °C
_CHARGE_DC = (0, 450)
LEAST_MOHM = 50  # leads and holder alone
REST_MA = 100  # for a cell of 3 Ah: a resistance wrong by 0.2 ohm is wrong by 20 mV, a tenth of the charge
_PULL = 4  # a look at rest moves the count a quarter of the way to what the voltage says
_FIRM_MV = 3600  # below, in the steep part of the curve (lithium-ion), the voltage is the better witness


def lookup(table: "tuple[int, ...]", x: int) -> int:
    """Linear between the points of a table (x, y, x, y, … with rising x); its ends beyond."""
    x0, y0 = table[0], table[1]
    if x <= x0:
        return y0
    for at in range(2, len(table), 2):
        x1, y1 = table[at], table[at + 1]
        if x <= x1:
            return y0 + divide((y1 - y0) * (x - x0), x1 - x0)
        x0, y0 = x1, y1
    return y0


def reachable_permille(temp_dc: "int | None") -> int:
    """Share of a full battery that can be taken out at this temperature (0.1 °C)."""
    return lookup(_COLD, _UNKNOWN_DC if temp_dc is None else temp_dc)


def may_charge(temp_dc: int) -> bool:
    """Whether a lithium cell may be charged at this temperature (0.1 °C)."""
    return _CHARGE_DC[0] <= temp_dc <= _CHARGE_DC[1]


class Battery:
    """`settings`, each optional: `chemistry` (`li-ion`, `lifepo4`), `cells` in series, `mwh` when full,
    `mohm` resistance of the whole, worn, at 20 °C.

    Errors: ValueError for a chemistry that is not known.
    """

    def __init__(self, settings: "dict[str, object]") -> None:
        chemistry = settings.get("chemistry", "li-ion")
        if chemistry not in ("li-ion", "lifepo4"):
            raise ValueError("battery: chemistry %s, expected li-ion or lifepo4" % chemistry)
        self._ocv = _LI_ION if chemistry == "li-ion" else _LIFEPO4
        self._cells = _whole(settings, "cells", 1)
        self._mohm = _whole(settings, "mohm", 300)
        self.mwh = _whole(settings, "mwh", 12_000)
        self.learned_mohm = 0  # at 20 °C; 0: not yet

    def mohm(self, temp_dc: "int | None") -> int:
        """Resistance, as learned, else that of a worn battery: twice that of 20 °C at 0 °C, three times at
        -20 °C (data sheets: factors of 2 to 4).
        """
        return _cold(self.learned_mohm or self._mohm, temp_dc)

    def likely_mohm(self, temp_dc: "int | None") -> int:
        """The same, but until it is learned a third of the worn one: the middle of what may be true."""
        return _cold(self.learned_mohm or self._mohm // 3, temp_dc)

    def learn(self, sag_mv: int, ma: int, temp_dc: "int | None") -> None:
        """The voltage gave way by `sag_mv` under a current of `ma`. A resistance that has grown counts at
        once; one that seems less, by and by.
        """
        at_20_mohm = sag_mv * 1000 * 1000 // (ma * _cold(1000, temp_dc))
        seen = min(max(at_20_mohm, LEAST_MOHM), 4 * self._mohm)
        known = self.learned_mohm or self._mohm
        self.learned_mohm = seen if seen > known else (3 * known + seen) // 4

    def share_permille(self, rest_mv: int) -> int:
        """Of what can be taken out, how much is left: from the voltage at rest."""
        return lookup(self._ocv, rest_mv // self._cells)

    def charge(self, rest_mv: int, temp_dc: "int | None") -> int:
        """Charge in 1/FULL, from the voltage at rest. What the cold keeps back is at the bottom."""
        reachable = reachable_permille(temp_dc)
        return 10 * (1000 - reachable) + self.share_permille(rest_mv) * reachable // 100

    def firm(self, rest_mv: int) -> bool:
        """Whether the voltage tells the charge better than a count does."""
        return self._ocv is _LI_ION and rest_mv // self._cells < _FIRM_MV


def _cold(mohm: int, temp_dc: "int | None") -> int:
    cold_dc = max(0, 200 - (_UNKNOWN_DC if temp_dc is None else temp_dc))
    return mohm + mohm * cold_dc // 200


def _whole(settings: "dict[str, object]", name: str, default: int) -> int:
    value = settings.get(name, default)
    if not isinstance(value, int) or value <= 0:
        raise ValueError("battery: %s is %s, expected a whole number above 0" % (name, value))
    return value


class Gauge:
    """The charge of `battery` over time. `charge`: in 1/FULL; None until it was measured once."""

    def __init__(self, battery: Battery, charge: "int | None" = None) -> None:
        self._battery = battery
        self.charge = charge

    def take(self, mv: "int | None", ma: "int | None", temp_dc: "int | None", gain_mj: int) -> None:
        """One look. `mv` at the battery's posts; `ma` into it (negative: out of it; None: not known);
        `gain_mj`: put in less taken out since the last look, as counted.
        """
        battery = self._battery
        if self.charge is not None:
            self.charge = _within(self.charge + divide(gain_mj * FULL, 3600 * battery.mwh))
        if mv is None:
            return
        rest_mv = mv - (ma or 0) * battery.likely_mohm(temp_dc) // 1000
        seen = battery.charge(rest_mv, temp_dc)
        if self.charge is None:
            self.charge = seen
        elif ma is None or abs(ma) <= REST_MA:
            step = seen - self.charge
            self.charge = _within(
                self.charge + (divide(step, 2) if battery.firm(rest_mv) else divide(step, _PULL))
            )

    def left_pct(self, temp_dc: "int | None") -> "int | None":
        """What can be taken out now, in percent of a full warm battery."""
        if self.charge is None:
            return None
        return max(0, self.charge - 10 * (1000 - reachable_permille(temp_dc))) // 100


def _within(charge: int) -> int:
    return min(max(charge, 0), FULL)
