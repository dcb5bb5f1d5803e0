"""Runs inside MicroPython: one trace of appends and acknowledgements on a counting NOR flash, by the flash
log or by littlefs. Prints one JSON line a tenth of the way, the last one with everything.

`ARGS`: `store` (`ring`, or how many records littlefs gets before each flush), `sectors`, `records`, `size`
(bytes of a record), `batch` (records a message), `late` (messages that are not acknowledged yet).
"""

import json
import os
import vfs

from edge.store.ring import Ring

SECTOR = 4096
SEGMENT = 65_536  # littlefs: a file is removed when everything in it is acknowledged


class Flash:
    """Programming clears bits only; every erase and every programmed byte is counted."""

    def __init__(self, sectors):
        self.data = bytearray(b"\xff" * (SECTOR * sectors))
        self.wear = [0] * sectors
        self.programmed = 0

    def readblocks(self, block, buf, offset=0):
        at = block * SECTOR + offset
        buf[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * SECTOR + offset
        size = len(buf)
        if bytes(memoryview(self.data)[at : at + size]).strip(b"\xff"):
            raise ValueError("sector %d is programmed twice at %d" % (block, offset))
        self.data[at : at + size] = buf
        self.programmed += size

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.wear)
        if op == 5:
            return SECTOR
        if op == 6:
            self.wear[arg] += 1
            self.data[arg * SECTOR : (arg + 1) * SECTOR] = b"\xff" * SECTOR
        return 0


class RingStore:
    def __init__(self, flash):
        self._ring = Ring(flash, lambda: 1)

    def append(self, data):
        self._ring.append(data, False)

    def ack(self, seq):
        self._ring.ack(seq)

    def close(self):
        pass


class LittleFs:
    """Files of SEGMENT bytes, appended to; flushed (which syncs) every `each` records. What is acknowledged
    is a file of its own, replaced by rename, written with every message as the ring writes its entry.
    """

    def __init__(self, flash, each):
        vfs.VfsLfs2.mkfs(flash)
        self._fs = vfs.VfsLfs2(flash)
        self._each = each
        self._files = []  # (name, last record)
        self._open = None
        self._seq = self._size = self._waiting = 0

    def append(self, data):
        if self._open is None or self._size + len(data) + 12 > SEGMENT:
            self.close()
            name = "%d" % (self._seq + 1)
            self._open = self._fs.open(name, "wb")
            self._files.append([name, self._seq])
            self._size = 0
        self._open.write(data + b"crc-and-head")  # what an entry of the ring has beside the text
        self._seq += 1
        self._files[-1][1] = self._seq
        self._size += len(data) + 12
        self._waiting += 1
        if self._waiting >= self._each:
            self._open.flush()
            self._waiting = 0

    def ack(self, seq):
        f = self._fs.open("acked.new", "wb")
        f.write(b"%d" % seq)
        f.close()
        self._fs.rename("acked.new", "acked")
        while len(self._files) > 1 and self._files[0][1] <= seq:
            self._fs.remove(self._files.pop(0)[0])

    def close(self):
        if self._open:
            self._open.close()


def main():
    args = json.loads(os.getenv("ARGS"))
    flash = Flash(args["sectors"])
    store = RingStore(flash) if args["store"] == "ring" else LittleFs(flash, args["store"])
    formatted, programmed = sum(flash.wear), flash.programmed
    batch = args["batch"]
    for seq in range(1, args["records"] + 1):
        store.append((b"%d " % seq + b"x" * args["size"])[: args["size"]])
        if seq % batch == 0:
            acked = seq - batch * args["late"]
            if acked > 0:
                store.ack(acked)
        if seq % (args["records"] // 10) == 0:
            print(json.dumps({"done": seq}))
    store.close()
    print(
        json.dumps(
            {
                "erases": sum(flash.wear) - formatted,
                "most_worn": max(flash.wear),
                "programmed": flash.programmed - programmed,
            }
        )
    )


main()
