"""The thermostat of a bin's box: closes to ground when it is 70 degrees C warm, opens again at 55."""

from typing import Any, ClassVar

from simulators.world.kernel import Kernel, Part

CLOSES_C, OPENS_C = 70.0, 55.0
_EVERY_MS = 20_000


class Thermostat(Part):
    """A bimetal switch of the KSD9700 type. No summer reaches it, so it is only watched while something
    burns.
    """

    LASTING = ("closed",)
    FAULTS: ClassVar = {"stuck-open": lambda _switch, _closed: False}

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._pin: int = pins["pin"]
        self.closed = False
        self.refresh()

    def on_feel(self) -> None:
        """Follow the temperature, and go on for as long as there is a fire or it is closed."""
        climate: Any = self.world.parts["climate"]
        self.closed = climate.box_c() >= (OPENS_C if self.closed else CLOSES_C)
        self.refresh()
        if self.closed or climate.fire_k():
            self.after(_EVERY_MS, "feel")

    def refresh(self) -> None:
        self.world.set_pin(self._pin, 0 if self.broken(self.closed) else 1)
