"""What runs in the interpreter: the firmware's link as a truck has it, and a record now and then (settings
`every_s`).
"""

import asyncio
import os
from struct import unpack

from edge.clock import Clock
from edge.keep import Keep
from edge.link.stay import stay
from edge.link.uplink import Uplink
from edge.log import Log
from edge.store import settings
from edge.store.ring import Ring
from esp32 import Partition


def partition(label):
    return Partition.find(Partition.TYPE_DATA, label=label)[0]


async def main():
    keep = Keep()
    clock = Clock(keep)
    log = Log(Ring(partition("log"), lambda: unpack("<I", os.urandom(4))[0]), clock, keep)
    given = settings.load(partition("settings"))
    uplink = Uplink(given, log, keep)
    log.wrote = lambda _kind: uplink.poke()
    task = asyncio.create_task(stay(uplink, clock))
    while not task.done():  # it never is, unless it dies: then the round says that the firmware stopped
        log.write("reading", [("mass_g", 1)])
        await asyncio.sleep_ms(given["every_s"] * 1000)


asyncio.run(main())
