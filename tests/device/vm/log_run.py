"""The device's log from empty to full, below the voltage floor and over damage; prints one JSON object."""

import json
from binascii import crc32

from edge.clock import Clock
from edge.keep import Keep
from edge.log import Log
from edge.store.ring import Ring
from ramflash import Flash

keep = Keep()
flash = Flash(40)
power = [True]
log = Log(Ring(flash, lambda: 0x12345678, lambda: power[0]), Clock(keep), keep)
out = {}


def readings(looks):
    """Two bays a look; how many of each were written."""
    written = [0, 0]
    for _ in range(looks):
        for bay in (1, 2):
            written[bay - 1] += log.write("reading", [("bay", bay), ("mass_g", 123456), ("fill_pct", 55)])
    return written


# No network: readings until none is taken any more, in spans of 64 looks.
out["spans"] = []
while not out["spans"] or sum(out["spans"][-1]):
    out["spans"].append(readings(64))
out["thinned"] = list(log.faults())
out["refused"] = dict(keep.data["refused"])

# Deposits, until no visit is begun any more.
out["deposits"] = 0
while log.room() and log.write("deposit", [("bay", 1), ("net_g", 100)]):
    out["deposits"] += 1
out["more"] = 0
while log.write("deposit", [("bay", 1), ("net_g", 100)]):
    out["more"] += 1
out["full"] = list(log.faults())

# The gateway is back.
log.ring.ack(log.ring.head)
log.check()
out["drained"] = list(log.faults())
out["again"] = readings(10)

# Below the floor: nothing, and no fault either.
log.ring.ack(log.ring.head)
power[0] = False
before = crc32(flash.data)
out["low"] = [log.write("deposit", [("bay", 1), ("net_g", 1)]), crc32(flash.data) == before]
power[0] = True

# Flash loses a record that was written.
first = log.ring.head + 1
for _ in range(5):
    log.write("deposit", [("bay", 1), ("net_g", 1)])
at = flash.data.find(b'{"seq":%d,' % (first + 2))
flash.data[at + 12] ^= 1
log = Log(Ring(flash, lambda: 1), Clock(keep), keep)
found = []
seq = log.ring.first
while seq <= log.ring.head:
    run = log.ring.read(seq, 4000)
    found += [number - first for number, _data in run]
    seq = run[-1][0] + 1
log.write("boot", [("reason", "power-on")])
told = [json.loads(data) for _seq, data in log.ring.read(first + 3, 4000)]
out["damage"] = [found, [[a - first, b - first] for a, b in log.ring.lost()]]
out["told"] = [r["detail"] for r in told if r["kind"] == "fault"]
log.ring.ack(log.ring.head)
log.check()
out["settled"] = list(log.faults())
out["first"] = first

# RTC memory knows that more was sent than flash shows.
keep.data["sent"] = log.ring.head + 7
head = log.ring.head
log = Log(Ring(flash, lambda: 1), Clock(keep), keep)
out["skipped"] = [log.ring.head - head, [[a - head, b - head] for a, b in log.ring.lost()]]
print(json.dumps(out))
