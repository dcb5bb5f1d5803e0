"""Runs the device's uplink against a port: writes records, connects again and again until all are
acknowledged.

Prints one JSON line: how each session ended, and what is left.
"""

import asyncio
import json
import os
import time

from edge.clock import Clock
from edge.errors import EdgeError
from edge.keep import Keep
from edge.link import reach
from edge.link import uplink as module
from edge.link.uplink import Uplink
from edge.log import Log
from edge.store.ring import Ring
from ramflash import Flash


class Air:
    """A bearer that is always up: the host's own network."""

    up_ms = 1000

    async def up(self, deadline_ms):
        pass

    def is_up(self):
        return True

    def well(self):
        pass


module.ANSWER_MS = 400  # the same rules, in less time
module.PUBACK_MS = 600
reach.CONNECT_MS = 400
module.SEND_MS = 400


port, records = json.loads(os.getenv("ARGS"))


async def main():
    keep = Keep()
    log = Log(Ring(Flash(16), lambda: 0x12345678), Clock(keep), keep)
    for n in range(records):
        log.write("deposit", [("bay", 1), ("net_g", n)])
    broker = {
        "host": "127.0.0.1",
        "port": port,
        "password": "bin-001-secret",
        "keepalive_s": 1,
    }
    up = Uplink({"device": "bin-001", "broker": broker}, log, keep, Air())
    up._window._stall_ms = 300
    ends = []
    while log.backlog and len(ends) < 40:
        start = time.ticks_ms()
        try:
            await asyncio.wait_for_ms(up.session(lambda: log.backlog == 0, lambda: 1234), 5000)
            ends.append("done")
        except (EdgeError, OSError) as error:
            ends.append(error.code if isinstance(error, EdgeError) else "os-error")
        except asyncio.TimeoutError:
            ends.append("WEDGED")
        if time.ticks_diff(time.ticks_ms(), start) < 20:
            await asyncio.sleep_ms(20)
    print(json.dumps({"ends": ends, "backlog": log.backlog}))


asyncio.run(main())
