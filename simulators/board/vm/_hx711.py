"""HX711 24-bit converter, driven by the edges on its clock line (Avia data sheet).

Modelled: 10 conversions a second counted from the end of the settling time; 400 ms settling after power-up
and after a change of gain; 25, 26 or 27 pulses choose channel A gain 128, channel B gain 32, channel A gain
64; clock high for more than 60 us powers the chip down; saturation at the rails; noise that is a pure
function of seed and instant, so that nothing need be kept over a reset. Not modelled: the microseconds for
which DOUT rises before each new result.
"""

import _hw

_PERIOD = 100_000
_SETTLE = 400_000
_POWER_DOWN = 60
_FULL = 0x7FFFFF
# Counts per nanovolt at gain 128, in 2^-32: full scale is +-0.5 * AVDD / 128, AVDD = 3.3 V.
_SCALE = (1 << 55) * 256 // 3_300_000_000


def _mix(x):
    # splitmix64, kept in 60 bits so that no step leaves small integers for long
    x = (x * 0x1E3779B97F4A7C15 + 0x9E3779B9) & 0xFFFFFFFFFFFFFFF
    x ^= x >> 29
    x = (x * 0x3F58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFF
    return x ^ (x >> 31)


class Hx711:
    def __init__(self, data, clock, power, seed):
        self.data, self.clock, self.power = data, clock, power
        self.seed = seed ^ (data << 40)
        self.nv = 0
        self.noise = 0
        self.high_at = -1  # when the clock line rose; -1: it is low
        self.edge = None  # the event of the next data-ready edge, while somebody listens
        self.gain = 128
        self.t0 = -1  # when the first conversion is complete; -1: no supply
        self.read = -1  # number of the conversion that was read last
        self.pulses = 0  # of the read-out in progress or just done; 0: none yet
        self.word = 0
        if power is None:
            self.supply(1)

    def supply(self, on):
        """The board switches the chip's and the bridge's supply."""
        if not on:
            self.t0 = -1
        elif self.t0 < 0:
            self._restart()
        self.listen()

    def _restart(self):
        self.t0 = _hw.now + _SETTLE
        self.read = -1
        self.pulses = 0
        self.gain = 128

    def _ready(self):
        if self.t0 < 0 or _hw.now < self.t0 or self.high_at >= 0:
            return False
        return (_hw.now - self.t0) // _PERIOD > self.read

    def level(self):
        """DOUT: 0 when a conversion waits to be read; during a read-out, the bit; else 1."""
        if 0 < self.pulses < 25:
            return (self.word >> (24 - self.pulses)) & 1
        return 0 if self._ready() else 1

    def rise(self):
        now = _hw.now
        n = self.pulses
        if n == 0 or n >= 25:
            if self._ready():
                self.latch = (now - self.t0) // _PERIOD
                self.word = self.convert(self.latch)
                self.pulses = 1
            elif n:
                self.pulses = n + 1
        else:
            self.pulses = n + 1
            if n == 24:
                self.read = self.latch
        self.high_at = now

    def fall(self):
        long = _hw.now - self.high_at > _POWER_DOWN
        self.high_at = -1
        if self.t0 < 0:
            return
        if long:
            self._restart()
            self.listen()
        elif self.pulses >= 25:
            gain = (128, 32, 64)[min(self.pulses, 27) - 25]
            if gain != self.gain:
                self.gain = gain
                self.t0 = _hw.now + _SETTLE
                self.read = -1
            if self.pulses == 25:
                self.listen()

    def next_ready(self):
        """When the next conversion that was not read yet is complete; -1: never, as it stands."""
        if self.t0 < 0 or self.high_at >= 0:
            return -1
        return self.t0 + max((_hw.now - self.t0) // _PERIOD, self.read + 1, 0) * _PERIOD

    def take(self):
        """The word that clocking would bring now, with gain 128; None when no conversion waits."""
        if not self._ready():
            return None
        self.read = (_hw.now - self.t0) // _PERIOD
        _hw.now += 250  # about what the exchange takes
        return self.convert(self.read)

    def convert(self, k):
        """The 24-bit word of conversion `k`."""
        if self.nv is None:
            return _FULL  # an open bridge: the input floats to a rail
        nv = self.nv
        if self.noise:
            r = _mix(self.seed ^ ((self.t0 + k * _PERIOD) >> 4))
            # Irwin-Hall: twelve uniform 5-bit numbers, mean 186, standard deviation 32.0
            s = -186
            for _ in range(12):
                s += r & 31
                r >>= 5
            nv += self.noise * s // 32
        raw = (nv * _SCALE) >> 32
        if self.gain == 64:
            raw >>= 1
        elif self.gain == 32:
            raw = 0  # channel B is tied to ground on our boards
        if raw > _FULL:
            raw = _FULL
        elif raw < -_FULL - 1:
            raw = -_FULL - 1
        return raw & 0xFFFFFF

    def listen(self):
        """(Re)arm the data-ready edge if the data pin has an interrupt handler."""
        if self.edge:
            _hw.cancel(self.edge)
            self.edge = None
        p = _hw.pins.get(self.data)
        if self.t0 < 0 or p is None or p.handler is None:
            return
        t = self.t0
        if _hw.now >= t:
            t += ((_hw.now - t) // _PERIOD + 1) * _PERIOD
        self.edge = _hw.at(t, self._edge)

    def _edge(self):
        self.edge = None
        p = _hw.pins.get(self.data)
        if p is not None and self.high_at < 0:
            p.fire(0)
        self.listen()
