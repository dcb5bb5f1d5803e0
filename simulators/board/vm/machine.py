"""`machine` as MicroPython 1.28 has it on the ESP32-S3, over the simulated chip of `_hw`."""

import struct

import _hw
from _uart import UART  # noqa: F401

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
PIN_WAKE = EXT0_WAKE = 2
EXT1_WAKE, TIMER_WAKE, TOUCHPAD_WAKE, ULP_WAKE = 3, 4, 5, 6
SLEEP, DEEPSLEEP = 2, 4


class Pin:
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING, WAKE_LOW, WAKE_HIGH = 1, 2, 4, 5
    DRIVE_0, DRIVE_1, DRIVE_2, DRIVE_3 = 0, 1, 2, 3

    def __new__(cls, id, *args, **kwargs):
        # As on the chip, there is one object per GPIO.
        p = _hw.pins.get(id)
        if p is None:
            if not isinstance(id, int) or not 0 <= id <= 48:
                raise ValueError("invalid pin")
            p = object.__new__(cls)
            p.id = id
            p.mode = p.pull = p.handler = None
            p.trigger = 0
            p.chip = None
            _hw.pins[id] = p
            p.wire()
        return p

    def __init__(self, id, mode=None, pull=-1, value=None, drive=None, hold=None, alt=None):
        if mode is not None or value is not None or pull != -1:
            self.init(mode, pull, value)

    def wire(self):
        for b in _hw.bridges.values():
            if self.id == b.data or self.id == b.clock or self.id == b.power:
                self.chip = b

    def init(self, mode=None, pull=-1, value=None, drive=None, hold=None, alt=None):
        if mode is not None:
            self.mode = mode
        if pull != -1:
            self.pull = pull
        if value is not None:
            self.value(value)

    def value(self, *v):
        if v:
            self.drive(1 if v[0] else 0)
            return None
        if self.chip is not None and self.id == self.chip.data:
            return self.chip.level()
        if self.mode == 3:
            return _hw.outputs.get(self.id, 0)
        return _hw.levels.get(self.id, 1 if self.pull == 2 else 0)

    def drive(self, level):
        chip = self.chip
        if chip is not None and self.id == chip.clock:
            _hw.now += 1  # about what one edge costs the chip
            if level:
                if chip.high_at < 0:
                    chip.rise()
            elif chip.high_at >= 0:
                chip.fall()
            _hw.outputs[self.id] = level
            return
        if _hw.outputs.get(self.id, 0) == level:
            return
        _hw.outputs[self.id] = level
        if chip is not None:
            chip.supply(level)
        _hw.request(80, bytes((self.id, level)))

    def __call__(self, *v):
        return self.value(*v)

    def on(self):
        self.drive(1)

    def off(self):
        self.drive(0)

    def toggle(self):
        self.drive(1 - _hw.outputs.get(self.id, 0))

    def irq(self, handler=None, trigger=3, priority=1, wake=None, hard=False):
        if wake is not None:
            for level, flag in ((0, 4), (1, 5)):
                if trigger == flag:
                    _hw.wake_levels[self.id] = level
            return self
        self.handler = handler
        self.trigger = trigger
        if self.chip is not None and self.id == self.chip.data:
            self.chip.listen()
        return self

    def edge(self, level):
        if self.chip is None:
            self.fire(level)

    def fire(self, level):
        if self.handler is not None and self.trigger & (1 if level else 2):
            self.handler(self)


