"""From what an indicator's registers said to a record of the contract. Pure.

An indicator numbers its weighings itself, so the record's name is (device, serial number, weighing's
number): see "Identity of Modbus weighings" in the design. A window on the alibi memory is believed only if
it repeats the serial number and the number that were asked for and its check is right; everything else is
somebody else's answer.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, Struct

from gateway.contract_types import Fault, Weigh
from gateway.modbus.registers import MapError, RegisterMap, Value, WordsError

# What a station needs of a register map, by group: numbers, and a text.
_NEEDED = {
    "live": {"serial", "status.stable", "gross_g", "tare_g", "net_g", "alibi_first", "alibi_last"},
    "request": {"number"},
    "alibi": {"serial", "number", "gross_g", "tare_g", "net_g", "t_ms", "ident"}
    | {"flags.held", "flags.valid", "flags.stable"},
}


class Indicator(Struct, frozen=True):
    """What the indicator shows now. Masses in grams; `first` and `last` bound its alibi memory (0: empty)."""

    serial: int
    gross_g: int
    tare_g: int
    net_g: int
    stable: bool
    first: int
    last: int

    @property
    def log(self) -> str:
        """The id of the log that its weighings make up."""
        return f"{self.serial:08x}"


def check_indicator(register_map: RegisterMap) -> RegisterMap:
    """The map, if it describes an indicator with alibi memory. Raises MapError naming what is missing."""
    for name, needed in _NEEDED.items():
        group = register_map.groups.get(name)
        registers = group.registers if group else ()
        texts = {register.name for register in registers if register.type == "text"}
        there = {f"{r.name}.{bit}" for r in registers for bit in r.bits} | {r.name for r in registers}
        missing = sorted(n for n in needed if n not in there or (n in texts) != (n == "ident"))
        if missing:
            raise MapError(
                f"register map {register_map.id!r}, group {name!r}: {', '.join(missing)} missing or of the "
                "wrong type; a station needs them (see hardware/modbus/weighbridge.toml)"
            )
    return register_map


def read_indicator(register_map: RegisterMap, words: Sequence[int]) -> Indicator:
    """Decode the group `live`. Raises WordsError."""
    values = register_map.decode("live", words)
    indicator = Indicator(
        serial=_whole(values, "serial"),
        gross_g=_whole(values, "gross_g"),
        tare_g=_whole(values, "tare_g"),
        net_g=_whole(values, "net_g"),
        stable=bool(values["status.stable"]),
        first=_whole(values, "alibi_first"),
        last=_whole(values, "alibi_last"),
    )
    if (
        indicator.serial == 0
        or indicator.first > indicator.last
        or (indicator.last > 0) != (indicator.first > 0)
    ):
        raise WordsError("not-an-indicator", f"serial and alibi numbers cannot be: {indicator}")
    return indicator


def read_weighing(register_map: RegisterMap, words: Sequence[int], serial: int, number: int) -> bytes:
    """Decode the group `alibi` into the JSON of one record. Raises WordsError if it is not the one asked for.

    A weighing that the memory itself holds to be damaged becomes a fault record under its number: the run
    stays unbroken, and the loss is said.
    """
    values = register_map.decode("alibi", words)
    if (values["serial"], values["number"]) != (serial, number):
        came = f"{values['number']} of {values['serial']:08x}"
        raise WordsError(
            "wrong-weighing", f"asked for weighing {number} of {serial:08x}, the window shows {came}"
        )
    if not values["flags.held"]:
        raise WordsError("not-held", f"weighing {number} of {serial:08x} is not in the indicator's memory")
    if not values["flags.valid"]:
        lost = Fault(
            number, 0, "none", "alibi", "weighing-unreadable", "raised", f"weighing {number} is damaged"
        )
        return msgspec.json.encode(lost)
    return msgspec.json.encode(
        Weigh(
            number,
            _whole(values, "t_ms"),
            "rtc",
            register_map.scale,
            _whole(values, "gross_g"),
            _whole(values, "tare_g"),
            _whole(values, "net_g"),
            bool(values["flags.stable"]),
            str(values["ident"]) or UNSET,
        )
    )


def _whole(values: Mapping[str, Value], name: str) -> int:
    return int(values[name])  # a number, as check_indicator saw to
