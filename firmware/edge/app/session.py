"""A visit and its sessions.

Every bay that is allowed is weighed and unlocked; when a door opens, the other bolts go home. Each door
that was opened makes a session of its own, which ends in exactly one record: `deposit`, `collect` or
`session`. A visit at which no door opened ends in one `session`. A crew goes on from bay to bay. The word of
the switches that a door stayed shut is checked: a bay that has changed all the same makes a session, too.

What a power cut must not lose (whose visit it is, and what each bay held) is durable before the first bolt
moves and until the last session has its record; `settle` brings such a visit to its end after a restart. A
door that is on record as opened has been open just once, and shut by whoever shut it (its bolt needs no
power to fall home): so what the bay gained meanwhile belongs to this visit, as it would have with power.
"""

import asyncio

from edge.app import judging, text
from edge.measure.deposit import Verdict
from edge.measure.weighing import Weighing

if False:  # for types
    from collections.abc import Callable

    from edge.app.bay import Bay
    from edge.app.unit import Unit

HOT = "temperature overheated"  # no door is opened to a fire
SAME_E = 2  # so many intervals e are no change of a bay that nobody opened
OPEN_MS = 20_000
USER_CLOSE_MS = 120_000  # then the display asks, and the fault is raised
CREW_CLOSE_MS = 900_000
GIVE_UP_MS = 600_000  # after that; the battery is worth more than one weighing


def known(grams: int) -> Weighing:
    """A stable weighing of which only the result is left."""
    weighing = Weighing()
    weighing.grams, weighing.stable = grams, True
    return weighing


