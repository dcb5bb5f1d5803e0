"""From a board's description (parts with drivers and pins, made from hardware/boards/*.toml) to drivers, on
demand.
"""

from edge.drivers.serial import Serial
from edge.errors import EdgeError

if False:  # for types
    from typing import Any

    Part = dict[str, Any]


def _serial(p: "Part") -> Serial:
    return Serial(p["uart"], p["tx"], p["rx"], p["baud"], p.get("rxbuf", 1024))


def _driver(p: "Part", bus: "Any") -> object:
    """The driver of a part; None: there is no such driver. It is loaded when a part of the board first needs
    it: a bin without a modem has none on its heap. `bus`: the driver of the line that parts share.
    """
    kind = p["driver"]
    if kind == "adc":
        from edge.drivers.adc import Adc

        return Adc(p["pin"], p["scale_permille"])
    if kind == "bus":
        from edge.drivers.bus import Bus

        return Bus(_serial(p), p["baud"], p.get("enable"))
    if kind == "button":
        from edge.drivers.line import Line

        return Line(p["pin"])
    if kind == "display":
        from edge.drivers.display import Display

        return Display(_serial(p))
    if kind == "gnss":
        return _serial(p)
    if kind == "hx711":
        from edge.drivers.hx711 import Hx711

        return Hx711(p["data"], p["clock"], p.get("power"), p.get("gain", 128), p.get("rate_hz", 10))
    if kind == "lock":  # `current` and `stall_ma` where the motor's current is measured (mA a V)
        from edge.drivers.adc import Adc
        from edge.drivers.lock import Lock

        current = Adc(p["current"], p.get("scale_permille", 1000)) if "current" in p else None
        return Lock(p["drive"], p["bolt"], p["door"], current, p.get("stall_ma", 0))
    if kind == "modem":
        from edge.drivers.modem import Modem

        off = p.get("quit", "AT+QPOWD=1")
        return Modem(_serial(p), p["key"], p.get("power"), p.get("status"), off, p.get("reset"))
    if kind == "mppt":
        from edge.drivers.mppt import Mppt

        return Mppt(bus, p["unit"], p["registers"])
    if kind == "ranger":
        from edge.drivers.ranger import Ranger

        return Ranger(_serial(p), p["power"])
    if kind == "reader":
        from edge.drivers.reader import GAP_MS, Reader

        return Reader(_serial(p), p.get("gap_ms", GAP_MS))
    if kind == "switch":
        from edge.drivers.switch import Switch

        return Switch(p["pin"])
    if kind == "tof":
        from edge.drivers.tof import Tof

        return Tof(_serial(p), p["power"])
    if kind == "transmitter":
        from edge.drivers.transmitter import Transmitter

        return Transmitter(bus, p["unit"], p["registers"], p.get("power"))
    return None


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
            made = _driver(part, self.part(part["bus"]) if "bus" in part else None)
            if made is None:
                raise EdgeError("driver-unknown", "%s of board %s: %s" % (name, self.id, part["driver"]))
            self._made[name] = made
        return self._made[name]
