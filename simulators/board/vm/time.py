"""`time` as on the chip: epoch 2000-01-01, `ticks_*` from boot with a period of 2^30, on the simulated
clock."""

import _hw
import utime as _u

_EPOCH_S = 946_684_800  # 2000-01-01 in seconds since 1970
_MASK = 0x3FFFFFFF
_HALF = 0x20000000
_CALL_US = 3  # reading the clock costs time: a loop that waits by looking at it makes progress


def ticks_ms():
    t = _hw.now + _CALL_US
    if t < _hw.limit:
        _hw.now = t
    else:
        _hw.spend(_CALL_US)
    return (_hw.now - _hw.boot_us) // 1000 & _MASK


def ticks_us():
    t = _hw.now + _CALL_US
    if t < _hw.limit:
        _hw.now = t
    else:
        _hw.spend(_CALL_US)
    return _hw.now - _hw.boot_us & _MASK


ticks_cpu = ticks_us


def ticks_add(t, delta):
    if not -_HALF <= delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return t + delta & _MASK


def ticks_diff(a, b):
    return (a - b + _HALF & _MASK) - _HALF


def sleep_us(us):
    _hw.spend(us)


def sleep_ms(ms):
    _hw.spend(ms * 1000)


def sleep(s):
    _hw.spend(int(s * 1_000_000))


def time():
    return (_hw.now - _hw.rtc_zero_us) // 1_000_000


def time_ns():
    return (_hw.now - _hw.rtc_zero_us) * 1000


def gmtime(s=None):
    return _u.gmtime((time() if s is None else int(s)) + _EPOCH_S)[:8]


localtime = gmtime


def mktime(t):
    # The host's mktime works in the host's zone, which the launcher sets to UTC.
    return int(_u.mktime(tuple(t[:8]) + (0,))) - _EPOCH_S
