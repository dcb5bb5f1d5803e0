"""`select.poll` on the simulated clock: waits end at events, never by polling."""

import _hw
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401
from uselect import poll as _native_poll

POLLPRI = 2


class poll:
    def __init__(self):
        self.ours = {}  # id -> [object, mask]: stand-ins and Python streams, asked by ioctl
        self.native = {}  # id -> [object, mask]: file descriptors of this process (console; real sockets)
        self.poller = None

    def register(self, obj, mask=5):
        if hasattr(obj, "ioctl"):
            native = getattr(obj, "native", None)
            if native is None:
                self.ours[id(obj)] = [obj, mask]
                return
            self.native[id(native)] = [native, mask, obj]
        else:
            native = obj
            self.native[id(native)] = [native, mask, obj]
        if self.poller is None:
            self.poller = _native_poll()
            if _hw.real:
                self.poller.register(_hw._in, POLLIN)
        self.poller.register(native, mask)

    def modify(self, obj, mask):
        self.register(obj, mask)

    def unregister(self, obj):
        if self.ours.pop(id(obj), None) is None:
            native = getattr(obj, "native", None) or obj
            if self.native.pop(id(native), None) is None:
                raise OSError(2)
            self.poller.unregister(native)

    def _ready(self):
        out = []
        for e in self.ours.values():
            ev = e[0].ioctl(3, e[1])
            if ev > 0:
                out.append((e[0], ev))
        return out

    def _native_ready(self, found):
        return [(self.native[id(o)][2], ev) for o, ev in found if id(o) in self.native]

    def poll(self, timeout=-1):
        native = self.native and (_hw.real or _hw.console_pending)
        target = _hw.FOREVER if timeout is None or timeout < 0 else _hw.now + timeout * 1000
        while True:
            out = self._ready()
            if native:
                if _hw.real:
                    out += self._native_ready(_hw.poll_native(self.poller, _hw.now if out else target))
                else:
                    out += self._native_ready(self.poller.poll(0))
            if out or _hw.now >= target:
                return out
            if not native or not _hw.real:
                _hw.wait(target)
                native = self.native and (_hw.real or _hw.console_pending)

    def ipoll(self, timeout=-1, flags=0):
        return self.poll(timeout)
