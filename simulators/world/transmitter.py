"""Weighing transmitters on an RS-485 line: the bridges' signals as registers, Modbus RTU to the unit's UART.

Registers: `hardware/modbus/transmitter.toml`. The bridge of unit `n` is that of "data pin" `BRIDGE + n`,
which no converter on the board listens to. A unit that was just powered is silent, then busy. Its counts
are as fine as an HX711's: both have 24 bits.
"""

import struct
from collections.abc import Callable
from typing import Any, ClassVar

from pymodbus.framer.rtu import FramerRTU

from simulators.scene import UartBytes
from simulators.world.cell import NV_PER_COUNT
from simulators.world.kernel import Kernel, Part
from simulators.world.mppt import Controller

BRIDGE = 100
SILENT_MS = 800
BUSY_MS = 1_500
_WORDS = 8
_VALID, _COUNTING, _BUSY = 1 << 1, 1 << 5, 1
_OUT_OF_RANGE = 1 << 13
_CHARACTER_BITS = 11
_HIT = 0.3
"""Share of the answers that a disturbed line spoils."""

Answer = tuple[float, bytes]
"""Milliseconds after the request, and what comes then."""


def sealed(frame: bytes) -> bytes:
    """A frame with its CRC."""
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def _sometimes(spoil: "Callable[[TransmitterLine, Answer], list[Answer]]") -> Any:
    def entry(line: "TransmitterLine", answers: list[Answer]) -> list[Answer]:
        hit = line.rng("fault").random() < _HIT
        return [out for one in answers for out in (spoil(line, one) if hit else [one])]

    return entry


def _flip(line: "TransmitterLine", answer: Answer) -> list[Answer]:
    bit = line.rng("bit").randrange(8 * len(answer[1]))
    data = bytearray(answer[1])
    data[bit // 8] ^= 1 << bit % 8
    return [(answer[0], bytes(data))]


def _noise(line: "TransmitterLine", answer: Answer) -> list[Answer]:
    rng = line.rng("noise")
    hiss = rng.randbytes(rng.randrange(1, 9))
    before, after = (answer[0] - rng.uniform(2, 15), hiss), (answer[0] + rng.uniform(0, 3), hiss)
    return [before, answer] if rng.random() < 0.5 else [answer, after]


def scale_pins(board: dict[str, Any], name: str) -> dict[str, Any]:
    """The pins of a part; of a scale on a transmitter, those that a scale on an HX711 would have."""
    part: dict[str, Any] = board[name]
    if part["driver"] != "transmitter":
        return part
    return {**part, "data": BRIDGE + part["unit"]}


def transmitter_lines(world: Kernel, board: dict[str, Any]) -> dict[int, "TransmitterLine"]:
    """The RS-485 lines of a board, by UART."""
    lines = {}
    for name, part in board.items():
        if part["driver"] == "bus":
            units = {p["unit"]: p.get("power") for p in board.values() if p.get("bus") == name}
            line = lines[part["uart"]] = TransmitterLine(world, name, part, units)
            for own, other in board.items():
                if other.get("bus") == name and other["driver"] == "mppt":
                    line.controllers[other["unit"]] = Controller(world, own)
    return lines


class TransmitterLine(Part):
    """The line and all units on it, each with the pin that switches its supply (None: always on). `FAULTS`
    act on the answers to one request.
    """

    LASTING = ("since",)
    FAULTS: ClassVar = {
        "silent": lambda _line, _answers: [],
        "late": _sometimes(lambda line, a: [(a[0] + line.rng("late").uniform(150, 900), a[1])]),
        "garbled": _sometimes(_flip),
        "noise": _sometimes(_noise),
        "cut-short": _sometimes(lambda line, a: [(a[0], a[1][: line.rng("cut").randrange(len(a[1]))])]),
        "other-unit": _sometimes(lambda _line, a: [(a[0], sealed(bytes([a[1][0] % 4 + 1]) + a[1][1:-2]))]),
        "refusing": lambda _line, answers: [
            (at, sealed(bytes([data[0], data[1] | 128, 2]))) for at, data in answers
        ],
        "weighing": lambda _line, answers: answers,
    }

    def __init__(self, world: Kernel, name: str, part: dict[str, Any], units: dict[int, int | None]) -> None:
        super().__init__(world, name)
        self.uart: int = part["uart"]
        self.units = units
        self._character_ms = _CHARACTER_BITS * 1000 / part["baud"]
        self.controllers: dict[int, Controller] = {}
        self.since = {str(unit): world.now for unit, power in units.items() if power is None}
        """When each unit that has its supply got it."""

    def driven(self, pin: int, level: int) -> None:
        """A unit gets its supply, or loses it."""
        for unit, power in self.units.items():
            if power == pin and not level:
                self.since.pop(str(unit), None)
            elif power == pin:
                self.since.setdefault(str(unit), self.world.now)

    def heard(self, data: bytes) -> None:
        """A frame came over the line: the unit that it names answers."""
        if len(data) != 8 or sealed(data[:-2]) != data or self._on_for_ms(data[0]) < SILENT_MS:
            return
        unit, function, address, count = struct.unpack(">BBHH", data[:-2])
        controller = self.controllers.get(unit)
        if controller is not None:
            frame = controller.answer(unit, function, address, count)
        elif function != 3:
            frame = bytes([unit, function | 128, 1])
        elif address + count > _WORDS or not count:
            frame = bytes([unit, function | 128, 2])
        else:
            words = self._registers(unit)[address : address + count]
            frame = struct.pack(f">BBB{count}H", unit, function, 2 * count, *words)
        answer = sealed(frame)
        thinking_ms = self.rng("thinking").uniform(5, 50)
        on_the_way_ms = (len(data) + len(answer)) * self._character_ms
        answers: list[Answer] = self.broken([(thinking_ms + on_the_way_ms, answer)])
        for at_ms, said in answers:
            self.after(max(at_ms, 1), "say", unit, said.hex())

    def on_say(self, unit: int, said: str) -> None:
        """Bytes arrive at the board's UART, if the unit that sends them still has its supply."""
        if said and str(unit) in self.since:
            self.world.emit(UartBytes(self.uart, bytes.fromhex(said)))

    def _on_for_ms(self, unit: int) -> int:
        since = self.since.get(str(unit))
        return -1 if since is None else self.world.now - since

    def _registers(self, unit: int) -> list[int]:
        signal = self.world.bridge(BRIDGE + unit)
        status = 0 if self.fault == "weighing" else _COUNTING
        counts = 0
        if self._on_for_ms(unit) < BUSY_MS:
            status |= _BUSY
        elif signal is None or signal.nanovolt is None:
            status |= _OUT_OF_RANGE
        else:
            noisy_nv = self.rng("converter").normalvariate(signal.nanovolt, signal.noise_nv)
            status |= _VALID
            counts = round(noisy_nv / NV_PER_COUNT)
        high, low = divmod(counts & 0xFFFFFFFF, 65_536)
        return [high, low, status, 0, 0, 0, 0, status]
