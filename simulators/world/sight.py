"""Distance sensors that look down into a bay, on a serial line, sending by themselves while powered.

Ultrasonic: counts the time of an echo and takes the air for 20 degrees C warm; sound is 331.3 m/s times the
root of T / 273.15 K fast, so a frozen bay looks 7 % deeper than it is. Light: in whole centimetres, with the
strength of what came back (Benewake TF-Luna data sheet: within 60 mm up to 3 m; repeatable to 20 mm).

Faults: `silent` and `garbled` (its wires), `blind` (no echo ever), `dirty` (seven pings in ten without one),
`blocked` (something hangs 60 mm below it).
"""

import math
from typing import Any, ClassVar

from simulators.scene import UartBytes
from simulators.world.kernel import Kernel, Part

MADE_FOR_C = 20.0
"""What an ultrasonic sensor takes the air for."""

_KELVIN = 273.15
_LOST = 0.7
_HANGS_MM = 60.0
_STRAY = 0.01  # pings whose echo went astray


class Sight(Part):
    """What both sensors have in common. `distance_mm`: to what lies below, as it truly is."""

    LASTING = ("distance_mm", "powered")
    FAULTS: ClassVar = {
        "silent": lambda _sensor, _frame: b"",
        "garbled": lambda sensor, frame: sensor.rng("garbage").randbytes(len(frame)),
        "blind": lambda sensor, _frame: sensor.nothing(),
        "dirty": lambda sensor, frame: sensor.nothing() if sensor.rng("dirt").random() < _LOST else frame,
        "blocked": lambda sensor, _frame: sensor.ping(_HANGS_MM),
    }
    EVERY_MS = 100
    PINGS = 1  # in that time

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._uart: int = pins["uart"]
        self._power: int | None = pins.get("power")
        self.distance_mm = 0.0
        self.powered = self._power is None
        if self.powered:
            self.after(self.EVERY_MS, "echo")

    def driven(self, pin: int, level: int) -> None:
        if pin == self._power and self.powered != bool(level):
            self.powered = bool(level)
            if self.powered:
                self.after(self.EVERY_MS, "echo")
            else:
                self.world.cancel(f"{self.name}.echo")

    def on_echo(self) -> None:
        """The pings of a tenth of a second; now and then an echo goes astray."""
        data = b""
        for _ in range(self.PINGS):
            stray = self.rng("echo").random() <= _STRAY
            astray_mm = self.rng("echo").uniform(-200, 400) if stray else 0.0
            data += self.broken(self.ping(self.distance_mm + astray_mm))
        if data:
            self.world.emit(UartBytes(self._uart, data))
        self.after(self.EVERY_MS, "echo")

    def ping(self, mm: float) -> bytes:
        """The frame of one measurement of a true distance, noise included."""
        raise NotImplementedError

    def nothing(self) -> bytes:
        """The frame of a ping that did not come back."""
        raise NotImplementedError


class Ranger(Sight):
    """Ultrasonic: `FF hi lo sum`, millimetres, ten frames a second."""

    @staticmethod
    def frame(mm: int) -> bytes:
        """The sensor's four bytes; the last is the low byte of the sum of the others."""
        high, low = divmod(mm & 0xFFFF, 256)
        return bytes((0xFF, high, low, (0xFF + high + low) & 0xFF))

    def ping(self, mm: float) -> bytes:
        air_c = self.world.parts["climate"].inside_c()  # type: ignore[attr-defined]
        read_mm = mm * math.sqrt((_KELVIN + MADE_FOR_C) / (_KELVIN + air_c))
        return self.frame(max(round(read_mm + self.rng("echo").normalvariate(0, 2.5)), 30))

    def nothing(self) -> bytes:
        return self.frame(0)


class Light(Sight):
    """Time of flight: `59 59 distance strength temperature sum`, centimetres, 100 frames a second."""

    PINGS = 10

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name, pins)
        self._error_mm = self.rng("built").uniform(-30, 30)

    @staticmethod
    def frame(cm: int, strength: int) -> bytes:
        """The sensor's nine bytes; the chip's temperature is in 1/8 degree C over -256."""
        words = (cm, strength, (25 + 256) * 8)
        head = b"\x59\x59" + b"".join(word.to_bytes(2, "little") for word in words)
        return head + bytes((sum(head) & 0xFF,))

    def ping(self, mm: float) -> bytes:
        read_mm = mm + self._error_mm + self.rng("echo").normalvariate(0, 6)
        strength = round(3e9 / max(mm, 300.0) ** 2)  # what is spread over the square of the way comes back
        return self.frame(max(round(read_mm / 10), 3), min(strength, 30_000))

    def nothing(self) -> bytes:
        return self.frame(0, 40)


SENSORS: dict[str, type[Sight]] = {"ranger": Ranger, "tof": Light}
"""By the driver that a board's part names."""
