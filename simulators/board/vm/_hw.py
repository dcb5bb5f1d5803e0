"""The chip's clock, its event list and its one link to the world. Every stand-in in this folder leans on it.

Time is an integer of microseconds since 1970-01-01 UTC. It moves only here: `spend` (the CPU is busy) and
`wait` (it sleeps). Between two waits time is virtual in both modes, so that bit-banged edges have the
lengths that the firmware gave them; at a wait, virtual mode jumps to the next event, real mode lets the wall
clock catch up.

The world grants time by events: `horizon` is when it next has something for us, and until then nobody is
asked.

Link, both ways: little-endian `u16 length`, then that many bytes, one `write` a frame. To the world: `u8
type`, `i64 now`, body (see `simulators/board/link.py`, which holds the same table). From it: `u8` 'r'
(answer) or 'p' (pushed, real mode only), `i64 horizon`, `i64 result`, then stimuli.
"""

import struct
import sys

import uselect
from utime import ticks_us  # of the host: monotonic, does not wrap in our time

FOREVER = 1 << 61


class Reset(BaseException):
    """The chip resets. Unwinds the firmware; from then on every stand-in raises it again."""


now = 0
horizon = 0
limit = 0  # the earliest of horizon and of the first local event
dead = False
real = False
console_pending = False  # the world has put bytes on our standard input (virtual mode)
boot_us = 0  # when this boot began: what ticks count from
rtc_zero_us = 0  # where the chip's own clock has its zero, in world time
config = {}
state = {}  # of this boot: count, cause, wake
rtc_memory = b""

levels = {}  # input levels by GPIO number, as the world drives them
outputs = {}  # what the chip drives
pins = {}  # Pin objects by number
uarts = {}  # open UARTs by id
bridges = {}  # HX711 models by data pin
sockets = {}  # open virtual sockets by id
wake_levels = {}  # GPIO number -> level that ends deep sleep
watchdog = None
flash_operations = 0  # programs and erases since boot

_events = []  # [time, function], ascending
_in = _out = _link_poll = None
_wall_base = 0


def attach(fd_in, fd_out):
    """Open the link; called once per interpreter."""
    global _in, _out, _link_poll
    _in = open(fd_in, "rb")
    _out = open(fd_out, "wb")
    _link_poll = uselect.poll()
    _link_poll.register(_in, uselect.POLLIN)


# -- events of this chip -------------------------------------------------------------------------------------


def at(t, fn):
    """Call `fn` when the clock reaches `t`. Returns a handle for `cancel`."""
    global limit
    e = [t, fn]
    i = len(_events)
    while i and _events[i - 1][0] > t:
        i -= 1
    _events.insert(i, e)
    if t < limit:
        limit = t
    return e


def cancel(e):
    """Forget an event; one that has fired already is no error."""
    global limit
    if e in _events:
        _events.remove(e)
        limit = min(horizon, _events[0][0]) if _events else horizon


def _fire():
    # One thing that is due: an event of our own, else what the world has.
    global limit
    if _events and _events[0][0] <= now:
        e = _events.pop(0)
        limit = min(horizon, _events[0][0]) if _events else horizon
        e[1]()
    elif horizon <= now:
        request(84)  # 'T'


def spend(us):
    """The CPU is busy for `us` microseconds; what falls due meanwhile happens at its own instant."""
    global now
    if dead:
        raise Reset
    target = now + us
    if real and us > 2000:
        while now < target:
            wait(target)
        return
    while limit <= target:
        if limit > now:
            now = limit
        _fire()
    if target > now:
        now = target


def wait(target):
    """Sleep until `target`, or until something happened that may have made a waiter ready."""
    global now
    if dead:
        raise Reset
    t = limit if limit < target else target
    if real:
        _wall_wait(t, None)
    elif t > now:
        now = t
    if limit <= now:
        _fire()


def _wall_wait(t, poll):
    # Let the wall clock reach `t` at most; stop early for the link, or for what `poll` watches. Returns its
    # ready list.
    global now
    wall = _wall_base + ticks_us()
    if wall > now:
        now = wall
    ms = (t - now + 999) // 1000
    if ms < 0:
        ms = 0
    elif ms > 1000000:
        ms = 1000000
    ready = []
    for obj, ev in (poll or _link_poll).poll(ms):
        if obj is _in:
            _receive()
        else:
            ready.append((obj, ev))
    wall = _wall_base + ticks_us()
    if wall > now:
        now = wall
    return ready


