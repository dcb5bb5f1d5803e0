"""`socket`: in virtual time a socket whose bytes travel over the link; in real time the host's own, while
joined."""

import errno
import io
import struct

import _hw
import network
import usocket

AF_INET, SOCK_STREAM, SOCK_DGRAM = usocket.AF_INET, usocket.SOCK_STREAM, usocket.SOCK_DGRAM
AF_INET6, SOL_SOCKET, SO_REUSEADDR = usocket.AF_INET6, usocket.SOL_SOCKET, usocket.SO_REUSEADDR
SO_KEEPALIVE = 9
IPPROTO_TCP, IPPROTO_UDP, TCP_NODELAY = 6, 17, 1

_next_id = 0


def getaddrinfo(host, port, af=0, type=SOCK_STREAM, proto=0, flags=0):
    if not network.connected():
        raise OSError(-202)  # EAI_FAIL, the number lwIP gives
    if _hw.real:
        return usocket.getaddrinfo(host, port, 0, type)
    return [(AF_INET, type, 6 if type == SOCK_STREAM else 17, "", (host, port))]


class socket(io.IOBase):
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=0):
        global _next_id
        self.type = type
        self.timeout = None  # seconds; None blocks, 0 does not
        self.native = usocket.socket(af, type) if _hw.real else None
        self.rx = b"" if type == SOCK_STREAM else []
        self.state = 0  # 0 new, 1 connecting, 2 open, 3 closed by the peer, 4 failed
        self.error = 0
        _next_id = _next_id + 1 & 0x7FFF
        self.id = _next_id
        _hw.sockets[self.id] = self

    # -- what the world and the radio do

    def arrive(self, what, data):
        if what == 111:  # 'o': open
            self.state = 2
        elif what == 102:  # 'f': refused or reset
            self.fail(data[0] if data else 104)
        elif what == 101:  # 'e': the peer closed
            self.state = 3
        elif self.type == SOCK_STREAM:
            self.rx += bytes(data)
        elif len(self.rx) < 8:
            self.rx.append(bytes(data))

    def fail(self, code):
        if self.native is not None:
            self.native.close()
        self.state, self.error = 4, code

    def ioctl(self, req, arg):
        if req == 3:
            if self.state == 4:
                return arg & 5 | 8
            ev = arg & 1 if self.rx or self.state == 3 else 0
            if self.state >= 2 or self.type == SOCK_DGRAM:
                ev |= arg & 4
            return ev
        if req == 4:
            self.close()
            return 0
        return -1

    # -- what the firmware does

    def _check(self):
        if self.state == 4:
            raise OSError(self.error)
        if not network.connected():
            self.fail(113)
            raise OSError(113)

    def _wait(self, ready):
        # Returns whether `ready()` came true in time.
        target = _hw.FOREVER if self.timeout is None else _hw.now + int(self.timeout * 1_000_000)
        while not ready():
            if _hw.now >= target:
                if self.timeout:
                    raise OSError(errno.ETIMEDOUT)
                return False
            _hw.wait(target)
        return True

    def connect(self, address):
        self._check()
        if self.native is not None:
            if isinstance(address, tuple):
                address = usocket.getaddrinfo(address[0], address[1])[0][-1]
            return self.native.connect(address)
        if self.type == SOCK_DGRAM:
            self.peer = address
            return None
        self.state = 1
        host, port = address[0], address[1]
        _hw.request(75, struct.pack("<BHH", ord("c"), self.id, port) + host.encode())
        if self.timeout == 0:
            raise OSError(errno.EINPROGRESS)
        self._wait(lambda: self.state != 1)
        if self.state == 4:
            raise OSError(self.error)
        return None

    def send(self, data):
        self._check()
        if self.native is not None:
            return self.native.send(data)
        if self.type == SOCK_DGRAM:
            return self.sendto(data, self.peer)
        if self.state != 2:
            raise OSError(errno.ENOTCONN if self.state < 2 else 104)
        data = bytes(data[:4096])
        _hw.request(75, struct.pack("<BHH", ord("s"), self.id, 0) + data)
        return len(data)

    def sendall(self, data):
        mv = memoryview(data)
        while mv:
            mv = mv[self.send(mv) :]

    def write(self, data, n=None):
        if self.native is not None:
            self._check()
            return self.native.write(data)
        if isinstance(data, str):
            data = data.encode()
        total = 0
        mv = memoryview(data)
        while total < len(data):
            total += self.send(mv[total:])
        return total

    def recv(self, n):
        data = self.read(n, True)
        if data is None:
            raise OSError(errno.EAGAIN)
        return data

    def read(self, n=-1, some=False):
        """None: nothing there yet (non-blocking). b"": the peer has closed."""
        self._check()
        if self.native is not None:
            if not some:
                return self.native.read(n) if n >= 0 else self.native.read()
            return self.native.recv(n)
        if self.state == 1:
            return None
        if not self._wait(lambda: self.rx or self.state >= 3):
            return None
        if self.state == 4:
            raise OSError(self.error)
        if self.type == SOCK_DGRAM:
            return self.rx.pop(0)[:n]
        if n < 0:
            n = len(self.rx)
        data = self.rx[:n]
        self.rx = self.rx[n:]
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

    def sendto(self, data, address):
        self._check()
        if self.native is not None:
            if isinstance(address, tuple):
                address = usocket.getaddrinfo(address[0], address[1])[0][-1]
            return self.native.sendto(data, address)
        self.peer = address
        _hw.request(
            75, struct.pack("<BHH", ord("d"), self.id, address[1]) + address[0].encode() + b"\0" + bytes(data)
        )
        return len(data)

    def recvfrom(self, n):
        self._check()
        if self.native is not None:
            return self.native.recvfrom(n)
        data = self.read(n)
        if data is None:
            raise OSError(errno.EAGAIN)
        return data, self.peer

    def setblocking(self, flag):
        self.settimeout(None if flag else 0)

    def settimeout(self, seconds):
        self.timeout = seconds
        if self.native is not None:
            self.native.settimeout(seconds)

    def setsockopt(self, *args):
        if self.native is not None and args[1] == SO_REUSEADDR:
            self.native.setsockopt(*args)

    def bind(self, address):
        if self.native is not None:
            if isinstance(address, tuple):
                address = usocket.getaddrinfo(address[0] or "0.0.0.0", address[1])[0][-1]
            self.native.bind(address)

    def close(self):
        if _hw.sockets.pop(self.id, None) is None:
            return
        if self.native is not None:
            self.native.close()
        elif self.type == SOCK_STREAM and self.state in (1, 2, 3) and not _hw.dead:
            _hw.request(75, struct.pack("<BHH", ord("x"), self.id, 0))
        self.state, self.error = 4, 9
