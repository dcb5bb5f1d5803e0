"""Fire or overheating of a bin, from the temperature inside its box.

A closed box in the sun of a hot day is 50 °C warm, 65 at worst: the range for which EN 54-5 has detectors of
class B, whose static response is 69 to 85 °C; the suffix R adds the rate of rise. So here:

| sign | limit | why |
|---|---|---|
| hot | 75.0 °C | the middle of class B |
| rising | 3 K a minute, 8 K at least, to 45.0 °C at least | sun after a cloud: 1 K a minute; glitches |
| switch | a thermostat that closes at 70 °C | it wakes a bin that sleeps between two looks |
| lost | no value, after a sign | a fire takes the sensor with it |

Two signs in a row raise `overheated`: `suspect` asks for the second one soon. Three values in a row below
60.0 °C clear it. No value is otherwise no evidence either way.
"""

CODE = "overheated"
HOT_DC = 750
COOL_DC = 600
RISE_DC_PER_MIN = 30
LEAST_RISE_DC = 80
LEAST_DC = 450
SOON_MS = 30_000  # when `suspect`: look again after this
_LONGEST_MS = 3_600_000  # between two values of which a rate is made
_SIGNS = 2
_QUIET = 3


class Heat:
    """`raised`: whether `overheated` is raised already."""

    def __init__(self, raised: bool = False) -> None:
        self.raised = raised
        self.signs = 0  # in a row, at most _SIGNS
        self._quiet = 0  # cool values in a row
        self._last_dc: "int | None" = None
        self._last_ms = 0
        self._from_dc: "int | None" = None  # where a rise began

    def state(self) -> "list[int | None]":
        """What must survive sleep."""
        return [self.signs, self._quiet, self._last_dc, self._last_ms, self._from_dc]

    def restore(self, state: "list[int | None] | None") -> None:
        if state and len(state) == 5 and None not in (state[0], state[1], state[3]):
            self.signs, self._quiet, self._last_dc, self._last_ms, self._from_dc = state  # type: ignore[assignment]

    @property
    def suspect(self) -> bool:
        """A first sign: the next value should come soon."""
        return 0 < self.signs and not self.raised

    def take(self, temp_dc: "int | None", now_ms: int, closed: bool = False) -> "bool | None":
        """A value in 0.1 °C (None: the sensor gave none), at a clock in ms that may have been stepped;
        `closed`: so is the thermostat. True: raise the fault now, False: clear it now, None: no change.
        """
        sign = closed
        if temp_dc is None:
            sign = sign or self.signs > 0
            if not sign:
                return None
        elif not closed:
            sign = temp_dc >= HOT_DC or self._rising(temp_dc, now_ms)
            self._last_dc, self._last_ms = temp_dc, now_ms
        if sign:
            self.signs, self._quiet = min(self.signs + 1, _SIGNS), 0
            if self.signs == _SIGNS and not self.raised:
                self.raised = True
                return True
            return None
        self.signs = 0
        self._quiet = self._quiet + 1 if temp_dc is not None and temp_dc < COOL_DC else 0
        if self.raised and self._quiet >= _QUIET:
            self.raised, self._quiet = False, 0
            return False
        return None

    def _rising(self, temp_dc: int, now_ms: int) -> bool:
        """Since the last value; the least rise from where the first sign of it began."""
        last, passed = self._last_dc, now_ms - self._last_ms
        if last is None or not 0 < passed <= _LONGEST_MS:
            return False
        rise = temp_dc - last
        if not self.signs:
            self._from_dc = last
        begun = last if self._from_dc is None else self._from_dc
        # To confirm a sign, half of the rate is enough: seconds later, noise counts for more.
        fast = rise * 60_000 * (2 if self.signs else 1) >= RISE_DC_PER_MIN * passed
        return fast and temp_dc - begun >= LEAST_RISE_DC and temp_dc >= LEAST_DC