class Signal:
    def __init__(self, pin, *args, invert=False, **kwargs):
        self.pin = pin if isinstance(pin, Pin) else Pin(pin, *args, **kwargs)
        self.invert = invert

    def value(self, *v):
        if v:
            return self.pin.value(bool(v[0]) != self.invert)
        return self.pin.value() ^ (1 if self.invert else 0)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class ADC:
    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3
    WIDTH_9BIT, WIDTH_10BIT, WIDTH_11BIT, WIDTH_12BIT = 9, 10, 11, 12
    # Highest input voltage that the S3 still resolves, by attenuation (data sheet, calibrated), in microvolt.
    _RANGE = (950_000, 1_250_000, 1_750_000, 3_100_000)

    def __init__(self, pin, atten=0, **kwargs):
        self.pin = pin.id if isinstance(pin, Pin) else pin
        self._atten = atten

    def init(self, atten=0):
        self._atten = atten

    def atten(self, atten):
        self._atten = atten

    def read_uv(self):
        _hw.spend(60)
        uv = _hw.request(65, bytes((self.pin,))) * 1000
        return max(0, min(uv, self._RANGE[self._atten]))

    def read_u16(self):
        return self.read_uv() * 65535 // self._RANGE[self._atten]

    def read(self):
        return self.read_u16() >> 4


class RTC:
    def init(self, *args):
        if args:
            self.datetime(args[0])

    def datetime(self, *value):
        import time

        if not value:
            us = _hw.now - _hw.rtc_zero_us
            t = time.gmtime(us // 1_000_000)
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], us % 1_000_000)
        y, mo, d, _, h, mi, s, us = value[0]
        seconds = time.mktime((y, mo, d, h, mi, s, 0, 0))
        _hw.rtc_zero_us = _hw.now - seconds * 1_000_000 - us
        return None

    def memory(self, *data):
        if not data:
            return _hw.rtc_memory
        data = data[0]
        if isinstance(data, str):
            data = data.encode()
        if len(data) > 2048:
            raise ValueError("buffer too long")
        _hw.rtc_memory = bytes(data)
        return None


class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout < 1:
            raise ValueError("WDT timeout too short")
        self.timeout = timeout * 1000
        if _hw.watchdog is not None:
            _hw.cancel(_hw.watchdog)
        self._arm()

    def _arm(self):
        _hw.watchdog = _hw.at(_hw.now + self.timeout, lambda: _end(WDT_RESET))

    def feed(self):
        e = _hw.watchdog
        if e is not None:
            _hw.cancel(e)
        self._arm()


class Timer:
    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, id=-1, **kwargs):
        self.e = None
        if kwargs:
            self.init(**kwargs)

    def init(self, mode=1, period=-1, callback=None, freq=None, hard=False):
        self.deinit()
        self.us = 1_000_000 // freq if freq else period * 1000
        self.mode, self.callback = mode, callback
        self.e = _hw.at(_hw.now + self.us, self._fire)

    def _fire(self):
        self.e = _hw.at(_hw.now + self.us, self._fire) if self.mode else None
        self.callback(self)

    def deinit(self):
        if self.e:
            _hw.cancel(self.e)
            self.e = None


def _end(cause):
    _hw.reset(82, struct.pack("<Bq", cause, _hw.rtc_zero_us) + _hw.rtc_memory)


def reset():
    """A software reset of the whole chip. RTC memory and clock are kept, and the cause reads HARD, as on the
    ESP32."""
    _end(HARD_RESET)


def soft_reset():
    _end(SOFT_RESET)


def reset_cause():
    return _hw.state["cause"]


def wake_reason():
    return _hw.state["wake"]


def deepsleep(time_ms=None):
    """Sleep; wake-up is a reset. Woken by the timer and by what `esp32.wake_on_ext0/1` named."""
    until = _hw.FOREVER if time_ms is None else _hw.now + int(time_ms) * 1000
    wake = bytes(b for pin, level in _hw.wake_levels.items() for b in (pin, level))
    _hw.reset(83, struct.pack("<qqB", until, _hw.rtc_zero_us, len(wake) // 2) + wake + _hw.rtc_memory)


def lightsleep(time_ms=None):
    target = _hw.FOREVER if time_ms is None else _hw.now + int(time_ms) * 1000
    while _hw.now < target:
        for pin, level in _hw.wake_levels.items():
            if _hw.levels.get(pin) == level & 1:
                return
        _hw.wait(target)


def unique_id():
    return bytes(int(_hw.config["unique_id"][i : i + 2], 16) for i in range(0, 12, 2))


def freq(*hz):
    return None if hz else 240_000_000


def idle():
    _hw.spend(10)


def disable_irq():
    return True


def enable_irq(state):
    pass
