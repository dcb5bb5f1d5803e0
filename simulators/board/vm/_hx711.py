"""HX711 24-bit converter, driven by the edges on its clock line (Avia data sheet).

Modelled: 10 (or 80) conversions a second counted from the end of the settling time; 400 (50) ms settling
after power-up and after a change of gain; 25, 26 or 27 pulses choose channel A gain 128, channel B gain 32,
channel A gain 64; clock high for more than 60 us powers the chip down; saturation at the rails; noise that is
a pure function of seed and instant, so that nothing need be kept over a reset. Not modelled: the microseconds
for which DOUT rises before each new result.

What can be wrong (`break_`), one thing at a time; the numbers are places in `CONVERTER_FAULTS` of the scene:

    1 lost-pulse    one clock pulse in `every` does not reach the chip
    2 double-pulse  one in `every` reaches it twice (ringing)
    3 long-pulse    one high in `every` lasts 50 us longer, more than the data sheet allows, or 80, so that
                    the chip sleeps (an interrupt that cannot be masked)
    4 stuck-low     DOUT at ground, 5 stuck-high at the supply
    6 clock-open    the chip sees no pulse at all
    7 excitation    the bridge has no supply: no signal, little noise
    8 unsettled     the chip shows its first conversions before they are settled
"""

import _hw

_PERIOD = {10: 100_000, 80: 12_500}
_SETTLE = {10: 400_000, 80: 50_000}
_POWER_DOWN = 60
_STRETCH = (50, 80)
_DEAD_NOISE_NV = 50  # the converter's own, 50 nV rms at 10 conversions a second
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
    def __init__(self, data, clock, power, rate, seed):
        self.data, self.clock, self.power = data, clock, power
        self.seed = seed ^ (data << 40)
        self.period, self.settle = _PERIOD[rate], _SETTLE[rate]
        self.fault = 0
        self.every = 1
        self.clocked = 0  # pulses since the chip was made: what a fault of the clock line is drawn from
        self.nv = 0
        self.noise = 0
        self.high_at = -1  # when the clock line rose; -1: it is low
        self.edge = None  # the event of the next data-ready edge, while somebody listens
        self.gain = 128
        self.t0 = -1  # when the first conversion is complete; -1: no supply
        self.read = -1  # number of the conversion that was read last
        self.pulses = 0  # of the read-out in progress or just done; 0: none yet
        self.word = 0
        self.begun = (128, -1)  # gain and t0 when the read-out in progress began
        if power is None:
            self.supply(1)

    def break_(self, fault, every):
        """One fault of the table above, or none (0)."""
        if (fault, every) != (self.fault, self.every):
            self.fault, self.every = fault, every
            self.listen()

    def _struck(self, fault):
        # From the instant of power-up too: made anew at each boot, it is not hit at the same places.
        return self.fault == fault and not _mix(self.seed ^ (self.t0 << 12) ^ self.clocked) % self.every

    def supply(self, on):
        """The board switches the chip's and the bridge's supply."""
        if not on:
            self.t0 = -1
        elif self.t0 < 0:
            self._restart()
        self.listen()

    def _restart(self):
        self.powered_at = _hw.now
        self.t0 = _hw.now + (self.period if self.fault == 8 else self.settle)
        self.read = -1
        self.pulses = 0
        self.gain = 128

    def _ready(self):
        if self.t0 < 0 or _hw.now < self.t0 or self.high_at >= 0:
            return False
        return (_hw.now - self.t0) // self.period > self.read

    def level(self):
        """DOUT: 0 when a conversion waits to be read; during a read-out, the bit; else 1."""
        if 4 <= self.fault <= 5:
            return self.fault - 4
        if 0 < self.pulses < 25:
            return (self.word >> (24 - self.pulses)) & 1
        return 0 if self._ready() else 1

    def rise(self):
        self.clocked += 1
        if self.fault == 6 or self._struck(1):
            return
        self._pulse()
        if self._struck(2):
            self.high_at = -1
            self._chosen()
            self._pulse()

    def _pulse(self):
        now = _hw.now
        n = self.pulses
        if n == 0 or n >= 25:
            if self._ready():
                self.latch = (now - self.t0) // self.period
                self.word = self.convert(self.latch)
                self.begun = (self.gain, self.t0)
                self.pulses = 1
            elif n:
                self.pulses = n + 1
        else:
            self.pulses = n + 1
            if n == 24:
                self.read = self.latch
        self.high_at = now

    def fall(self):
        if self._struck(3):
            _hw.now += _STRETCH[_mix(self.clocked) & 1]
        long = _hw.now - self.high_at > _POWER_DOWN
        self.high_at = -1
        if self.t0 < 0:
            return
        if long:
            self._restart()
            self.listen()
        else:
            self._chosen()

    def _chosen(self):
        """The pulses so far choose the gain of the next conversion; another one than before must settle."""
        if self.pulses < 25:
            return
        gain, t0 = self.begun
        self.gain = (128, 32, 64)[min(self.pulses, 27) - 25]
        if self.gain == gain:
            self.t0, self.read = t0, self.latch
        else:
            self.t0, self.read = _hw.now + self.settle, -1
        self.listen()

    def next_ready(self):
        """When the next conversion that was not read yet is complete; -1: never, as it stands."""
        if self.t0 < 0 or self.high_at >= 0 or self.fault == 5:
            return -1
        if self.fault == 4:
            return _hw.now
        return self.t0 + max((_hw.now - self.t0) // self.period, self.read + 1, 0) * self.period

    def take(self):
        """The word that clocking would bring now, with gain 128; None when no conversion waits."""
        if not self._ready():
            return None
        self.read = (_hw.now - self.t0) // self.period
        _hw.now += 250  # about what the exchange takes
        return self.convert(self.read)

    def convert(self, k):
        """The 24-bit word of conversion `k`."""
        if self.nv is None:
            return _FULL  # an open bridge: the input floats to a rail
        nv, noise = (0, _DEAD_NOISE_NV) if self.fault == 7 else (self.nv, self.noise)
        at = self.t0 + k * self.period
        if self.fault == 8 and at < self.powered_at + self.settle:
            nv = nv * (at - self.powered_at) // self.settle
        if noise:
            r = _mix(self.seed ^ (at >> 4))
            # Irwin-Hall: twelve uniform 5-bit numbers, mean 186, standard deviation 32.0
            s = -186
            for _ in range(12):
                s += r & 31
                r >>= 5
            nv += noise * s // 32
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
        if self.t0 < 0 or p is None or p.handler is None or 4 <= self.fault <= 5:
            return
        t = self.t0
        if _hw.now >= t:
            t += ((_hw.now - t) // self.period + 1) * self.period
        self.edge = _hw.at(t, self._edge)

    def _edge(self):
        self.edge = None
        p = _hw.pins.get(self.data)
        if p is not None and self.high_at < 0:
            p.fire(0)
        self.listen()
