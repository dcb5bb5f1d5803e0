"""The same modules under the real interpreter: bytes made on one side are read on the other."""

import json
import subprocess
import sys
from pathlib import Path

from edge.store import record, settings
from edge.store.ring import Ring
from edge.store.sector import entries

from simulators.board.firmware import FIRMWARE
from simulators.board.program import PRELUDE
from tests.device.conftest import LOGS
from tests.device.flash import Flash
from tests.device.interpreter import micropython
from tests.device.test_nmea import read

FLASH = """
class Flash:
    def __init__(self, path, new=0):
        if new:
            with open(path, "wb") as f:
                f.write(b"\\xff" * 4096 * new)
        self.f = open(path, "r+b")
        self.n = self.f.seek(0, 2) // 4096
    def readblocks(self, block, buf, offset):
        self.f.seek(block * 4096 + offset)
        self.f.readinto(buf)
    def writeblocks(self, block, buf, offset):
        self.f.seek(block * 4096 + offset)
        self.f.write(buf)
        self.f.flush()
    def ioctl(self, op, arg):
        if op == 6:
            self.writeblocks(arg, b"\\xff" * 4096, 0)
        return self.n if op == 4 else 4096
"""


def test_a_log_written_by_micropython_is_read_here_and_goes_on(tmp_path: Path) -> None:
    image = tmp_path / "log.bin"
    program = (
        PRELUDE
        + FLASH
        + """
from edge.store.ring import Ring
from edge.store import record
flash = Flash(args[0], 8)
ring = Ring(flash, lambda: 0xFEDCBA98)
for n in range(500):
    fields = [("bay", 1), ("category", "纸"), ("net_g", -n), ("below_min", n % 2 == 0), ("user", None)]
    ring.append(record.encode(ring.head + 1, 1_790_000_000_000 + n, "none", "deposit", fields))
    if n % 10 == 9:
        ring.ack(ring.head - 3)
    if n == 497:
        ring.add_time(497, 5000)
ring = Ring(flash, None)
run = [[s, d.decode()] for s, d in ring.read(ring.first, 9000)]
print(json.dumps([ring.log, ring.head, ring.acked, run]))
"""
    )
    log, head, acked, run = json.loads(micropython(program, str(image)))
    assert (log, head, acked) == ("fedcba98", 500, 497)
    here = Ring(Flash(0, image.read_bytes()), lambda: 0)
    assert [[seq, data.decode()] for seq, data in here.read(here.first, 9999)] == run
    records = {seq: json.loads(data) for _log, seq, data in entries(image.read_bytes())}
    assert records[498] == {
        "seq": 498, "t": 1_790_000_005_497, "clock": "back", "kind": "deposit",
        "bay": 1, "category": "纸", "net_g": -497, "below_min": False,
    }  # fmt: skip
    assert here.append(record.encode(501, 0, "none", "boot", [])) == 501


def test_settings_made_here_are_read_by_micropython_and_back(tmp_path: Path) -> None:
    doc = {"device": "bin-001", "名": "纸", "list": [1, -2, 2**40], "none": None, "true": True}
    image = tmp_path / "settings.bin"
    image.write_bytes(settings.encode(doc, 65536))
    program = (
        PRELUDE
        + FLASH
        + """
from edge.store import settings
flash = Flash(args[0])
doc = settings.load(flash)
doc["seen"] = True
settings.save(flash, doc)
"""
    )
    micropython(program, str(image))
    assert settings.load(Flash(0, image.read_bytes())) == {**doc, "seen": True}


def test_every_log_gives_the_same_fixes_under_micropython() -> None:
    program = (
        PRELUDE
        + """
from edge.drivers.nmea import Receiver
for path in args:
    receiver, fixes = Receiver(), []
    with open(path, "rb") as f:
        for line in f.read().split(b"\\n"):
            if not line.startswith(b"#"):
                fixes += receiver.feed(line + b"\\n")
    fixes += receiver.idle()
    seen = [[f.utc_ms, f.lat_e7, f.lon_e7, f.speed_cmps, f.course_cdeg, f.hdop_c, f.sats] for f in fixes]
    print(json.dumps(seen))
"""
    )
    answers = micropython(program, *map(str, LOGS)).splitlines()
    for path, answer in zip(LOGS, answers, strict=True):
        log = b"".join(
            line for line in path.read_bytes().splitlines(keepends=True) if not line.startswith(b"#")
        )
        fixes = read(log)
        assert json.loads(answer) == [
            [f.utc_ms, f.lat_e7, f.lon_e7, f.speed_cmps, f.course_cdeg, f.hdop_c, f.sats] for f in fixes
        ]


def test_mqtt_and_fences_agree_with_this_side() -> None:
    program = """
import json
from edge.link.mqtt import Session
from edge.measure.geofence import inside, border_cm
s = Session("bin-001")
out = [s.connect("u", "p", 60, ("w", b"{}")), s.subscribe("a/+")[1], s.publish("t", b"x" * 300)[1]]
events = list(s.feed(b"\\x20\\x02\\x01\\x00\\x40\\x02\\x00\\x02\\x32\\x06\\x00\\x01t\\x00\\x09!"))
ring = [[[1171490000, 391190000], [1171510000, 391190000], [1171500000, 391210000]]]
print(json.dumps([[o.hex() for o in out], repr(events), inside(ring, 391199999, 1171500001),
    border_cm(ring, 391190500, 1171500000)]))
"""
    there = micropython(program)
    here = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": str(FIRMWARE)},
    ).stdout  # fmt: skip
    assert json.loads(there) == json.loads(here)
