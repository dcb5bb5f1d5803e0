"""Time-of-flight distance sensor with serial output (Benewake TF-Luna and TFmini data sheets, 9-byte frame).

    59 59 | distance lo hi | strength lo hi | temperature lo hi | sum

Distance in cm; `sum` is the low byte of the sum of the eight bytes before; 100 frames a second while powered,
115200 baud. The data sheet calls a distance unreliable when the strength is below 100, and when it is 65535
(too much light); the sensor then says 0 or 65535 cm, or something. Light needs no correction for temperature.

Why this type and not a VL53L1X on I2C: that one wants 91 bytes of configuration which no data sheet explains,
and a short bus; this one speaks by itself on a serial line, as the ultrasonic one does, so it shares that
driver and its connector, and its beam of 2 degrees stays clear of a bay's walls.
"""

from edge.drivers.ranger import Ranger

WEAK = 100
BLINDED = 0xFFFF
_FARTHEST_CM = 800


class Tof(Ranger):
    """As `Ranger`, with its own frames."""

    ACOUSTIC = False

    @staticmethod
    def frames(buf: bytes) -> "tuple[list[int], int]":
        found: "list[int]" = []
        misses = at = 0
        while at + 9 <= len(buf):
            if buf[at] != 0x59 or buf[at + 1] != 0x59 or sum(buf[at : at + 8]) & 0xFF != buf[at + 8]:
                at += 1
                continue
            cm, strength = buf[at + 2] | buf[at + 3] << 8, buf[at + 4] | buf[at + 5] << 8
            at += 9
            if 0 < cm <= _FARTHEST_CM and WEAK <= strength < BLINDED:
                found.append(10 * cm)
            else:
                misses += 1
        return found, misses
