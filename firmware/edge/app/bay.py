"""One bay of a bin: what the settings say of it, its scale, and the keeper of its door."""

from edge.app.keeper import Keeper
from edge.app.scale import Scale
from edge.app.senses import FillSensor

if False:  # for types
    from typing import Any

    from edge.app.unit import Unit


class Bay:
    """`settings`: `bay`, `category`, `scale`, `lock`, `ranger`, `empty_mm`, `full_mm` of one bay. A new
    category is a new word in the settings.
    """

    def __init__(self, unit: "Unit", settings: "dict[str, Any]") -> None:
        self.number: int = settings["bay"]
        self.category: str = settings["category"]
        self.settings = settings
        self.scale = Scale(unit, settings["scale"])
        self.fill = FillSensor(unit, settings)
        lock = unit.board.part(settings["lock"])
        self.keeper = Keeper(unit.log, settings["lock"], lock, unit.power.pulled_mv)

    def opened(self) -> None:
        """The door was opened: what the bay weighs is no longer known."""
        self.scale.disturbed()