class Visit:
    """`bays`: those that may be used; `user`: the token; `unweighed`: numbers of bays that sell no weight.
    `name`: of a visit that goes on; else it gets its own.
    """

    def __init__(
        self,
        unit: "Unit",
        bays: "list[Bay]",
        show: "Callable[..., None]",
        user: str,
        crew: bool,
        unweighed: "tuple[int, ...]" = (),
        name: str = "",
    ) -> None:
        self._unit = unit
        self._log = unit.log
        self._bays = bays
        self._show = show
        self._user = user
        self._crew = crew
        self._cause = "crew" if crew else "user"
        self._unweighed = () if crew else unweighed
        self._name = name or "%s-%d" % (self._log.ring.log, self._log.ring.head + 1)
        self._before: "dict[int, Weighing]" = {}
        self._after: "dict[int, Weighing]" = {}  # of bays that stayed shut, as it seems
        self._late: "set[int]" = set()  # whose bolt did not come home at once
        self._told = 0  # records that ended a session
        self._problem = ""  # why a bolt was not pulled
        self._stir = asyncio.Event()  # a door has changed
        for bay in bays:
            bay.keeper.notice = self._stir.set

    async def run(self) -> None:
        self._show(*text.lines("wait"))
        usable = await self._weigh_all()
        if not usable:
            return
        self._remember(usable)
        left = usable  # nobody was seen to open them
        while left and HOT not in self._log.faults():
            opened = await self._offer(left)
            if not opened:
                break
            left = [bay for bay in left if bay not in opened]
            told = self._told + len(opened)
            watched = [self._watch(bay, opened, told) for bay in left]
            await asyncio.gather(*([self._use(bay) for bay in opened] + watched))
            for bay in left:
                if bay.number not in self._after:
                    self._end(bay, "fault", "lock-jammed")
            left = [bay for bay in left if bay.number in self._after]
            if not self._crew:
                break
        await self._unopened(left)
        self._unit.forget_visit()

    async def settle(self, before: "dict[int, int | None]", told: "list[int]", opened: "list[int]") -> None:
        """Bring a visit to its end that a restart broke off. `before`: grams by bay number; `told`: bays
        whose session has its record; `opened`: bays whose door is known to have been opened.
        """
        self._told = len(told)
        for bay in self._bays:
            if bay.number not in told and bay.number in before:
                grams = before[bay.number]
                self._before[bay.number] = judging.doubt(bay) if grams is None else known(grams)
                await self._settle(bay, bay.number in opened or not bay.keeper.closed)
        if not self._told:
            self._end(self._bays[0], "nothing", "power-lost")
        self._unit.forget_visit()

    async def _settle(self, bay: "Bay", opened: bool) -> None:
        if opened:
            await self._use(bay)
            return
        # Nobody is known to have opened it: what came in or went in the dark is told, and not paid.
        if self._changed(bay, await judging.after(bay)):
            self._end(bay, "fault", "power-lost")

    def _changed(self, bay: "Bay", after: Weighing) -> bool:
        """Whether an unopened bay weighs something else than before, as far as can be told."""
        if self._before[bay.number].grams is None:
            return False  # it does not sell weight
        return after.grams is None or abs(after.grams - self._grams(bay)) > SAME_E * bay.scale.e_g

    # Before

    async def _weigh_all(self) -> "list[Bay]":
        """The bays whose scale stands still now, or that take material unweighed. None: the visit ends here,
        with the reason.
        """
        weights = await asyncio.gather(*[self._weigh_before(bay) for bay in self._bays])
        usable = []
        problem = None
        for i in range(len(weights)):
            bay = self._bays[i]
            self._before[bay.number] = weights[i]
            verdict = judging.refused(bay, weights[i])
            if verdict is None or bay.number in self._unweighed or self._crew:
                usable.append(bay)
            problem = problem or verdict
        if not usable and problem:
            self._fail(self._bays[0], problem, None)
        return usable

    async def _weigh_before(self, bay: "Bay") -> Weighing:
        return judging.doubt(bay) if bay.number in self._unweighed else await judging.before(bay)

    def _remember(self, bays: "list[Bay]") -> None:
        note = {"name": self._name, "user": self._user, "crew": self._crew, "log": self._log.ring.head + 1}
        note["bays"] = [[bay.number, self._before[bay.number].grams] for bay in bays]
        self._unit.remember_visit(note)

    # The doors

    async def _offer(self, bays: "list[Bay]") -> "list[Bay]":
        """Unlock `bays` until a door is opened, then bolt the others; those that were opened."""
        cycles = {bay.number: bay.keeper.cycles for bay in bays}
        self._after.clear()
        free = []
        for bay in bays:
            if await bay.keeper.unlock(self._cause):
                free.append(bay)
            elif bay.keeper.weak:
                self._problem = "battery-low"
                break
            else:
                self._problem = "lock-jammed"
        if free:
            numbers = " ".join([str(bay.number) for bay in free])
            self._show(
                *(text.lines("open") if len(free) == len(self._bays) else text.lines("open-only", numbers))
            )

        def opened() -> "list[Bay]":
            return [bay for bay in bays if bay.keeper.cycles > cycles[bay.number]]

        await self._until(lambda: bool(opened()), OPEN_MS if free else 0)
        home = await asyncio.gather(*[bay.keeper.lock(self._cause) for bay in free])
        self._late.update([free[i].number for i in range(len(free)) if not home[i]])
        return opened()

    async def _until(self, so: "Callable[[], bool]", timeout_ms: int) -> bool:
        """Wait for something that only a door's change can bring about."""
        clock = self._log.clock
        end = clock.mono_ms() + timeout_ms
        while not so():
            left = end - clock.mono_ms()
            if left <= 0:
                return False
            self._stir.clear()
            try:
                await asyncio.wait_for_ms(self._stir.wait(), left)
            except asyncio.TimeoutError:
                pass
        return True

    async def _use(self, bay: "Bay") -> None:
        """The door of `bay` was opened: from here to its record."""
        keeper, clock = bay.keeper, self._log.clock
        start, first = clock.mono_ms(), keeper.cycles
        bay.opened()
        self._show(*text.lines("unweighed" if bay.number in self._unweighed else "put-in"))

        def shut() -> bool:
            return keeper.closed and not keeper.moving

        asked = False
        while True:
            limit = CREW_CLOSE_MS if self._crew else USER_CLOSE_MS
            limit += GIVE_UP_MS if asked else 0
            if not await self._until(shut, start + limit - clock.mono_ms()):
                if asked:
                    self._end(bay, "fault", "door-left-open", clock.mono_ms() - start)
                    return
                asked = True
                detail = "open for %d s" % ((clock.mono_ms() - start) // 1000)
                self._log.fault(keeper.name, "door-left-open", True, detail)
                self._show(*text.lines("close"))
                continue
            self._log.fault(keeper.name, "door-left-open", False)
            open_ms, cycles = clock.mono_ms() - start, keeper.cycles
            self._show(*text.lines("weighing"))
            after = await judging.after(bay)
            if keeper.cycles == cycles:  # else it was opened again meanwhile: all that is in it is weighed
                break
        self._tell(bay, after, open_ms, keeper.cycles - first + 1)

    async def _watch(self, bay: "Bay", opened: "list[Bay]", told: int) -> None:
        """Weigh a bay that nobody was seen to open while others are: when its bolt is home, and their doors
        are shut or their sessions told (`told`: so many are then). A bolt that is not home by then tells of a
        door that may be open past a dead switch: such a bay is not weighed.
        """

        def shut(one: "Bay") -> bool:
            return one.keeper.closed and not one.keeper.moving

        def calm() -> bool:
            return self._told >= told or (bay.keeper.state == "locked" and all(shut(one) for one in opened))

        await self._until(calm, CREW_CLOSE_MS + GIVE_UP_MS)
        if bay.keeper.state == "locked":
            self._after[bay.number] = await judging.after(bay)

    # The end: on flash first, then on the display

    def _ended(self) -> None:
        """A session gets its record now."""
        self._told += 1
        self._stir.set()

    def _grams(self, bay: "Bay") -> int:
        return self._before[bay.number].grams or 0

    def _tell(self, bay: "Bay", after: Weighing, open_ms: int, cycles: int) -> None:
        verdict = judging.verdict(bay, self._before[bay.number], after, cycles, self._crew)
        if verdict.outcome == "deposit" and self._crew:
            self._end(bay, "nothing", None, open_ms)
            self._show(*text.lines("nothing"))
        elif verdict.outcome == "deposit":
            self._deposit(bay, after, verdict, open_ms)
        elif verdict.outcome == "removed" and self._crew:
            taken = -verdict.net_g
            fields = [("bay", bay.number), ("category", bay.category), ("net_g", taken), ("by", self._user)]
            self._ended()
            if self._log.write("collect", fields):
                self._show(*text.lines("collected", text.kilograms(taken)))
        elif verdict.outcome in ("nothing", "removed"):
            self._end(bay, verdict.outcome, None, open_ms)
            self._show(*text.lines(verdict.outcome))
        else:
            self._fail(bay, verdict, open_ms)

    def _deposit(self, bay: "Bay", after: Weighing, verdict: Verdict, open_ms: int) -> None:
        fields = [("session", self._session(bay)), ("bay", bay.number), ("category", bay.category)]
        fields += [("net_g", verdict.net_g), ("before_g", self._grams(bay)), ("after_g", after.grams)]
        fields += [("e_g", bay.scale.e_g), ("cal", bay.scale.cal), ("below_min", verdict.below_min)]
        self._ended()
        if self._log.write("deposit", fields + [("user", self._user), ("open_ms", open_ms)]):
            self._show(*text.lines("thanks", text.kilograms(verdict.net_g)))
        else:
            self._show(*text.refusal("log-full"))

    async def _unopened(self, bays: "list[Bay]") -> None:
        """These were not opened, as far as the switches tell. Their word is checked: a bay that gained weight
        had its door opened past a switch that does not work.
        """
        told = self._told
        blind: "list[tuple[Bay, Verdict]]" = []
        for bay in bays:
            after = self._after.get(bay.number) or await judging.after(bay)
            if not self._changed(bay, after):
                continue
            verdict = judging.refused(bay, after)
            if after.grams is None and verdict:
                blind.append((bay, verdict))
                continue
            gain = (after.grams or 0) - self._grams(bay)
            if abs(gain) >= bay.scale.min_g:
                bay.keeper.doubt("%d g more than before, and the door was never seen open" % gain)
            self._end(bay, "fault", "switch-conflict")
            if not told:  # else the thanks for what was seen stay on the display
                self._show(*text.refusal("switch-conflict"))
        for bay, verdict in blind:
            if told and bay.number in self._late:  # it was not secure all the time
                self._fail(bay, verdict, None)
        if not self._told:
            self._no_door(bays, blind)

    def _no_door(self, bays: "list[Bay]", blind: "list[tuple[Bay, Verdict]]") -> None:
        """The one record of a visit at which no door was opened. `blind`: bays that cannot be weighed now."""
        if blind:
            self._fail(blind[0][0], blind[0][1], None)
            return
        if self._problem:
            jammed = [bay for bay in bays if bay.keeper.jammed] or bays
            outcome = "refused" if self._problem == "battery-low" else "fault"
            self._end(jammed[0], outcome, self._problem)
            self._show(*text.refusal(self._problem))
        else:
            self._end(bays[0], "nothing")
            self._show(*text.lines("nothing"))

    def _fail(self, bay: "Bay", verdict: Verdict, open_ms: "int | None") -> None:
        """Not weighed, and why."""
        code = verdict.code
        self._end(bay, verdict.outcome, None if code == verdict.outcome else code, open_ms)
        if code == "uncalibrated" or bay.number in self._unweighed:
            self._show(*text.lines("thanks-unweighed"))
        elif code in (None, "unstable"):
            self._show(*text.lines("unstable"))
        else:
            self._show(*text.refusal(code))

    def _session(self, bay: "Bay") -> str:
        return "%s-%d" % (self._name, bay.number)

    def _end(self, bay: "Bay", outcome: str, code: "str | None" = None, open_ms: "int | None" = None) -> None:
        fields = [("session", self._session(bay)), ("bay", bay.number), ("outcome", outcome), ("code", code)]
        self._ended()
        self._log.write("session", fields + [("user", self._user), ("open_ms", open_ms)])
