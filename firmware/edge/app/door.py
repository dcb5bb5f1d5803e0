"""A truck's cargo door: its bolt obeys the fences."""

from edge.app.keeper import Keeper
from edge.app.unit import Unit


class CargoDoor:
    """Its keeper's task records what the switches do; open while it should be bolted is forced."""

    def __init__(self, unit: Unit, name: str) -> None:
        self._unit = unit
        self._keeper = Keeper(unit.log, name, unit.board.part(name))
        self._allowed = False  # as the fences said last

    def begin(self) -> None:
        """Find out how the door stands, after the boot record."""
        self._keeper.begin("power" if self._unit.keep.fresh else None, False)

    async def obey(self, allowed: "bool | None") -> None:
        """Unlock where it is allowed, lock where it is not; None: no rule, leave it as it is (locked since
        power-on).
        """
        if allowed is None or allowed == self._allowed:
            return
        self._allowed = allowed
        await (self._keeper.unlock("fence") if allowed else self._keeper.lock("fence"))
        self._keeper.cause = None  # what happens from now on, somebody else does

    async def command(self, out: bool) -> "tuple[bool, str]":
        """Unlock (`out`) or lock by command, until the fences say something new: (it came off, state)."""
        done = await (self._keeper.unlock("command") if out else self._keeper.lock("command"))
        self._keeper.cause = None
        return done, self._keeper.state

    async def watch(self) -> None:
        """Keep the door for ever."""
        await self._keeper.run()
