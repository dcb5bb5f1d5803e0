"""An RS-485 weighing transmitter in count mode: a load cell's converter with Modbus RTU, instead of an HX711.

Only raw counts are taken from it. Its own calibration, filter and zero tracking stay out of it: a zero that a
transmitter moves by itself would be missing from the unit's records. Its register map is data
(`hardware/modbus/`); the loader makes of it what this driver needs:

| key | meaning |
|---|---|
| `function` `address` `lengths` | what is read: 3 or 4; first register; how many, one of these (see `bus`) |
| `counts` `status` | where in it the 32-bit value (high word first) and the status word are |
| `bits` | places in the status word: `busy` `valid` `counting`, and `error`, the lowest of its three |
"""

import asyncio
import time

from edge.drivers.bus import TRIES, Bus
from edge.drivers.switch import Switch
from edge.errors import EdgeError

if False:  # for types
    from typing import Any

TIMEOUT_MS = 150  # a unit may take 100 ms to answer; 21 bytes at 9600 baud take 24
START_MS = 3000  # from power-up to the first value
_AGAIN_MS = 50
_AT_RAIL = (1, 2, 3)  # converter out of range, over, under


class Transmitter:
    """`unit`: its address on the bus. `registers`: see above. `power`: switches its supply, and so the
    bridge's; None: always on. Same interface as `Hx711`.
    """

    period_ms = 100
    start_ms = START_MS

    def __init__(self, bus: Bus, unit: int, registers: "dict[str, Any]", power: "int | None" = None) -> None:
        self._bus = bus
        self._unit = unit
        self._registers = registers
        self._power = Switch(power)
        self._lengths = tuple(registers["lengths"])
        self._ready = False  # it has given a value since `on`
        self._on_at = self._asked_at = time.ticks_ms()
        self.lock = asyncio.Lock()  # held from `on` to `off`

    @property
    def on_ms(self) -> int:
        """How long its supply was on since boot."""
        return self._power.on_ms

    def on(self) -> None:
        self._power.on()
        self._ready = False
        self._on_at = time.ticks_ms()

    def off(self) -> None:
        self._power.off()

    async def read(self) -> int:
        """The next conversion in counts.

        Errors: `scale-silent` (no answer, or a refusal), `scale-garbled` (disturbed, late, or another
        unit's: read again), `scale-at-rail` (the input is out of range: bridge or wire broken).
        """
        while True:
            await self._pace()
            try:
                value = await self._ask()
            except EdgeError as error:
                if self._ready or time.ticks_diff(time.ticks_ms(), self._on_at) > START_MS:
                    raise self._as_scale(error)
                await asyncio.sleep_ms(_AGAIN_MS)
            else:
                self._ready = True
                return value

    async def _pace(self) -> None:
        """One question a period: no transmitter converts faster than it says."""
        left = self.period_ms - time.ticks_diff(time.ticks_ms(), self._asked_at)
        if 0 < left <= self.period_ms:
            await asyncio.sleep_ms(left)
        self._asked_at = time.ticks_ms()

    async def _ask(self) -> int:
        registers, tries = self._registers, TRIES if self._ready else 1
        words = await self._bus.read(
            self._unit, registers["function"], registers["address"], self._lengths, TIMEOUT_MS, tries
        )
        status, bits = words[registers["status"]], registers["bits"]
        if status >> bits["busy"] & 1:
            raise EdgeError("rtu-busy", "transmitter %d is busy" % self._unit)
        if not status >> bits["valid"] & 1:
            error = status >> bits["error"] & 7
            code = "scale-at-rail" if error in _AT_RAIL else "scale-silent"
            raise EdgeError(code, "transmitter %d reports error %d" % (self._unit, error))
        if not status >> bits["counting"] & 1:
            raise EdgeError(
                "scale-silent", "transmitter %d gives weights, not counts; set its mode" % self._unit
            )
        at = registers["counts"]
        value = words[at] << 16 | words[at + 1]
        return value - 0x1_0000_0000 if value & 0x8000_0000 else value

    def _as_scale(self, error: EdgeError) -> EdgeError:
        """An error of the line, in the words of a scale."""
        if error.code.startswith("scale-"):
            return error
        return EdgeError(
            "scale-silent" if error.code in ("rtu-silent", "rtu-refused") else "scale-garbled",
            "transmitter %d: %s %s" % (self._unit, error.code, error.detail),
        )
