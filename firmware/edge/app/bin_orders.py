"""What commands do at a bin: unlock, lock, zero, hold-awake; each a function of its name (see `unit_orders`).

A bay that a command unlocks is nobody's visit: its door is recorded with the cause `command`, nothing is
paid, and what it weighs is no longer known. The bolt goes home when the door is opened, or after OPEN_MS.
"""

import asyncio

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

    from edge.app.bay import Bay
    from edge.app.bin import Bin

    Outcome = tuple[str, str, dict[str, Any] | None]

OPEN_MS = 60_000
SHUT_MS = 900_000  # as long as a crew's door may stand open
LOOK_MS = 100
HOLD_LEAST_S = 60
HOLD_MOST_S = 14_400


def _bay(owner: "Bin", args: "dict[str, Any]") -> "Bay":
    bays, number = owner.bays, args.get("bay")
    if number is None and len(bays) == 1:
        return bays[0]
    for bay in bays:
        if bay.number == number and number is not True:
            return bay
    known = " ".join([str(bay.number) for bay in bays])
    raise EdgeError("bad-args", "bay %s; there are: %s" % (number, known))


def _free(owner: "Bin") -> None:
    if owner.visiting:
        raise EdgeError("busy", "somebody is being served")


async def unlock(owner: "Bin", args: "dict[str, Any]") -> "Outcome":
    bay = _bay(owner, args)
    _free(owner)
    if [name for name in owner.unit.log.faults() if name.endswith(" overheated")]:
        raise EdgeError("overheated", "an opened door feeds a fire")
    if not owner.can_serve():
        raise EdgeError("battery-low", "the bolt might not get home")
    if not bay.keeper.closed:
        return "done", "", {"bay": bay.number, "door": bay.keeper.state}
    if bay not in owner.lent:
        owner.lent.append(bay)
    if not await bay.keeper.unlock("command"):
        await bay.keeper.lock("command")
        owner.lent.remove(bay)
        raise EdgeError("lock-jammed", "bay %d" % bay.number)
    owner.unit.supervisor.start("relock", lambda: _relock(owner))
    return "done", "", {"bay": bay.number, "door": bay.keeper.state}


async def _relock(owner: "Bin") -> None:
    """See each bay that was unlocked shut and bolted again."""
    while owner.lent:
        bay = owner.lent[0]
        try:
            await _see_home(owner, bay)
        finally:
            owner.lent.remove(bay)


async def _see_home(owner: "Bin", bay: "Bay") -> None:
    keeper, clock = bay.keeper, owner.unit.clock
    start, cycles = clock.mono_ms(), keeper.cycles
    while keeper.state == "unlocked" and clock.mono_ms() - start < OPEN_MS:
        await asyncio.sleep_ms(LOOK_MS)
    await keeper.lock("command")
    while not keeper.closed and clock.mono_ms() - start < SHUT_MS:
        await asyncio.sleep_ms(LOOK_MS)
    await keeper.rest()
    if keeper.cycles != cycles:
        bay.opened()
    keeper.cause = None


async def lock(owner: "Bin", args: "dict[str, Any]") -> "Outcome":
    bay = _bay(owner, args)
    _free(owner)
    if not await bay.keeper.lock("command"):
        code = "lock-jammed" if bay.keeper.closed else "door-open"
        raise EdgeError(code, "bay %d is %s" % (bay.number, bay.keeper.state))
    return "done", "", {"bay": bay.number, "door": bay.keeper.state}


async def zero(owner: "Bin", args: "dict[str, Any]") -> "Outcome":
    bay = _bay(owner, args)
    _free(owner)
    if not bay.keeper.closed:
        raise EdgeError("door-open", "bay %d must be shut" % bay.number)
    zero = await bay.scale.set_zero()
    return "done", "", {"bay": bay.number, "counts": zero.counts, "from_calibration_g": zero.drift_g()}


def hold_awake(owner: "Bin", args: "dict[str, Any]") -> "Outcome":
    for_s = args["for_s"]
    if not isinstance(for_s, int) or not HOLD_LEAST_S <= for_s <= HOLD_MOST_S:
        raise EdgeError("bad-args", "for_s must be %d to %d" % (HOLD_LEAST_S, HOLD_MOST_S))
    if not owner.can_hold():
        raise EdgeError("battery-low", "awake it would use up what visits need")
    owner.unit.orders.hold(for_s)
    return "done", "", {"for_s": for_s}
