"""One visit: every free bay is unlocked, the door that opens first is the visit's; weighed before and
after, bolted, and told in one record. A crew goes on from bay to bay.
"""

import asyncio
import time

from edge.app import text
from edge.app.scale import Scale
from edge.app.unit import Unit
from edge.drivers.lock import Lock
from edge.errors import EdgeError
from edge.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WEIGH_MS = 6000
OPEN_MS = 20_000
USER_CLOSE_MS = 120_000  # then the display asks, and the fault is raised
CREW_CLOSE_MS = 900_000
GIVE_UP_MS = 600_000  # after that; the battery is worth more than one weighing


class Bay:
    """`settings`: `bay`, `category`, `scale`, `lock`, `ranger`, `empty_mm`, `full_mm` of one bay."""

    def __init__(self, unit: Unit, settings: "dict[str, Any]") -> None:
        self.number: int = settings["bay"]
        self.category: str = settings["category"]
        self.settings = settings
        name = settings["scale"]
        self.scale = Scale(unit.board, unit.log, name, unit.settings["scales"][name])
        self.door: str = settings["lock"]
        self.lock: Lock = unit.board.part(settings["lock"])

    async def indication(self, timeout_ms: int) -> int:
        """The stable mass in grams, rounded to e. Errors: the scale's, and `unstable`."""
        counts, stable = await self.scale.weigh(timeout_ms)
        if not stable:
            raise EdgeError("unstable", "%s did not settle in %d ms" % (self.scale.name, timeout_ms))
        return self.scale.cal.indication(counts)


