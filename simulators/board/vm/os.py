"""`os` of the host, except that random bytes are a function of seed, boot and position: a run can be
repeated."""

import hashlib

import _hw
from uos import *  # noqa: F403

_boot = _drawn = 0


def urandom(n):
    global _boot, _drawn
    if _boot != _hw.state["boot"]:
        _boot, _drawn = _hw.state["boot"], 0
    out = b""
    while len(out) < n:
        _drawn += 1
        out += hashlib.sha256("%s/%d/%d" % (_hw.config["seed"], _boot, _drawn)).digest()
    return out[:n]


def uname():
    return ("esp32", "esp32", "1.28.0", "v1.28.0 (simulated)", "Generic ESP32S3 module with ESP32S3")
