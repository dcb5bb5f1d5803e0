"""The host's half of one simulated chip: what the board carries around the interpreter, and what outlives a
reset.

Pure: frames and instants in, frames out. `virtual.py` drives it by events, `live.py` by the wall clock.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulators.board import link
from simulators.board.network import VirtualNetwork
from simulators.scene import BridgeSignal, BrownOut, PinLevel, PowerCut, Scene, Stimulus, UartBytes

# machine.reset_cause() and machine.wake_reason() of the ESP32 port
POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT = 1, 2, 3, 4, 5
WAKE_NONE, WAKE_EXT0, WAKE_TIMER = 0, 2, 4
TORN_OFF_MS = 3_000  # how long the supply is away at a planned cut
BOOT_US = (
    270_000  # from reset to `main`: image check 217 ms, start of the interpreter with frozen modules 49 ms
)


@dataclass(slots=True)
class Counters:
    """What a run did; part of every result."""

    boots: int = 0
    wakes: int = 0
    erases: int = 0
    misuses: int = 0  # flash writes that tried to set a cleared bit
    halts: int = 0
    frames: int = 0
    cut: dict[str, int] = field(default_factory=dict)  # planned power cuts by what they tore: "log program"


@dataclass(slots=True)
class Chip:
    """One unit's chip on its board, in front of `scene`.

    `config` is the document of `vm/_boot.py`; `network` is None in real time (sockets are the host's own);
    `before_erase(label, block)` is called while the sector still holds its data.
    """

    scene: Scene
    config: dict[str, Any]
    now_us: int
    network: VirtualNetwork | None = None
    network_down: bool = False
    before_erase: Callable[[str, int], None] = lambda _label, _block: None
    counters: Counters = field(default_factory=Counters)
    halted: str | None = None  # how the firmware ended, if it did
    cut_at_flash_op: int | None = None
    torn: int = 128  # how much of that operation happens, in 1/256
    rtc_ppm: int = 0  # how much the clock that runs through deep sleep is fast; it also times the sleep
    boot_count: int = 0
    awake: bool = False
    _cause: int = POWER_ON
    _wake: int = WAKE_NONE
    _asleep_us: int = 0  # when deep sleep began
    _timer_us: int = 0  # when `main` starts again; FOREVER and more: only by a pin
    _wake_levels: dict[int, int] = field(default_factory=dict)
    _memory: bytes = b""
    _rtc_zero_us: int | None = None
    _levels: dict[int, int] = field(default_factory=dict)
    _bridges: dict[int, BridgeSignal] = field(default_factory=dict)
    _outputs: dict[int, int] = field(default_factory=dict)
    _config_sent: bool = False
    _dip_ms: int | None = None  # a brown-out that the interpreter has yet to answer with its RTC memory

    @property
    def memory(self) -> bytes:
        """RTC memory as the last sleep or reset left it."""
        return self._memory

    def power_on(self) -> None:
        """The supply comes on at `now_us`: the scene begins, the chip will boot at once."""
        self.apply(self.scene.start(self.now_us // 1000))
        self._timer_us = self.now_us + BOOT_US

    def power_off(self) -> None:
        """The supply fails at `now_us`, for good: the image stays."""
        self._stop()
        self._memory, self._rtc_zero_us = b"", None
        self.scene.power(self.now_us // 1000, "off")

    @property
    def state(self) -> str:
        """What the chip is doing: `awake`, `sleep` (until its timer or a pin) or `off`."""
        if self.awake:
            return "awake"
        return "sleep" if self._cause == DEEP_SLEEP else "off"

    # -- time ------------------------------------------------------------------------------------------------

    def next_us(self) -> int:
        """When the world (or the sleep timer) next has something to do."""
        at_ms = self.scene.next_at_ms()
        t = link.FOREVER if at_ms is None else at_ms * 1000
        if not self.awake:
            return min(t, self._timer_us)
        return min(t, self.network.next_us()) if self.network else t

    def advance(self, now_us: int) -> bytes:
        """Let the world go on to `now_us`; returns what that means for the chip's inputs (empty while it is
        not awake)."""
        out = b""
        while (at_ms := self.scene.next_at_ms()) is not None and at_ms * 1000 <= now_us:
            self.now_us = max(self.now_us, at_ms * 1000)
            out += self.apply(self.scene.advance(at_ms))
        self.now_us = max(self.now_us, now_us)
        if self.awake and self.network:
            out += self.network.advance(now_us)
        return out

    def due(self) -> bool:
        """Whether a chip at rest is to start now."""
        return not self.awake and self._timer_us <= self.now_us

    # -- frames ----------------------------------------------------------------------------------------------

    def boot(self, horizon_us: int) -> bytes:
        """The boot frame: the chip starts now."""
        self.boot_count += 1
        self.counters.boots += 1
        self.counters.wakes += self._cause == DEEP_SLEEP
        self.awake = True
        self.halted = None
        if self._cause == DEEP_SLEEP and self._rtc_zero_us is not None:
            self._rtc_zero_us -= (self.now_us - self._asleep_us) * self.rtc_ppm // 1_000_000
        if self._rtc_zero_us is None:
            # The chip's clock starts at its epoch with the supply.
            self._rtc_zero_us = self.now_us
        self.scene.power(self.now_us // 1000, "active")
        document: dict[str, Any] = {"boot": self.boot_count, "cause": self._cause, "wake": self._wake}
        if self.cut_at_flash_op is not None:
            document["cut_at_flash_op"], document["torn"] = self.cut_at_flash_op, self.torn
        if not self._config_sent or self.config["fidelity"] == "full":
            document["config"] = self.config
            self._config_sent = True
        inputs: list[Stimulus] = [PinLevel(p, v) for p, v in self._levels.items()]
        inputs += self._bridges.values()
        return link.boot(
            self.now_us,
            self._rtc_zero_us,
            self._memory,
            document,
            horizon_us,
            b"".join(map(link.stimulus, inputs)),
        )

    def interpreter_lost(self) -> None:
        """The interpreter process is gone: the next one must hear the configuration again, after a power
        cycle."""
        self._config_sent = False
        if self.awake:
            self._cut(self.now_us, 0)

    def handle(self, frame: link.Frame) -> tuple[int, bytes] | None:
        """What the chip did. Returns (result, stimuli) for the answer, or None when the frame is not
        answered."""
        self.counters.frames += 1
        now = frame.now_us
        out = self.advance(now)
        if not self.awake:  # the supply failed at this very instant
            return 0, out
        now_ms, body, result = now // 1000, frame.body, 0
        match frame.kind:
            case "T":
                pass
            case "P":
                self._outputs[body[0]] = body[1]
                out += self.apply(self.scene.pin_out(now_ms, body[0], body[1]))
            case "U":
                out += self.apply(self.scene.uart_out(now_ms, body[0], body[1:]))
            case "A":
                result = self.scene.adc_mv(now_ms, body[0])
            case "N":
                result = int(not self.network_down and self.scene.network_up(now_ms))
            case "W":
                self.scene.power(now_ms, "radio" if body == b"r" else "active")
            case "E":
                self.counters.erases += 1
                self.before_erase(body[2:].decode(), body[0] | body[1] << 8)
            case "K":
                if self.network and (self.network_down or not self.scene.network_up(now_ms)):
                    self.network.drop()  # nobody hears it, and a stream that misses a segment goes no further
                elif self.network:
                    what, socket, port = struct.unpack_from("<cHH", body)
                    self.network.request(now, what.decode(), socket, port, body[5:])
            case "S":
                self._sleep(body)
                return None
            case "R":
                self._restart(body)
                return None
            case "C":
                torn = body.decode()
                self.counters.cut[torn] = self.counters.cut.get(torn, 0) + 1
                self._cut(now, TORN_OFF_MS)
                return None
            case "V":
                self.counters.misuses += 1
                return None
            case "H":
                self.counters.halts += 1
                self.halted = body.decode(errors="replace")
                return None
            case _:
                raise ValueError(f"frame type {frame.kind!r} is not in the table of simulators/board/link.py")
        return result, out

    def apply(self, stimuli: list[Stimulus]) -> bytes:
        """Let stimuli act on the board's inputs at `now_us`; returns what a chip that is awake must hear of
        it."""
        out = b""
        for s in stimuli:
            match s:
                case PinLevel(pin, level):
                    self._levels[pin] = level
                    if not self.awake:
                        self._wake_by_pin(pin)
                case BridgeSignal(pin):
                    self._bridges[pin] = s
                case PowerCut(off_ms):
                    self._cut(self.now_us, off_ms)
                    return out + link.CUT
                case BrownOut(off_ms):
                    self._dip_ms = off_ms
                    if not self.awake:
                        self._dipped()
                case UartBytes():
                    pass
            if self.awake:
                out += link.stimulus(s)
        return out

    # -- inside ----------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        # The core stops: outputs fall (the board pulls them down), sockets are gone.
        self.awake = False
        if self.network:
            self.network.drop()
        outputs, self._outputs = self._outputs, {}
        for pin, level in outputs.items():
            if level:
                self.apply(self.scene.pin_out(self.now_us // 1000, pin, 0))

    def _sleep(self, body: bytes) -> None:
        until, self._rtc_zero_us, n = struct.unpack_from("<qqB", body)
        self._memory = body[17 + 2 * n :]
        self._asleep_us = self.now_us
        if until < link.FOREVER:
            until -= (until - self.now_us) * self.rtc_ppm // 1_000_000
        self._cause, self._wake, self._timer_us = DEEP_SLEEP, WAKE_TIMER, until + BOOT_US
        self._stop()
        self.scene.power(self.now_us // 1000, "sleep")
        # Second byte of each: bit 0 the level, bit 1 the source (0: ext0, 1: ext1).
        self._wake_levels = dict(zip(body[17 : 17 + 2 * n : 2], body[18 : 17 + 2 * n : 2], strict=True))
        for pin in list(self._wake_levels):
            self._wake_by_pin(pin)
        if self._dip_ms is not None:  # at the very instant
            self._dipped()

    def _wake_by_pin(self, pin: int) -> None:
        wanted = self._wake_levels.get(pin)
        if wanted is not None and self._levels.get(pin) == wanted & 1:
            self._timer_us, self._wake_levels = self.now_us + BOOT_US, {}
            self._wake = WAKE_EXT0 + (wanted >> 1)

    def _restart(self, body: bytes) -> None:
        self._cause, self._rtc_zero_us = struct.unpack_from("<Bq", body)
        self._memory = body[9:]
        self._wake, self._wake_levels, self._timer_us = WAKE_NONE, {}, self.now_us + BOOT_US
        self._stop()
        if self._dip_ms is not None:
            self._dipped()

    def _dipped(self) -> None:
        # RTC memory is what it was; all else begins as at power-on.
        self._cause, self._wake, self._wake_levels, self._rtc_zero_us = POWER_ON, WAKE_NONE, {}, None
        self._timer_us = self.now_us + (self._dip_ms or 0) * 1000 + BOOT_US
        self._dip_ms = None

    def _cut(self, now_us: int, off_ms: int) -> None:
        self._cause, self._wake, self._wake_levels = POWER_ON, WAKE_NONE, {}
        self._memory, self._rtc_zero_us, self._dip_ms = b"", None, None
        self._timer_us = now_us + off_ms * 1000 + BOOT_US
        self._stop()
        self.scene.power(now_us // 1000, "off")
