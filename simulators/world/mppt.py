"""A solar charge controller of EPEVER type on an RS-485 line: its registers, from the unit's supply.

Addresses and units as its maker lists them (sources: `hardware/modbus/epever.toml`): input registers in
hundredths, the low word first. What lies between is answered as an illegal address (exception 2).
"""

import struct
from typing import Any, ClassVar

from simulators.world.kernel import Kernel, Part


class Controller(Part):
    """Faults: `absurd` (a sound answer with nonsense in it), `asleep` (exception 4, as after a night without
    battery).
    """

    FAULTS: ClassVar = {
        "absurd": lambda _part, words: {**words, 0x3104: 0xFFFF},
        "asleep": lambda _part, words: words,
    }

    def __init__(self, world: Kernel, name: str) -> None:
        super().__init__(world, name)

    def answer(self, unit: int, function: int, address: int, count: int) -> bytes:
        """The frame without its CRC."""
        if function != 4 or self.fault == "asleep":
            return bytes([unit, function | 128, 4 if function == 4 else 1])
        words = self.broken(self.words())
        wanted = range(address, address + count)
        if not count or any(place not in words for place in wanted):
            return bytes([unit, function | 128, 2])
        return struct.pack(f">BBB{count}H", unit, function, 2 * count, *(words[place] for place in wanted))

    def words(self) -> dict[int, int]:
        """Every register now."""
        supply: Any = self.world.parts["supply"]
        climate: Any = self.world.parts["climate"]
        battery_mv = supply.battery_mv()
        panel_mw, load_mw = supply.solar_mw(self.world.now), sum(supply.draw_mw().values())
        charge_mw = supply.charging_mw(self.world.now)
        found: dict[int, int] = {}

        def put(address: int, hundredths: float, *, wide: bool = False) -> None:
            value = round(hundredths)
            found[address] = value & 0xFFFF
            if wide:
                found[address + 1] = value >> 16 & 0xFFFF

        put(0x3100, supply.panel_mv() / 10)
        put(0x3101, supply.panel_ma() / 10)
        put(0x3102, panel_mw / 10, wide=True)
        put(0x3104, battery_mv / 10)
        put(0x3105, charge_mw / battery_mv * 100)
        put(0x3106, charge_mw / 10, wide=True)
        put(0x310C, battery_mv / 10)
        put(0x310D, load_mw / battery_mv * 100)
        put(0x310E, load_mw / 10, wide=True)
        put(0x3110, climate.inside_c() * 100)
        put(0x3111, (climate.inside_c() + 3) * 100)
        put(0x311A, 100 * supply.charge_mwh / supply.capacity_mwh)
        return found
