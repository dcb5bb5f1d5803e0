"""Each part tried once: fitted, ok, what was measured, and a code and a hint when it is not ok.

Tries only what disturbs nobody: no bolt is moved, no door is opened.
"""

import asyncio

from edge.app.scale import Scale
from edge.app.unit import Unit, tmp36_dc
from edge.errors import EdgeError

if False:  # for types
    from typing import Any

_SCALE_MS = 4000
_TALK_MS = 1500
_BEEP_MS = 200


class SelfTest:
    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def run(self, names: "list[str]") -> "list[dict[str, Any]]":
        """One entry a part: `part`, `driver`, `ok`, then `value` or `code` and `detail`. All parts when
        `names` is empty.
        """
        parts = self._unit.board.parts
        for name in names:
            if name not in parts:
                raise EdgeError("part-unknown", "no %s here; there are: %s" % (name, " ".join(sorted(parts))))
        result = []
        for name in names or sorted(parts):
            driver = parts[name]["driver"]
            entry = {"part": name, "driver": driver, "ok": True}
            try:
                entry["value"] = await getattr(self, "_try_" + driver)(name)
            except EdgeError as error:
                entry["ok"] = False
                entry["code"] = error.code
                entry["detail"] = error.detail
            result.append(entry)
        return result

    async def _try_hx711(self, name: str) -> object:
        scale = Scale(self._unit, name)
        weighing = await scale.weigh(_SCALE_MS)
        if weighing.counts is None:
            raise EdgeError(weighing.code or "scale-silent", weighing.detail)
        return {
            "counts": weighing.counts,
            "mass_g": scale.grams(weighing.counts),
            "stable": weighing.stable,
            "cal": scale.cal,
        }

    _try_transmitter = _try_hx711

    async def _try_bus(self, name: str) -> object:
        await self._unit.board.part(name).listen(_TALK_MS)
        return {"quiet": True}

    async def _try_mppt(self, name: str) -> object:
        controller = self._unit.board.part(name)
        seen = await controller.read()
        return {
            "battery_mv": seen.battery_mv,
            "battery_ma": seen.battery_ma,
            "charge_mw": seen.charge_mw,
            "temp_dc": await controller.temperature_dc(),
            "charge_pct": await controller.charge_pct(),
        }

    async def _try_lock(self, name: str) -> object:
        lock = self._unit.board.part(name)
        if lock.bolted and not lock.closed:
            raise EdgeError("switch-conflict", "bolted while the door is open; check the two switches")
        return {"bolted": lock.bolted, "closed": lock.closed}

    async def _try_switch(self, name: str) -> object:
        switch = self._unit.board.part(name)
        switch.on()
        await asyncio.sleep_ms(_BEEP_MS)
        switch.off()
        return {"switched": True}

    async def _try_ranger(self, name: str) -> object:
        return {"distance_mm": await self._unit.board.part(name).read_mm()}

    _try_tof = _try_ranger

    async def _try_adc(self, name: str) -> object:
        mv = self._unit.board.part(name).read_mv()
        if name != "temperature":
            return {"mv": mv}
        temp = tmp36_dc(mv)
        if temp is None:
            raise EdgeError("sensor-range", "%d mV is outside a TMP36's range; check its wires" % mv)
        return {"temp_dc": temp}

    async def _try_button(self, name: str) -> object:
        return {"active": self._unit.board.part(name).level() == 0}

    async def _try_display(self, name: str) -> object:
        self._unit.board.part(name).show("自检 / Self-test")
        return {"shown": "自检 / Self-test"}

    async def _try_reader(self, name: str) -> object:
        self._unit.board.part(name)
        await asyncio.sleep_ms(0)
        return {"listens": True}
