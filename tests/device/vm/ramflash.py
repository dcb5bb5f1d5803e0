"""A blank block device in memory."""


class Flash:
    def __init__(self, sectors):
        self.data = bytearray(b"\xff" * 4096 * sectors)

    def readblocks(self, block, buf, offset):
        at = block * 4096 + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset):
        at = block * 4096 + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 6:
            self.data[arg * 4096 : arg * 4096 + 4096] = b"\xff" * 4096
        return len(self.data) // 4096 if op == 4 else 4096
