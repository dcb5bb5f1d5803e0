"""Runs the device's uplink with the settings and limits of ARGS against real brokers; prints one JSON line:
how each session ended, what is left, and the longest time for which the event loop stood still.
"""

import asyncio
import json
import os
import time

from edge.clock import Clock
from edge.errors import EdgeError
from edge.keep import Keep
from edge.link import reach
from edge.link.uplink import Uplink
from edge.log import Log
from edge.store.ring import Ring
from ramflash import Flash

args = json.loads(os.getenv("ARGS"))
for name, value in args["limits"].items():
    setattr(reach, name, value)
gaps = [0]  # the longest, in us


class Air:
    """A bearer that is always up: the host's own network."""

    up_ms = 1000

    async def up(self, deadline_ms):
        pass

    def is_up(self):
        return True

    def well(self):
        pass


async def tick():
    last = time.ticks_us()
    while True:
        await asyncio.sleep_ms(0)
        now = time.ticks_us()
        gaps[0] = max(gaps[0], time.ticks_diff(now, last))
        last = now


async def main():
    keep = Keep()
    log = Log(Ring(Flash(16), lambda: 0x12345678), Clock(keep), keep)
    for n in range(20):
        log.write("deposit", [("bay", 1), ("net_g", n)])
    up = Uplink(args["settings"], log, keep, Air())
    ticking = asyncio.create_task(tick())

    def done():
        return log.ring.head == up._window.sent or ticking.done()

    ends = []
    for wake_ms in args["wakes_ms"]:
        try:
            await asyncio.wait_for_ms(up.session(done, lambda: None), wake_ms)
            ends.append("done")
        except (EdgeError, OSError) as error:
            ends.append(error.code if isinstance(error, EdgeError) else "os-error")
        except asyncio.TimeoutError:
            ends.append("cancelled")
    print(
        json.dumps(
            {
                "ends": ends,
                "sent": up._window.sent,
                "at": keep.data.get("broker", 0),
                "tls_ms": keep.data.get("tls_ms", 0),
                "blocked_ms": gaps[0] // 1000,
            }
        )
    )


asyncio.run(main())