class Visit:
    """Walks through a visit; each bay that was opened gets exactly one outcome, and so does a visit that
    opened none.
    """

    def __init__(
        self, bays: "list[Bay]", log: Log, show: "Callable[..., None]", token: str, crew: bool
    ) -> None:
        self._bays = bays
        self._log = log
        self._show = show
        self._token = token
        self._crew = crew
        self._cause = "crew" if crew else "user"
        self._before: "dict[int, int]" = {}  # stable mass by bay number, of the bays that can be used

    async def run(self) -> None:
        self._show(*text.WAIT)
        self._start = self._name()
        left = await self._usable()
        opened = 0
        while left:
            bay = await self._offer(left)
            if bay is None:
                break
            opened += 1
            left = [other for other in left if other is not bay] if self._crew else []
            await self._use(bay)
        if self._before and not opened:
            self._end(self._bays[0], "nothing")
            self._show(*text.NOTHING)

    def _name(self) -> str:
        return "%s-%d" % (self._log.ring.log, self._log.ring.head + 1)

    async def _usable(self) -> "list[Bay]":
        """The bays whose scale stands still now. None: the visit ends with the reason."""
        weighings = [self._weigh_before(bay) for bay in self._bays]
        problems = await asyncio.gather(*weighings)
        if not self._before:
            self._fail(self._bays[0], problems[0], None)
        return [bay for bay in self._bays if bay.number in self._before]

    async def _weigh_before(self, bay: Bay) -> str:
        try:
            self._before[bay.number] = await bay.indication(WEIGH_MS)
            return ""
        except EdgeError as error:
            return error.code

    async def _offer(self, bays: "list[Bay]") -> "Bay | None":
        """Unlock `bays`; the one whose door is opened first, the others bolted again. None: nobody opened
        one.
        """
        free: "list[Bay]" = []
        for bay in bays:
            if await self._unlock(bay):
                free.append(bay)
        numbers = " ".join([str(bay.number) for bay in free])
        self._show(*(text.OPEN if len(free) == len(self._bays) else text.open_only(numbers)))
        chosen: "list[Bay]" = []
        done = asyncio.Event()

        async def watch(bay: Bay) -> None:
            if await bay.lock.door.until(0, OPEN_MS):
                chosen.append(bay)
                done.set()

        watchers = [asyncio.create_task(watch(bay)) for bay in free]
        try:
            await asyncio.wait_for_ms(done.wait(), OPEN_MS if free else 1)
        except asyncio.TimeoutError:
            pass
        for watcher in watchers:
            watcher.cancel()
        for bay in free:
            if bay not in chosen[:1]:
                await self._bolt(bay)
        return chosen[0] if chosen else None

    async def _use(self, bay: Bay) -> None:
        """The door of `bay` is open: from here to its outcome."""
        start = time.ticks_ms()
        session = self._start
        self._start = self._name()
        self._door(bay, "open")
        self._show(*text.PUT_IN)
        closed = await bay.lock.door.until(1, CREW_CLOSE_MS if self._crew else USER_CLOSE_MS)
        open_ms = time.ticks_diff(time.ticks_ms(), start)
        if not closed:
            self._log.fault(bay.door, "door-left-open", True, "open for %d s" % (open_ms // 1000))
            self._show(*text.CLOSE)
            closed = await bay.lock.door.until(1, GIVE_UP_MS)
            open_ms = time.ticks_diff(time.ticks_ms(), start)
        if not closed:
            await bay.lock.lock()  # the bolt falls in as soon as somebody closes the door
            self._end(bay, "fault", "door-left-open", open_ms, session)
            return
        self._log.fault(bay.door, "door-left-open", False)
        self._door(bay, "closed")
        await self._bolt(bay)
        self._show(*text.WEIGHING)
        try:
            after = await bay.indication(WEIGH_MS)
        except EdgeError as error:
            self._fail(bay, error.code, open_ms, session)
            return
        self._tell(bay, session, after, open_ms)

    def _tell(self, bay: Bay, session: str, after: int, open_ms: int) -> None:
        """The outcome of a visit that was weighed: on flash first, then on the display."""
        before = self._before[bay.number]
        net, cal = after - before, bay.scale.cal
        if self._crew and net < 0:
            fields = [("bay", bay.number), ("category", bay.category), ("net_g", -net), ("by", self._token)]
            if self._log.write("collect", fields):
                self._show(*text.COLLECTED, text.kilograms(-net))
        elif not self._crew and net > 0:
            fields = [("session", session), ("bay", bay.number), ("category", bay.category), ("net_g", net)]
            fields += [("before_g", before), ("after_g", after), ("e_g", cal.e_g), ("cal", cal.cal)]
            fields += [("below_min", cal.below_min(net)), ("user", self._token), ("open_ms", open_ms)]
            if self._log.write("deposit", fields):
                self._show(text.THANKS, text.kilograms(net))
            else:
                self._show(*text.REFUSED)
        else:
            self._end(bay, "nothing" if net == 0 or self._crew else "removed", None, open_ms, session)
            self._show(*(text.REMOVED if net < 0 else text.NOTHING))

    def _fail(self, bay: Bay, code: str, open_ms: "int | None", session: "str | None" = None) -> None:
        if code == "unstable":
            self._end(bay, "unstable", None, open_ms, session)
            self._show(*text.UNSTABLE)
        else:
            self._end(bay, "fault", code, open_ms, session)
            self._show(*text.REFUSED)

    # Bolts

    async def _unlock(self, bay: Bay) -> bool:
        if await bay.lock.unlock():
            self._log.fault(bay.door, "lock-jammed", False)
            self._door(bay, "unlocked")
            return True
        await bay.lock.lock()
        self._jammed(bay, "unlocking")
        self._end(bay, "fault", "lock-jammed")
        return False

    async def _bolt(self, bay: Bay) -> None:
        if await bay.lock.lock():
            self._log.fault(bay.door, "lock-jammed", False)
            self._door(bay, "locked")
        else:
            self._jammed(bay, "locking")

    def _jammed(self, bay: Bay, doing: str) -> None:
        self._door(bay, "jammed")
        self._log.fault(bay.door, "lock-jammed", True, "the bolt switch did not follow when " + doing)

    # Records

    def _door(self, bay: Bay, state: str) -> None:
        self._log.write("door", [("door", bay.door), ("state", state), ("cause", self._cause)])

    def _end(
        self,
        bay: Bay,
        outcome: str,
        code: "str | None" = None,
        open_ms: "int | None" = None,
        session: "str | None" = None,
    ) -> None:
        fields = [
            ("session", session or self._start),
            ("bay", bay.number),
            ("outcome", outcome),
            ("code", code),
        ]
        self._log.write("session", fields + [("user", self._token), ("open_ms", open_ms)])
