"""Whether the battery can finish what a visit asks of it: the voltage under a bolt's current, and the
energy.

A lithium-ion cell. Its resistance is that of a worn cell with leads and holder; in the cold it grows (twice
at 0 °C, three times at -20 °C: data sheets of 18650 cells give factors of 2 to 4). The charge that is left
follows the cell's open-circuit voltage, of which only the lower end matters here.
"""

from edge.measure.door import FLOOR_MV, TRIES

MARGIN_MV = 150  # of the estimate; below, a bolt is not even tried
AWAKE_MJ = 100_000  # a visit and its upload: 150 s at 300 mW, 75 s of radio at 720 mW
_OCV = ((3000, 0), (3350, 50), (3480, 100), (3590, 200), (3640, 300), (4190, 1000))  # mV, permille of charge


class Supply:
    """`settings`, each optional: `mwh` of the cell when full, `mohm` its resistance at 20 °C, `bolt_ma` and
    `bolt_mj` what a pull of a bolt takes.
    """

    def __init__(self, settings: "dict[str, int]") -> None:
        self._mwh = settings.get("mwh", 12_000)
        self._mohm = settings.get("mohm", 300)
        self._bolt_ma = settings.get("bolt_ma", 600)
        self._bolt_mj = settings.get("bolt_mj", 2000)

    def loaded_mv(self, rest_mv: int, temp_dc: "int | None") -> int:
        """What is left of `rest_mv` while a bolt is pulled. An unknown temperature counts as 0 °C."""
        cold_dc = max(0, 200 - (0 if temp_dc is None else temp_dc))
        return rest_mv - self._bolt_ma * (self._mohm + self._mohm * cold_dc // 200) // 1000

    def left_mj(self, rest_mv: int) -> int:
        """The energy above the lowest voltage."""
        low_mv, low = _OCV[0]
        if rest_mv <= low_mv:
            return 0
        permille = 1000
        for mv, share in _OCV[1:]:
            if rest_mv <= mv:
                permille = low + (share - low) * (rest_mv - low_mv) // (mv - low_mv)
                break
            low_mv, low = mv, share
        return self._mwh * permille * 18 // 5  # 1 mWh is 3600 mJ

    def can_serve(self, rest_mv: "int | None", temp_dc: "int | None", bays: int) -> bool:
        """Whether a visit at so many bays can be finished, every retry of every bolt included. An unknown
        voltage (no divider fitted: mains) serves.
        """
        if rest_mv is None:
            return True
        if self.loaded_mv(rest_mv, temp_dc) < FLOOR_MV + MARGIN_MV:
            return False
        return self.left_mj(rest_mv) >= AWAKE_MJ + bays * 2 * TRIES * self._bolt_mj
