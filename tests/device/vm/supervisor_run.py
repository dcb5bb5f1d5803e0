"""Runs the supervisor with tasks that die or hang; prints one JSON line: records, breadcrumb, what ran how
often.
"""

import asyncio
import json
import sys

import edge.supervisor as module
import machine
from edge.blackbox import BlackBox, decode
from edge.clock import Clock
from edge.keep import Keep
from edge.log import Log
from edge.store.ring import Ring
from edge.supervisor import Supervisor
from ramflash import Flash

module.RESTART_MS = 1
module.FEED_MS = 20
module.WELL_MS = 100

keep = Keep()
log = Log(Ring(Flash(8), lambda: 1), Clock(keep), keep)
box = BlackBox(Flash(2))
supervisor = Supervisor(keep, box)
supervisor.started()
supervisor.fault = log.fault
runs = []


async def dies_once():
    runs.append("once")
    if len(runs) == 1:
        raise ValueError("broken")
    await asyncio.sleep_ms(10_000)


async def dies_always():
    runs.append("always")
    await asyncio.sleep_ms(5)
    raise OSError(5)


async def hangs():
    supervisor.check_in("hangs", 50)
    runs.append("hangs")
    await asyncio.sleep_ms(10_000)


async def ends():
    runs.append("ends")


def over(kind):
    """Whether all has happened that will; a reset ends the others."""
    if machine.WDT.feeds <= 2 or kind in ("always", "hangs"):
        return False
    return kind == "ends" or len(list(log.ring.walk())) > 1


async def main(kind):
    supervisor.start(kind, {"once": dies_once, "always": dies_always, "hangs": hangs, "ends": ends}[kind])
    supervisor.start("watch", supervisor.watch)
    for _ in range(4000):  # 20 s: what is late on a busy machine is no failure
        if over(kind):
            return
        await asyncio.sleep_ms(5)


reset = False
try:
    asyncio.run(main(sys.argv[1]))
except SystemExit:
    reset = True
records = [json.loads(data) for data in log.ring.walk()]
again = Keep()  # as the next boot finds it
why = again.data.get("why")
events = [decode(event)[2:] for event in box.last()]
fed = machine.WDT.feeds > 2
print(
    json.dumps({"runs": runs, "reset": reset, "why": why, "records": records, "fed": fed, "events": events})
)
