"""`machine.UART`: a receive buffer of stated size; bytes from the world arrive in it complete."""

import io

import _hw


class UART(io.IOBase):
    INV_TX, INV_RX, RTS, CTS = 1, 2, 1, 2
    IRQ_RX, IRQ_RXIDLE, IRQ_BREAK = 1, 4096, 2

    def __init__(self, id, baudrate=115200, **kwargs):
        self.id = id
        self.handler = None
        self.rx = bytearray()
        self.lost = 0
        self.rxbuf = 256
        self.init(baudrate, **kwargs)
        _hw.uarts[id] = self

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, rxbuf=None, timeout=0, **kwargs):
        self.baud = baudrate
        if rxbuf:
            self.rxbuf = rxbuf
        self.wire_baud = _hw.config["uarts"].get(str(self.id), baudrate)

    def deinit(self):
        _hw.uarts.pop(self.id, None)

    def arrive(self, data):
        # At another speed than the line's, every byte is read wrongly.
        if self.baud != self.wire_baud:
            data = bytes((b * 37 + 5) & 255 for b in data)
        room = self.rxbuf - len(self.rx)
        if len(data) > room:
            self.lost += len(data) - room
            data = data[:room]  # the hardware FIFO has no room: the newest bytes are lost
        self.rx.extend(data)
        if self.handler is not None and self.trigger & 4097:
            self.handler(self)

    def irq(self, handler=None, trigger=0, hard=False):
        self.handler = handler
        self.trigger = trigger
        return self

    def any(self):
        return len(self.rx)

    def read(self, n=-1):
        rx = self.rx
        if not rx:
            return None
        if n is None or n < 0 or n >= len(rx):
            self.rx = bytearray()
            return bytes(rx)
        data = bytes(rx[:n])
        self.rx = rx[n:]
        return data

    def readinto(self, buf, n=None):
        data = self.read(len(buf) if n is None else n)
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def readline(self):
        i = self.rx.find(b"\n")
        return self.read(i + 1 if i >= 0 else -1)

    def write(self, data):
        if isinstance(data, str):
            data = data.encode()
        data = bytes(data)
        for i in range(0, len(data), 4096):
            _hw.request(85, bytes((self.id,)) + data[i : i + 4096])
        return len(data)

    def flush(self):
        pass

    def txdone(self):
        return True

    def ioctl(self, req, arg):
        if req == 3:
            return (arg & 1 if self.rx else 0) | (arg & 4)
        return 0 if req == 4 else -1