def poll_native(poll, target):
    """Wait in `poll` (native objects, the link among them) until `target`; returns its ready list. Real
    mode."""
    if dead:
        raise Reset
    ready = _wall_wait(limit if limit < target else target, poll)
    if limit <= now:
        _fire()
    return ready


# -- the link ------------------------------------------------------------------------------------------------


def send(kind, body=b""):
    """Tell the world something that it does not answer."""
    if dead:
        raise Reset
    _out.write(struct.pack("<HBq", 9 + len(body), kind, now) + body)


def request(kind, body=b""):
    """Tell the world, wait for its answer, let its stimuli act. Returns the answer's result."""
    send(kind, body)
    while True:
        answer = _receive()
        if answer is not None:
            return answer


def _read_frame():
    head = _in.read(2)
    if len(head) != 2:
        sys.exit(3)  # the world is gone: this process has no purpose any more
    return _in.read(head[0] | head[1] << 8)


def _receive():
    global horizon, limit
    f = _read_frame()
    kind, horizon, result = struct.unpack_from("<Bqq", f)
    limit = min(horizon, _events[0][0]) if _events else horizon
    if len(f) > 17:
        _stimulate(f, 17)
    return result if kind == 114 else None


def _stimulate(f, i):
    global console_pending
    n = len(f)
    while i < n:
        kind = f[i]
        if kind == 112:  # 'p': pin, level
            pin, level = f[i + 1], f[i + 2]
            i += 3
            if levels.get(pin) != level:
                levels[pin] = level
                p = pins.get(pin)
                if p is not None:
                    p.edge(level)
        elif kind == 98:  # 'b': data pin, connected, nanovolt, noise, fault, every
            pin, connected, nv, noise, fault, every = struct.unpack_from("<BBqIBI", f, i + 1)
            i += 20
            b = bridges.get(pin)
            if b is not None:
                b.nv = nv if connected else None
                b.noise = noise
                b.break_(fault, every)
        elif kind == 117:  # 'u': uart, length, bytes
            uart, size = struct.unpack_from("<BH", f, i + 1)
            i += 4
            u = uarts.get(uart)
            if u is not None:
                u.arrive(f[i : i + size])
            i += size
        elif kind == 110:  # 'n': socket, event, length, bytes
            sid, what, size = struct.unpack_from("<HBH", f, i + 1)
            i += 6
            s = sockets.get(sid)
            if s is not None:
                s.arrive(what, f[i : i + size])
            i += size
        elif kind == 99:  # 'c': console input waits on file descriptor 0
            console_pending = True
            i += 1
        elif kind == 121:  # 'y': a brown-out; what RTC memory holds goes to the world, which keeps it
            reset(82, struct.pack("<Bq", 1, rtc_zero_us) + rtc_memory)
        else:  # 'x': the supply has failed
            _die()


# -- life of a chip ------------------------------------------------------------------------------------------


def boot():
    """Start: ask the world what time it is, why we boot, what the inputs carry. Returns the boot document."""
    global now, dead, boot_us, rtc_zero_us, rtc_memory, real, _wall_base, config, state, watchdog
    global flash_operations
    import json

    dead = False
    watchdog = None
    flash_operations = 0
    del _events[:]
    for d in (levels, outputs, pins, uarts, bridges, sockets, wake_levels):
        d.clear()
    _out.write(struct.pack("<HBq", 9, 66, now))  # 'B'
    while True:
        f = _read_frame()
        if f[0] == 66:
            break
    now, rtc_zero_us, size, rest = struct.unpack_from("<qqHH", f, 1)
    rtc_memory = f[21 : 21 + size]
    state = json.loads(f[21 + size : 21 + size + rest])
    if "config" in state:
        config = state["config"]
    real = config["mode"] == "real"
    _wall_base = now - ticks_us()
    boot_us = now
    from _hx711 import Hx711

    for data, clock, power, rate in config["hx711"]:
        bridges[data] = Hx711(data, clock, power, rate, config["seed"])
    _begin(f, 21 + size + rest)


def _begin(f, i):
    global horizon, limit
    (horizon,) = struct.unpack_from("<q", f, i)
    limit = horizon
    _stimulate(f, i + 8)


def reset(kind, body=b""):
    """End this boot: `kind` says how (see link.py). Never returns."""
    send(kind, body)
    _die()


def _die():
    global dead, limit
    dead = True
    limit = -1  # whoever takes a short cut around `spend` comes to see it
    raise Reset
