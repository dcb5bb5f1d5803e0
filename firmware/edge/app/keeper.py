"""The keeper of one door: runs its state machine on the lock's switches, and records what happens to it."""

import asyncio

from edge.drivers.lock import Lock
from edge.log import Log
from edge.measure.door import BOLT_MS, NUDGE_MS, REST_MS, TRIES, Door

if False:  # for types
    from collections.abc import Callable

QUIET_MS = 3_600_000  # a look without any reason, so that no lost edge is lost for ever
POLL_MS = 20
MOVE_MS = TRIES * 2 * (BOLT_MS + REST_MS + NUDGE_MS)  # no move takes longer, whatever happens


def _unknown_mv() -> "int | None":
    return None


def _nobody() -> None:
    pass


class Keeper:
    """`name`: of the lock. `run` is its task; nothing moves without it. `supply`: battery voltage in mV."""

    def __init__(
        self, log: Log, name: str, lock: Lock, supply: "Callable[[], int | None]" = _unknown_mv
    ) -> None:
        self.name = name
        self.cause: "str | None" = None  # of the states that follow, as the contract has it
        self._log = log
        self._lock = lock
        self._supply = supply
        self._door = Door(log.door_state(name), lock.stall_ma)
        if name + " lock-jammed" in log.faults():
            self._door.jam = "locking" if self._door.state == "jammed" else "unlocking"
        if name + " switch-conflict" in log.faults():
            self._door.conflict = "switches"
        self.notice: "Callable[[], None]" = _nobody  # told when a state was entered or a move has ended

    @property
    def state(self) -> str:
        return self._door.state

    @property
    def closed(self) -> bool:
        """The door is shut, as it was last seen."""
        return self._door.state not in ("open", "forced")

    @property
    def moving(self) -> bool:
        return self._door.moving

    @property
    def jammed(self) -> bool:
        """The last move, whichever it was, did not come off."""
        return bool(self._door.jam)

    @property
    def weak(self) -> bool:
        """The last pull was broken off because the supply sagged."""
        return self._door.weak

    @property
    def forced(self) -> bool:
        """The door was forced since it was last unlocked."""
        return self._door.forced

    @property
    def reopened_ms(self) -> int:
        """The longest that it had stood shut when it was opened again, since it was last unlocked."""
        return self._door.reopened_ms

    @property
    def cycles(self) -> int:
        """How often the door has been opened since the unit woke."""
        return self._door.cycles

    def look(self) -> None:
        """See what is so now, drive the bolt accordingly, record what changed."""
        door, lock = self._door, self._lock
        mv = self._supply() if door.drive and door.moving else None
        states = door.see(self._log.clock.mono_ms(), lock.bolted, lock.closed, lock.current_ma(), mv)
        lock.drive(door.drive)
        for state in states:
            self._log.door(self.name, state, self.cause)
        self._log.fault(self.name, "lock-jammed", bool(door.jam), door.detail)
        detail = "the door opened while the bolt switch said home"
        self._log.fault(self.name, "switch-conflict", bool(door.conflict), detail)
        self.notice()

    def begin(self, cause: "str | None", offered: bool) -> None:
        """Find out how the door stands, and record what is not as it was; before `run`. `cause`: of such
        changes. `offered`: a visit that was broken off may have unlocked it unrecorded.
        """
        self.cause = cause
        if offered and self._door.state == "locked":
            self._door.state = "unlocked"
        self.look()
        self.cause = None
        self._lock.listen()

    def doubt(self, detail: str) -> None:
        """The door was opened, its switch never said so. In force until the door is seen open."""
        self._door.conflict = "door-switch"
        self._log.fault(self.name, "switch-conflict", True, detail)

    async def run(self) -> None:
        """Keep the door for ever."""
        while True:
            self.look()
            due = self._door.due_ms(self._log.clock.mono_ms())
            if due is None:
                due = QUIET_MS
            if due:
                await self._lock.change(due)

    async def unlock(self, cause: "str | None") -> bool:
        """Pull the bolt; whether the door can be opened (or is open) now."""
        self.cause = cause
        await self._move(True)
        return self._door.wanted_out

    async def lock(self, cause: "str | None") -> bool:
        """Let the bolt go; whether the door is locked now. An open door locks itself when it is shut."""
        self.cause = cause
        await self._move(False)
        return self._door.state == "locked"

    async def _move(self, out: bool) -> None:
        self._door.ask(out, self._log.clock.mono_ms())
        self.look()
        self._lock.poke()  # `run` must know when to look next
        await self.rest()

    async def rest(self) -> None:
        """Until no move is under way."""
        start = self._log.clock.mono_ms()
        while self._door.moving and self._log.clock.mono_ms() - start < MOVE_MS:
            await asyncio.sleep_ms(POLL_MS)
