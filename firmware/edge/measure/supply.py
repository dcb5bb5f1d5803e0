"""Whether the battery can finish what a visit asks of it: the voltage under a bolt's current, and the
energy. And whether anything may still be written.
"""

from edge.measure.battery import LEAST_MOHM, Battery, reachable_permille
from edge.measure.door import FLOOR_MV, TRIES

if False:  # for types
    from typing import Any

MARGIN_MV = 150  # of the estimate; below, a bolt is not even tried
AWAKE_MJ = 100_000  # a visit and its upload: 150 s at 300 mW, 75 s of radio at 720 mW
_WARM_DC = 250
WRITE_MV = 3100  # flash is not written below: an erase takes 50 ms, and the chip browns out at some 2.8 V


def may_write(mv: "int | None") -> bool:
    """Whether the supply can carry a write to flash to its end. `mv`: at the chip's regulator, under its own
    load; None: nothing measures it (mains, or a 12 V system whose controller cuts the load in time).
    """
    return mv is None or mv >= WRITE_MV


class Supply:
    """`settings`, each optional: those of `Battery`, and `bolt_ma` and `bolt_mj`, what a pull of a bolt
    takes.
    """

    def __init__(self, settings: "dict[str, Any]") -> None:
        self.battery = Battery(settings)
        self._bolt_ma: int = settings.get("bolt_ma", 600)
        self._bolt_mj: int = settings.get("bolt_mj", 2000)

    def loaded_mv(self, rest_mv: int, temp_dc: "int | None") -> int:
        """What is left of `rest_mv` while a bolt is pulled. An unknown temperature counts as 0 °C."""
        return rest_mv - self._bolt_ma * self.battery.mohm(temp_dc) // 1000

    def pulled(self, rest_mv: int, least_mv: int, temp_dc: "int | None") -> None:
        """A bolt was pulled, and the voltage fell from `rest_mv` to `least_mv`: what the battery gives way by
        is learned, so that a good one opens doors longer than a worn one may. Less than leads alone cost was
        no pull.
        """
        sag_mv = rest_mv - least_mv
        if sag_mv * 1000 >= LEAST_MOHM * self._bolt_ma:
            self.battery.learn(sag_mv, self._bolt_ma, temp_dc)

    def left_mj(self, rest_mv: int, temp_dc: "int | None" = _WARM_DC) -> int:
        """The energy that can still be taken out."""
        permille = self.battery.share_permille(rest_mv) * reachable_permille(temp_dc) // 1000
        return self.battery.mwh * permille * 18 // 5  # 1 mWh is 3600 mJ

    def can_serve(self, rest_mv: "int | None", temp_dc: "int | None", bays: int) -> bool:
        """Whether a visit at so many bays can be finished, every retry of every bolt included. An unknown
        voltage (no divider fitted: mains) serves.
        """
        if rest_mv is None:
            return True
        if self.loaded_mv(rest_mv, temp_dc) < FLOOR_MV + MARGIN_MV:
            return False
        return self.left_mj(rest_mv, temp_dc) >= AWAKE_MJ + bays * 2 * TRIES * self._bolt_mj
