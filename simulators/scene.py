"""The seam between a simulated board and the world around it.

A *scene* is everything that one unit's pins, lines and converters touch: the load on its scale, its door, the
people in front of it, its battery, the satellites above. `simulators.world` builds scenes out of physics and
people; `simulators.board` runs the firmware and tells the scene what the firmware does. Neither knows the
other's inside.

Time is virtual milliseconds since 1970-01-01 UTC (`now_ms`), whether it is granted by events or tied to the
wall. A scene is a deterministic function of its seed, its start, and the calls made on it: it never reads a
clock.
"""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class PinLevel:
    """An input pin takes a level (0 or 1)."""

    pin: int
    level: int


@dataclass(frozen=True, slots=True)
class UartBytes:
    """Bytes arrive on a UART's receive line, complete at this instant."""

    uart: int
    data: bytes


CONVERTER_FAULTS = (
    "",
    "lost-pulse",  # one clock pulse in `every` does not reach the chip
    "double-pulse",  # one in `every` reaches it twice: a line that rings
    "long-pulse",  # one high in `every` lasts 50 or 80 us longer: an interrupt that cannot be masked
    "stuck-low",  # the data line is shorted to ground,
    "stuck-high",  # or to the supply
    "clock-open",  # the chip sees no pulse at all
    "excitation",  # the bridge has no supply: no signal, the converter's own noise
    "unsettled",  # the chip shows its first conversions before they are settled
)


@dataclass(frozen=True, slots=True)
class BridgeSignal:
    """A load cell bridge's output changes, as the HX711 whose data line is `data_pin` sees it.

    `nanovolt` is the differential input at 3.3 V excitation; `noise_nv` the standard deviation of what
    comes on top at each conversion. `nanovolt=None`: the bridge is disconnected (the input floats to a rail).
    `fault`: what is wrong with the converter's lines, one of `CONVERTER_FAULTS` ("": nothing); `every`: one
    in so many clock pulses is hit, where single ones are.
    """

    data_pin: int
    nanovolt: int | None
    noise_nv: int
    fault: str = ""
    every: int = 1


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The supply fails at this instant and returns after `off_ms` (RTC memory is lost, flash is kept)."""

    off_ms: int


@dataclass(frozen=True, slots=True)
class BrownOut:
    """The supply dips under the chip's brown-out detector for `off_ms`: a reset that reads as power-on. RTC
    memory holds; the clock beside it begins anew.
    """

    off_ms: int = 0


Stimulus = PinLevel | UartBytes | BridgeSignal | PowerCut | BrownOut


class Scene(Protocol):
    """What surrounds one unit. All methods return at once; stimuli take effect at the `now_ms` they came
    from."""

    def start(self, now_ms: int) -> list[Stimulus]:
        """The state of every input when the world begins (or is loaded again) at `now_ms`."""

    def next_at_ms(self) -> int | None:
        """When something next happens by itself; None: nothing will, unless the unit acts."""

    def advance(self, now_ms: int) -> list[Stimulus]:
        """Let time pass to `now_ms` (never beyond the next event) and return what changed at the unit's
        inputs."""

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        """The unit drives an output pin."""

    def uart_out(self, now_ms: int, uart: int, data: bytes) -> list[Stimulus]:
        """The unit sends bytes on a UART."""

    def adc_mv(self, now_ms: int, pin: int) -> int:
        """The voltage at an analogue input, in millivolts at the pin (after any divider on the board)."""

    def power(self, now_ms: int, state: str) -> None:
        """The unit's own draw changes: `active`, `radio`, `sleep` or `off`. Feeds the battery model."""

    def network_up(self, now_ms: int) -> int:
        """Whether the unit's radio finds its network now: 0 no, 1 yes, 2 it refuses the password, 3 it gives
        no address. With a modem: whether that carries packets.
        """

    def save(self) -> dict[str, Any]:
        """Everything needed to go on later, as JSON-ready data; `load` of the building function takes it
        back."""
