"""Files and pipes of the host, by the JavaScript module `host`; `attach` puts them below the stand-ins."""

import builtins
import sys

import _hw
import _tasks
import host
from uctypes import addressof


class File:
    """A file of the host, opened for reading and writing: as much of it as the flash stand-in needs."""

    def __init__(self, name):
        self.fd = host.open(name)
        self.at = 0

    def seek(self, at):
        self.at = at

    def readinto(self, buf):
        n = host.readAt(self.fd, addressof(buf), len(buf), self.at)
        self.at += n
        return n

    def read(self, n):
        buf = bytearray(n)
        got = self.readinto(buf)
        return bytes(buf if got == n else buf[:got])

    def write(self, data):
        self.at += host.writeAt(self.fd, addressof(data), len(data), self.at)

    def close(self):
        host.close(self.fd)


class Pipe:
    """One end of a pipe, by its number; reading blocks until all has come or the other end is gone."""

    def __init__(self, fd):
        self.fd = fd

    def read(self, n):
        buf = bytearray(n)
        got = 0
        while got < n:
            more = host.read(self.fd, addressof(buf) + got, n - got)
            if not more:
                break
            got += more
        return bytes(buf if got == n else buf[:got])

    def write(self, data):
        sent = 0
        while sent < len(data):
            sent += host.write(self.fd, addressof(data) + sent, len(data) - sent)


def attach(fd_in, fd_out):
    _hw._in = Pipe(fd_in)
    _hw._out = Pipe(fd_out)
    _hw._link_poll = None  # virtual time never waits in it


sys.modules["_asyncio"] = _tasks
builtins.open = lambda name, mode: File(name)
_hw.attach = attach
