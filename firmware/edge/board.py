"""From a board's description (parts with drivers and pins, made from hardware/boards/*.toml) to drivers, on
demand.
"""

from edge.drivers.adc import Adc
from edge.drivers.bus import Bus
from edge.drivers.display import Display
from edge.drivers.hx711 import Hx711
from edge.drivers.line import Line
from edge.drivers.lock import Lock
from edge.drivers.modem import Modem
from edge.drivers.mppt import Mppt
from edge.drivers.ranger import Ranger
from edge.drivers.reader import GAP_MS, Reader
from edge.drivers.serial import Serial
from edge.drivers.switch import Switch
from edge.drivers.tof import Tof
from edge.drivers.transmitter import Transmitter
from edge.errors import EdgeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _serial(part: "dict[str, Any]") -> Serial:
    return Serial(part["uart"], part["tx"], part["rx"], part["baud"], part.get("rxbuf", 1024))


def _lock(part: "dict[str, Any]") -> Lock:
    """With `current` and `stall_ma` where the motor's current is measured (`scale_permille`: mA a V)."""
    current = Adc(part["current"], part.get("scale_permille", 1000)) if "current" in part else None
    return Lock(part["drive"], part["bolt"], part["door"], current, part.get("stall_ma", 0))


_DRIVERS: "dict[str, Callable[[dict[str, Any]], object]]" = {
    "adc": lambda p: Adc(p["pin"], p["scale_permille"]),
    "bus": lambda p: Bus(_serial(p), p["baud"], p.get("enable")),
    "button": lambda p: Line(p["pin"]),
    "display": lambda p: Display(_serial(p)),
    "gnss": _serial,
    "hx711": lambda p: Hx711(p["data"], p["clock"], p.get("power"), p.get("gain", 128), p.get("rate_hz", 10)),
    "lock": _lock,
    "modem": lambda p: Modem(
        _serial(p), p["key"], p.get("power"), p.get("status"), p.get("quit", "AT+QPOWD=1")
    ),
    "ranger": lambda p: Ranger(_serial(p), p["power"]),
    "tof": lambda p: Tof(_serial(p), p["power"]),
    "reader": lambda p: Reader(_serial(p), p.get("gap_ms", GAP_MS)),
    "switch": lambda p: Switch(p["pin"]),
}

# Those that share a line: made with the driver of the part that is their `bus`.
_ON_BUS: "dict[str, Callable[[dict[str, Any], Any], object]]" = {
    "mppt": lambda p, bus: Mppt(bus, p["unit"], p["registers"]),
    "transmitter": lambda p, bus: Transmitter(bus, p["unit"], p["registers"], p.get("power")),
}


class Board:
    def __init__(self, description: "dict[str, Any]") -> None:
        self.id = description["id"]
        self.parts = description["parts"]
        self.energy: "dict[str, Any]" = description.get("energy", {})
        self._made: "dict[str, Any]" = {}

    def fitted(self, name: str) -> bool:
        return name in self.parts

    def made(self) -> "list[tuple[str, Any]]":
        """The drivers that were made until now, by the names of their parts."""
        return list(self._made.items())

    def part(self, name: str) -> "Any":
        """The driver of a part, made when first asked for. Errors: `part-unknown`, `driver-unknown`."""
        if name not in self._made:
            if name not in self.parts:
                raise EdgeError("part-unknown", "board %s has no %s" % (self.id, name))
            part = self.parts[name]
            driver = part["driver"]
            if driver in _DRIVERS:
                self._made[name] = _DRIVERS[driver](part)
            elif driver in _ON_BUS:
                self._made[name] = _ON_BUS[driver](part, self.part(part["bus"]))
            else:
                raise EdgeError("driver-unknown", "%s of board %s: %s" % (name, self.id, driver))
        return self._made[name]
