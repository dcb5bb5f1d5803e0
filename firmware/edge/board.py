"""From a board's description (parts with drivers and pins, made from hardware/boards/*.toml) to drivers, on
demand.
"""

from edge.drivers.serial import Serial
from edge.errors import EdgeError

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    Part = dict[str, Any]

# A driver is loaded when a part of the board first needs it: a bin without a modem has none on its heap.


def _serial(p: "Part") -> Serial:
    return Serial(p["uart"], p["tx"], p["rx"], p["baud"], p.get("rxbuf", 1024))


def _adc(p: "Part") -> object:
    from edge.drivers.adc import Adc

    return Adc(p["pin"], p["scale_permille"])


def _bus(p: "Part") -> object:
    from edge.drivers.bus import Bus

    return Bus(_serial(p), p["baud"], p.get("enable"))


def _button(p: "Part") -> object:
    from edge.drivers.line import Line

    return Line(p["pin"])


def _display(p: "Part") -> object:
    from edge.drivers.display import Display

    return Display(_serial(p))


def _hx711(p: "Part") -> object:
    from edge.drivers.hx711 import Hx711

    return Hx711(p["data"], p["clock"], p.get("power"), p.get("gain", 128), p.get("rate_hz", 10))


def _lock(p: "Part") -> object:
    """With `current` and `stall_ma` where the motor's current is measured (`scale_permille`: mA a V)."""
    from edge.drivers.adc import Adc
    from edge.drivers.lock import Lock

    current = Adc(p["current"], p.get("scale_permille", 1000)) if "current" in p else None
    return Lock(p["drive"], p["bolt"], p["door"], current, p.get("stall_ma", 0))


def _modem(p: "Part") -> object:
    from edge.drivers.modem import Modem

    return Modem(
        _serial(p), p["key"], p.get("power"), p.get("status"), p.get("quit", "AT+QPOWD=1"), p.get("reset")
    )


def _ranger(p: "Part") -> object:
    from edge.drivers.ranger import Ranger

    return Ranger(_serial(p), p["power"])


def _tof(p: "Part") -> object:
    from edge.drivers.tof import Tof

    return Tof(_serial(p), p["power"])


def _reader(p: "Part") -> object:
    from edge.drivers.reader import GAP_MS, Reader

    return Reader(_serial(p), p.get("gap_ms", GAP_MS))


def _switch(p: "Part") -> object:
    from edge.drivers.switch import Switch

    return Switch(p["pin"])


def _mppt(p: "Part", bus: "Any") -> object:
    from edge.drivers.mppt import Mppt

    return Mppt(bus, p["unit"], p["registers"])


def _transmitter(p: "Part", bus: "Any") -> object:
    from edge.drivers.transmitter import Transmitter

    return Transmitter(bus, p["unit"], p["registers"], p.get("power"))


_DRIVERS: "dict[str, Callable[[Part], object]]" = {
    "adc": _adc,
    "bus": _bus,
    "button": _button,
    "display": _display,
    "gnss": _serial,
    "hx711": _hx711,
    "lock": _lock,
    "modem": _modem,
    "ranger": _ranger,
    "reader": _reader,
    "switch": _switch,
    "tof": _tof,
}

# Those that share a line: made with the driver of the part that is their `bus`.
_ON_BUS: "dict[str, Callable[[Part, Any], object]]" = {"mppt": _mppt, "transmitter": _transmitter}


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
