"""Makes TLS connections as the firmware does; prints for each the longest time, in us on the processor, for
which the event loop stood still, and the time that the loop's own turn takes.
"""

import asyncio
import json
import os

from edge.link.connection import dial
from edge.link.mqtt import Session
from edge.link.tls import Tls

args = json.loads(os.getenv("ARGS"))


def on_cpu_us():
    """Of this process alone: what others take of a busy machine does not count."""
    with open("/proc/self/schedstat") as f:
        return int(f.read().split()[0]) // 1000


async def main():
    longest = [0]

    async def tick():
        last = on_cpu_us()
        while True:
            await asyncio.sleep_ms(0)
            now = on_cpu_us()
            longest[0] = max(longest[0], now - last)
            last = now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep_ms(50)
    idle_us = longest[0]
    secure = Tls(args["tls"])
    found = []
    for _ in range(args["connections"]):
        longest[0] = 0
        session = Session("bin-001")
        link = dial("127.0.0.1", args["port"], "broker", secure, args["name"])
        await link.write(session.connect("bin-001", "", 60, ("huishou/1/bin-001/up/state", b"{}")), 20000)
        let_in = False
        while not let_in:
            for event in session.feed(await link.read(20000)):
                let_in = event[0] == "connack"
        link.close()
        found.append(longest[0])
    ticking.cancel()
    print(json.dumps({"idle_us": idle_us, "longest_us": found}))


asyncio.run(main())
