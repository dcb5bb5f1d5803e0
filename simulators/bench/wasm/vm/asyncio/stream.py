"""Streams, as described for `asyncio` of MicroPython 1.28."""

from . import core


class Stream:
    def __init__(self, s, e={}):  # noqa: B006 (as the original: never changed)
        self.s = s
        self.e = e
        self.out_buf = b""

    def get_extra_info(self, name):
        return self.e[name]

    def close(self):
        pass

    async def wait_closed(self):
        self.s.close()

    def read(self, n=-1):
        result = b""
        while True:
            yield core._io_queue.queue_read(self.s)
            found = self.s.read(n)
            if found is not None:
                result += found
                if n >= 0 or not found:
                    return result

    def readinto(self, buf):
        yield core._io_queue.queue_read(self.s)
        return self.s.readinto(buf)

    def readexactly(self, n):
        result = b""
        while n:
            yield core._io_queue.queue_read(self.s)
            found = self.s.read(n)
            if found is not None:
                if not found:
                    raise EOFError
                result += found
                n -= len(found)
        return result

    def readline(self):
        result = b""
        while True:
            yield core._io_queue.queue_read(self.s)
            found = self.s.readline()
            if found is not None:
                result += found
                if not found or result[-1] == 10:
                    return result

    def write(self, buf):
        if not self.out_buf:
            sent = self.s.write(buf)
            if sent == len(buf):
                return
            if sent is not None:
                buf = buf[sent:]
        self.out_buf += buf

    def drain(self):
        if not self.out_buf:
            return (yield from core.sleep_ms(0))
        view = memoryview(self.out_buf)
        at = 0
        while at < len(view):
            yield core._io_queue.queue_write(self.s)
            sent = self.s.write(view[at:])
            if sent is not None:
                at += sent
        self.out_buf = b""


StreamReader = StreamWriter = Stream


def open_connection(host, port, ssl=None, server_hostname=None):
    import socket
    from errno import EINPROGRESS

    address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    s = socket.socket(address[0], address[1], address[2])
    s.setblocking(False)
    try:
        s.connect(address[-1])
    except OSError as error:
        if error.errno != EINPROGRESS:
            raise
    yield core._io_queue.queue_write(s)
    stream = Stream(s)
    return stream, stream
