"""`esp32`: flash partitions with NOR rules over image files, and the wake-up sources of deep sleep."""

import _hw

WAKEUP_ALL_LOW = WAKEUP_ANY_LOW = False
WAKEUP_ANY_HIGH = True

_BLOCK = 4096
_BLANK = b"\xff" * _BLOCK
# Data-sheet figures of a usual 8 MiB SPI NOR (W25Q64): page program 0.4 ms, sector erase 45 ms, read 40 MHz
# quad.
_READ_US, _PROGRAM_US, _ERASE_US = 30, 400, 45_000


def wake_on_ext0(pin, level):
    _hw.wake_levels[pin.id] = 1 if level else 0


def wake_on_ext1(pins, level):
    for p in pins or ():
        _hw.wake_levels[p.id] = 3 if level else 2


def mcu_temperature():
    return 35


_files = {}  # open flash images: one each, however often the firmware looks a partition up


def release():
    """Close them: the process lives on after this interpreter (fidelity *full*)."""
    for f in _files.values():
        f.close()
    _files.clear()


class Partition:
    BOOT, RUNNING = 0, 1
    TYPE_APP, TYPE_DATA = 0, 1

    def __init__(self, id, block_size=_BLOCK):
        for label, path, size in _hw.config["partitions"]:
            if label == id:
                self.label, self.size, self.block_size = label, size, block_size
                if path not in _files:
                    _files[path] = open(path, "r+b")
                self.f = _files[path]
                return
        raise OSError(2, id)

    @staticmethod
    def find(type=1, subtype=255, label=None, block_size=_BLOCK):
        if type != 1:
            return []
        return [
            Partition(p[0], block_size) for p in _hw.config["partitions"] if label is None or p[0] == label
        ]

    def info(self):
        return (1, 64, 0x300000, self.size, self.label, False)

    def readblocks(self, block, buf, offset=0):
        if _hw.dead:
            raise _hw.Reset
        self._seek(block, offset, len(buf))
        _hw.spend(_READ_US)
        self.f.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        """Program. Without `offset` whole blocks are erased first, as the chip's driver does; with it, bits
        only clear."""
        n = len(buf)
        if offset is None:
            for b in range(block, block + (n + self.block_size - 1) // self.block_size):
                self._erase(b)
            offset = 0
        at = self._seek(block, offset, n)
        old = self.f.read(n)
        data = bytes(buf)
        if old != (_BLANK[:n] if n <= _BLOCK else b"\xff" * n):
            a = int.from_bytes(old, "little") & int.from_bytes(data, "little")
            got = a.to_bytes(n, "little")
            if got != data:
                # On the chip this is silent; here the world counts it, since it is always a mistake of the
                # firmware.
                _hw.send(86, b"\x00")
            data = got
        cut = _cut()
        self.f.seek(at)
        if cut:
            # The supply fails on the way: the first part is programmed, one byte has only some of its bits
            # cleared.
            done = n * _hw.state["torn"] // 256
            torn = data[:done] + bytes((data[done] | 0x5A & old[done],)) if n > 1 else data[:0]
            self.f.write(torn)
            _hw.reset(67, self.label.encode() + b" program")
        self.f.write(data)
        _hw.spend(_PROGRAM_US * ((n + 255) // 256))

    def ioctl(self, cmd, arg):
        if cmd == 4:
            return self.size // self.block_size
        if cmd == 5:
            return self.block_size
        if cmd == 6:
            self._erase(arg)
        return 0

    def _erase(self, block):
        # The world reads what this sector holds before it is gone.
        at = self._seek(block, 0, self.block_size)
        _hw.request(69, bytes((block & 255, block >> 8)) + self.label.encode())
        self.f.seek(at)
        if _cut():
            # An interrupted erase leaves bits in no defined state: here a part is blank; of the rest, every
            # other time, some bits are set already and others not yet.
            torn = _hw.state["torn"]
            done = self.block_size * torn // 256
            rest = bytearray(self.f.read(self.block_size))[done:]
            if torn & 1:
                for i in range(len(rest)):
                    rest[i] |= 0x5A
            self.f.seek(at)
            self.f.write(_BLANK[:done] + rest)
            _hw.reset(67, self.label.encode() + b" erase")
        for _ in range(0, self.block_size, _BLOCK):
            self.f.write(_BLANK)
        _hw.spend(_ERASE_US)

    def _seek(self, block, offset, n):
        if _hw.dead:
            raise _hw.Reset
        at = block * self.block_size + offset
        if block < 0 or at + n > self.size:
            raise OSError(22)
        self.f.seek(at)
        return at


def _cut():
    # A planned power cut: the world named the number of the flash operation, counted from boot, that is torn.
    _hw.flash_operations += 1
    return _hw.flash_operations == _hw.state.get("cut_at_flash_op")


class NVS:
    def __init__(self, namespace):
        raise NotImplementedError("NVS is not simulated: settings live on their own partition")
