"""After a restart: the visit that it broke off, brought to its end.

What is on flash says how far it had come.
"""

import json

from edge.app.session import Visit

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    from edge.app.bay import Bay
    from edge.app.unit import Unit
    from edge.store.ring import Ring

_READ = 4096


def since(ring: "Ring", first: int) -> "list[dict[str, Any]]":
    """Records from number `first` on that tell of doors and sessions. (Few: a visit was running.)"""
    found = []
    while first <= ring.head:
        run = ring.read(first, _READ)
        if not run:
            break
        for _seq, data in run:
            for kind in (b'"deposit"', b'"session"', b'"collect"', b'"door"'):
                if b'"kind":' + kind in data:
                    found.append(json.loads(data))
        first = run[-1][0] + 1
    ring.rest()
    return found


def progress(
    note: "dict[str, Any]", records: "list[dict[str, Any]]", locks: "dict[str, int]"
) -> "tuple[list[int], list[int]]":
    """(bays whose session has its record, bays whose door was opened) since the note. `locks`: bay of each
    lock.
    """
    told: "list[int]" = []
    opened: "list[int]" = []
    for record in records:
        if record["kind"] == "door":
            if record["state"] == "open" and record["door"] in locks:
                opened.append(locks[record["door"]])
        elif record["kind"] == "collect" or record["session"].startswith(note["name"] + "-"):
            told.append(record["bay"])
    return told, opened


async def settle(
    unit: "Unit", note: "dict[str, Any]", bays: "list[Bay]", show: "Callable[..., None]"
) -> None:
    """Give each session of the broken-off visit its one record, unless it has it."""
    before: "dict[int, int | None]" = dict(note["bays"])
    mine = [bay for bay in bays if bay.number in before]
    if not mine:  # the settings were changed meanwhile
        unit.forget_visit()
        return
    locks = {bay.keeper.name: bay.number for bay in mine}
    told, opened = progress(note, since(unit.log.ring, note["log"]), locks)
    visit = Visit(unit, mine, show, note["user"], note["crew"], (), note["name"])
    await visit.settle(before, told, opened)
