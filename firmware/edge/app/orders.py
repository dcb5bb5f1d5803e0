"""Commands that every unit knows, and what they leave to be done afterwards: staying awake, and starting anew
when there is a moment for it. What each does is in `unit_orders`, which is loaded when one comes.
"""

import asyncio

if False:  # for types
    from typing import Any

    from edge.app.unit import Unit

HOLD_LIMIT_MS = 14_400_000
TELL_MS = 10_000  # for the reply to leave before the unit starts anew
IDLE_MS = 2 * 3_600_000  # no visit is longer
LOOK_MS = 200
PUBACK_MS = 50
NAMES = "reboot self-test log-level locate events"
TASKS = "commands restart locate relock"


class Orders:
    """One of a unit. Puts its handlers into `unit.commands`; apps add theirs. `locate_s`: for how long it
    will still buzz and blink.
    """

    def __init__(self, unit: "Unit") -> None:
        self._unit = unit
        commands, supervisor, obey = unit.commands, unit.supervisor, self.obey
        for name in NAMES.split():
            commands.handlers[name] = obey
        commands.start = lambda: supervisor.start("commands", self._run)
        commands.news = unit.uplink.poke
        unit.desired.changed = lambda: self.restart(*unit.desired.restart)
        self._why = ("", "")
        self.locate_s = 0

    @property
    def busy(self) -> bool:
        """Something was asked for that is not done: no time to sleep."""
        return bool([name for name in TASKS.split() if self._unit.supervisor.running(name)])

    async def _run(self) -> None:
        """Carry out what is accepted, once its PUBACK has left: what it takes may have to be loaded first."""
        await asyncio.sleep_ms(PUBACK_MS)
        await self._unit.commands.run()

    # Staying awake

    def hold(self, for_s: int) -> None:
        """Stay awake and connected for so long from now, over resets too."""
        until = self._unit.clock.local_ms() + min(for_s * 1000, HOLD_LIMIT_MS)
        self._unit.keep.data["hold_ms"] = until
        self._unit.keep.save()

    def held_ms(self) -> int:
        """For how long yet; 0: not."""
        left = self._unit.keep.data.get("hold_ms", 0) - self._unit.clock.local_ms()
        return left if 0 < left <= HOLD_LIMIT_MS else 0  # more: the clock was stepped

    # Starting anew

    def restart(self, code: str, detail: str = "") -> None:
        """Start anew as soon as replies are out and nobody is served."""
        self._why = (code, detail)
        self._unit.supervisor.start("restart", self._restart)

    async def _restart(self) -> None:
        unit, clock = self._unit, self._unit.clock
        start = clock.mono_ms()
        while clock.mono_ms() - start < TELL_MS and unit.uplink.connected and unit.commands.busy:
            await asyncio.sleep_ms(LOOK_MS)
        while clock.mono_ms() - start < IDLE_MS and not unit.supervisor.safe and self._serving():
            await asyncio.sleep_ms(LOOK_MS)
        if unit.supervisor.safe:
            unit.supervisor.leave_safe_mode("command")
        unit.supervisor.reset(*self._why)

    def _serving(self) -> bool:
        return self._unit.attended() or self._unit.visit() is not None

    def obey(self, name: str, args: "dict[str, Any]") -> "Any":
        """Carry out one of NAMES (a handler of `Commands`)."""
        from edge.app import unit_orders

        return getattr(unit_orders, name.replace("-", "_"))(self._unit, args)
