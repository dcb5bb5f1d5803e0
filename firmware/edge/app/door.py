"""A truck's cargo door: its bolt obeys the fences, and what its switches do is recorded."""

from edge.app.unit import Unit
from edge.drivers.lock import Lock

FOREVER_MS = 3_600_000


class CargoDoor:
    def __init__(self, unit: Unit, name: str) -> None:
        self._log = unit.log
        self._name = name
        self._lock: Lock = unit.board.part(name)
        self._unlocked = False

    async def obey(self, allowed: "bool | None") -> None:
        """Unlock where it is allowed, lock where it is not; None: no rule, leave it as it is (locked since
        power-on).
        """
        if allowed is None or allowed == self._unlocked:
            return
        self._unlocked = allowed
        moved = await (self._lock.unlock() if allowed else self._lock.lock())
        if moved:
            self._door("unlocked" if allowed else "locked", "fence")
            self._log.fault(self._name, "lock-jammed", False)
            return
        detail = "door %s, bolt %s" % (
            "closed" if self._lock.closed else "open",
            "in" if self._lock.bolted else "out",
        )
        self._door("jammed", "fence")
        self._log.fault(self._name, "lock-jammed", True, detail)

    def _door(self, state: str, cause: "str | None" = None) -> None:
        self._log.write("door", [("door", self._name), ("state", state), ("cause", cause)])

    async def watch(self) -> None:
        """Record the door's openings and closings: open while it should be bolted is forced. Once it is
        closed again, a bolt that could not go home falls in.
        """
        closed = self._lock.closed
        while True:
            if not await self._lock.door.until(0 if closed else 1, FOREVER_MS):
                continue
            closed = not closed
            if not closed:
                self._door("open" if self._unlocked else "forced")
                continue
            self._door("closed")
            if (
                not self._unlocked
                and self._name + " lock-jammed" in self._log.faults()
                and await self._lock.lock()
            ):
                self._log.fault(self._name, "lock-jammed", False)
                self._door("locked", "fence")
