"""A solar charge controller on RS-485 (EPEVER type): what panel, battery and load do, as it measures them.

Its register map is data (`hardware/modbus/`); the loader makes of it what this driver needs: by group
`[function, address, lengths]`; by value `[group, place, words, signed, numerator, denominator]`: the place
in the group, and what makes of its unit ours. 32-bit values have their low word first.
"""

from edge.drivers.bus import Bus
from edge.errors import EdgeError

if False:  # for types
    from typing import Any

TIMEOUT_MS = 300  # data sheets say nothing; 150 ms were seen
_GROUPS = ("live", "load")
# No 12 or 24 V system is beyond these: an answer that is sound and absurd is no measurement.
_MV = (5_000, 36_000)


class Seen:
    """`battery_mv`; `battery_ma` into the battery, less what the load takes; `charge_mw` from the panel into
    battery and load.
    """

    def __init__(self, battery_mv: int, battery_ma: int, charge_mw: int) -> None:
        self.battery_mv = battery_mv
        self.battery_ma = battery_ma
        self.charge_mw = charge_mw


class Mppt:
    """`unit`: its address on the bus. `registers`: see above."""

    def __init__(self, bus: Bus, unit: int, registers: "dict[str, Any]") -> None:
        self._bus = bus
        self._unit = unit
        self._registers = registers

    async def read(self) -> Seen:
        """One look. Errors: those of the line (`rtu-…`), `mppt-absurd`."""
        values = {}
        for group in _GROUPS:
            values.update(await self._group(group))
        mv, charge_mw = values["battery_mv"], values["charge_mw"]
        if not _MV[0] <= mv <= _MV[1]:
            raise EdgeError("mppt-absurd", "battery at %d mV" % mv)
        # From the powers: currents are told in steps of 10 mA, which is a fifth of what a bin takes.
        return Seen(mv, (charge_mw - values["load_mw"]) * 1000 // mv, charge_mw)

    async def temperature_dc(self) -> int:
        """Of the battery, 0.1 °C. Errors: as `read`."""
        return (await self._group("warmth"))["battery_dc"]

    async def charge_pct(self) -> int:
        """What the controller takes the charge for. Errors: as `read`."""
        return (await self._group("charge"))["charge_pct"]

    async def _group(self, name: str) -> "dict[str, int]":
        function, address, lengths = self._registers["groups"][name]
        words = await self._bus.read(self._unit, function, address, tuple(lengths), TIMEOUT_MS)
        found = {}
        for value, row in self._registers["values"].items():
            group, place, size, signed, numerator, denominator = row
            if group != name:
                continue
            raw = words[place] if size == 1 else words[place] | words[place + 1] << 16
            if signed and raw >> (16 * size - 1):
                raw -= 1 << 16 * size
            found[value] = raw * numerator // denominator
        return found
