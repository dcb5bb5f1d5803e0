"""Plausible records from a seed: texts in the contract's form, as a device writes them to flash.

A bin's masses add up (deposits put in what collections take out, in steps of e), a truck drives a circle at
a steady speed, times go forward: the checks of a gateway have nothing to say of them. Pure; about 1.5 µs a
record, so formatted by hand instead of through a JSON encoder.
"""

import math

E_G = 50
CAPACITY_G = 60_000
CATEGORIES = ("paper", "plastic")
CENTRE_E7 = (391_000_000, 1_172_000_000)
RADIUS_M = 500.0
SPEED_MPS = 8.0
E7_PER_M = 1e7 / 111_320.0

_MULTIPLIER, _INCREMENT, _MASK = 6364136223846793005, 1442695040888963407, (1 << 64) - 1  # Knuth's MMIX


class Dice:
    """A small generator: `random.Random` takes 2.5 kB of state, ten thousand of them too much."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2 + 1) * _MULTIPLIER & _MASK
        self.roll()

    def roll(self) -> int:
        """31 random bits."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return self._state >> 33

    def chance(self) -> float:
        """In [0, 1)."""
        return self.roll() / 2147483648


class Unit:
    """What writes records: `text(seq, t_ms)` gives the next one."""

    unit = ""
    __slots__ = ("_dice", "_started")

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed)
        self._started = False

    def text(self, seq: int, t_ms: int) -> bytes:
        """The next record's JSON, numbered and timed as told."""
        if not self._started:
            self._started = True
            return (
                b'{"seq":%d,"t":%d,"clock":"ntp","kind":"boot","reason":"power-on","fw":"1.2.0","hw":"%s"}'
                % (seq, t_ms, b"truck-s3" if self.unit == "truck" else b"bin-s3")
            )
        return self._next(seq, t_ms)

    def bad(self, seq: int, t_ms: int) -> bytes:
        """A record that breaks its schema under a good number."""
        breach = (
            b'"kind":"reading","temp_dc":"warm"',
            b'"kind":"reading","fill_pct":101',
            b'"kind":"teleport"',
            b'"kind":"deposit","session":"1"',
        )[self._dice.roll() % 4]
        return b'{"seq":%d,"t":%d,"clock":"ntp",%s}' % (seq, t_ms, breach)

    def _next(self, seq: int, t_ms: int) -> bytes:
        raise NotImplementedError


class Bin(Unit):
    """A bin of two bays."""

    unit = "bin"
    __slots__ = ("_mass_g", "_sessions", "_unlocked")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._mass_g = [self._dice.roll() % 400 * E_G for _ in CATEGORIES]
        self._sessions = 0
        self._unlocked = False

    def _next(self, seq: int, t_ms: int) -> bytes:
        roll = self._dice.roll()
        bay = roll & 1
        mass_g = self._mass_g[bay]
        what = roll >> 1 & 1023
        more = roll >> 11
        if mass_g > CAPACITY_G * 9 // 10:
            self._mass_g[bay] = 0
            return (
                b'{"seq":%d,"t":%d,"clock":"ntp","kind":"collect","bay":%d,"category":"%s",'
                b'"net_g":%d,"by":"crew-%d"}'
            ) % (seq, t_ms, bay, CATEGORIES[bay].encode(), mass_g, more % 20)
        if what < 640:
            hour = t_ms // 3_600_000 % 24
            return (
                b'{"seq":%d,"t":%d,"clock":"ntp","kind":"reading","bay":%d,"mass_g":%d,"fill_pct":%d,'
                b'"temp_dc":%d,"battery_mv":%d,"solar_mw":%d,"rssi_dbm":%d}'
            ) % (
                *(seq, t_ms, bay, mass_g, mass_g * 100 // CAPACITY_G),
                *(100 + 8 * (12 - abs(hour - 14)) + more % 9, 3_800 + more % 97),
                *(max(0, 6 - abs(hour - 12)) * 400 + more % 31, -70 - more % 13),
            )
        if what < 820:
            self._sessions += 1
            net_g = (1 + more % 60) * E_G
            self._mass_g[bay] = mass_g + net_g
            return (
                b'{"seq":%d,"t":%d,"clock":"ntp","kind":"deposit","session":"1-%d","bay":%d,"category":"%s",'
                b'"net_g":%d,"before_g":%d,"after_g":%d,"e_g":50,"cal":"c20260301","below_min":%s,'
                b'"user":"u-%06x","open_ms":%d}'
            ) % (
                *(seq, t_ms, self._sessions, bay, CATEGORIES[bay].encode(), net_g, mass_g, mass_g + net_g),
                *(b"true" if net_g < 20 * E_G else b"false", more & 0xFFFFFF, 4_000 + more % 9_000),
            )
        if what < 980:
            self._unlocked = not self._unlocked
            state = b"unlocked" if self._unlocked else b"locked"
            return (
                b'{"seq":%d,"t":%d,"clock":"ntp","kind":"door","door":"lock%d","state":"%s","cause":"user"}'
                % (seq, t_ms, bay, state)
            )
        self._sessions += 1
        return (
            b'{"seq":%d,"t":%d,"clock":"ntp","kind":"session","session":"1-%d","bay":%d,"outcome":"nothing",'
            b'"open_ms":%d}' % (seq, t_ms, self._sessions, bay, 2_000 + more % 5_000)
        )


class Truck(Unit):
    """A truck that drives in a circle, weighs what it lifts, and crosses a fence now and then."""

    unit = "truck"
    __slots__ = ("_inside", "_lifts")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._inside = False
        self._lifts = 0

    def _next(self, seq: int, t_ms: int) -> bytes:
        roll = self._dice.roll()
        what = roll & 1023
        more = roll >> 10
        if what >= 960:
            self._lifts += 1
            net_g = (20 + more % 400) * 500
            return (
                b'{"seq":%d,"t":%d,"clock":"gnss","kind":"weigh","scale":"scale0","gross_g":%d,'
                b'"tare_g":31500,"net_g":%d,"stable":true,"ident":"E2%022X","lot":"lot-%d"}'
            ) % (seq, t_ms, net_g + 31_500, net_g, more, self._lifts // 100)
        if what >= 930:
            return (
                b'{"seq":%d,"t":%d,"clock":"gnss","kind":"reading","temp_dc":%d,"battery_mv":%d,'
                b'"rssi_dbm":%d}' % (seq, t_ms, 200 + more % 50, 26_000 + more % 900, -65 - more % 20)
            )
        angle = t_ms / 1000 * SPEED_MPS / RADIUS_M % math.tau
        lat_e7 = CENTRE_E7[0] + int(math.sin(angle) * RADIUS_M * E7_PER_M)
        lon_e7 = CENTRE_E7[1] + int(math.cos(angle) * RADIUS_M * E7_PER_M / 0.776)
        if what >= 920:
            self._inside = not self._inside
            event = b"enter" if self._inside else b"exit"
            return (
                b'{"seq":%d,"t":%d,"clock":"gnss","kind":"fence","fence":"yard","event":"%s","lat_e7":%d,'
                b'"lon_e7":%d}' % (seq, t_ms, event, lat_e7, lon_e7)
            )
        course_cdeg = int(math.degrees(math.tau - angle) * 100) % 36_000
        return (
            b'{"seq":%d,"t":%d,"clock":"gnss","kind":"position","lat_e7":%d,"lon_e7":%d,"speed_cmps":800,'
            b'"course_cdeg":%d,"hdop_c":%d,"sats":%d}'
        ) % (seq, t_ms, lat_e7, lon_e7, course_cdeg, 80 + more % 40, 8 + more % 6)
