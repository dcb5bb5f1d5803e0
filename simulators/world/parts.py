"""Models of the parts that hang on a unit's pins: lock, distance sensor, lines, network (the scale:
`scale.py`).

Each turns what is physically so into what the pins show. None decides anything; people and trucks act on
them.
"""

from typing import Any, ClassVar

from simulators.scene import UartBytes
from simulators.world.kernel import Kernel, Part

ABSENT, THERE, REFUSES, NO_ADDRESS = 0, 1, 2, 3
"""What a radio finds where its network should be."""


class Lock(Part):
    """A motor bolt on a door: drive 1 pulls the bolt, drive 0 lets it spring back, which it can only when
    the door is shut. So a door that is shut without power locks itself.

    Switches: bolt 1 = bolted, door 1 = closed. `on_moved` tells the scene, by its `bolt_moved(name)`.
    """

    LASTING = ("bolted", "closed", "drive")
    FAULTS: ClassVar = {
        # What the two switches show (bolted, shut); the first three are the bolt's own.
        "jammed": lambda _lock, switches: switches,
        "slow": lambda _lock, switches: switches,  # old grease in the cold
        "sticky": lambda _lock, switches: switches,  # every other move comes off
        "bolt-switch": lambda _lock, switches: (False, switches[1]),
        "door-switch": lambda _lock, switches: (switches[0], True),
    }

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._drive, self._bolt, self._door = pins["drive"], pins["bolt"], pins["door"]
        self.bolted, self.closed, self.drive = True, True, 0
        self.refresh()

    def driven(self, pin: int, level: int) -> None:
        if pin == self._drive and level != self.drive:
            self.drive = level
            self._travel()

    def swing(self, closed: bool) -> None:
        """Someone opens or shuts the door."""
        self.closed = closed
        self.world.record("door", door=self.name, state="closed" if closed else "open")
        self.refresh()
        self._travel()

    @property
    def pulling(self) -> bool:
        """The motor runs: it has not yet drawn the bolt out."""
        return bool(self.drive and self.bolted)

    def _travel(self) -> None:
        self.world.cancel(f"{self.name}.moved")
        if self.drive == self.bolted and (self.drive or self.closed):
            takes_ms = self.rng("bolt").uniform(150, 300)
            self.after(takes_ms * (5 if self.fault == "slow" else 1), "moved")

    def on_moved(self) -> None:
        """The bolt has arrived at its other end, unless something holds it."""
        wanted = not self.drive
        if self.fault == "jammed" or wanted == self.bolted:
            return
        if self.fault == "sticky" and self.rng("sticky").random() < 0.5:
            return
        self.bolted = wanted
        self.refresh()
        self.world.bolt_moved(self.name)  # type: ignore[attr-defined]

    def refresh(self) -> None:
        bolted, closed = self.broken((self.bolted, self.closed))
        self.world.set_pin(self._bolt, int(bolted))
        self.world.set_pin(self._door, int(closed))


class Button(Part):
    """A contact to ground: level 1 at rest, 0 while pressed."""

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._pin: int = pins["pin"]
        world.set_pin(self._pin, 1)

    def press(self, for_ms: float | None = None) -> None:
        """Press it, for so long, or until `release`."""
        self.world.set_pin(self._pin, 0)
        self.world.cancel(f"{self.name}.released")
        if for_ms is not None:
            self.after(for_ms, "released")

    def release(self) -> None:
        """Let go."""
        self.world.set_pin(self._pin, 1)

    def on_released(self) -> None:
        """The time of `press` is over."""
        self.release()


class Reader(Part):
    """A card, QR or RFID reader: one token a line, ASCII, CR LF."""

    FAULTS: ClassVar = {
        "dead": lambda _reader, _line: b"",
        "garbled": lambda reader, line: bytes(b ^ reader.rng("garbage").getrandbits(2) for b in line),
    }

    def __init__(self, world: Kernel, name: str, pins: dict[str, Any]) -> None:
        super().__init__(world, name)
        self._uart: int = pins["uart"]

    def show(self, token: str) -> None:
        """Hold a token to the reader."""
        line: bytes = self.broken(token.encode() + b"\r\n")
        if line:
            self.world.emit(UartBytes(self._uart, line))


class Network(Part):
    """Whether the unit's radio finds its network."""

    FAULTS: ClassVar = {
        "down": lambda _net, _up: ABSENT,
        # Out for the first 7 of every 31 minutes: awkward for every retry that counts in round numbers.
        "flaky": lambda net, _up: THERE if net.world.now // 60_000 % 31 >= 7 else ABSENT,
        "password": lambda _net, _up: REFUSES,
        "no-address": lambda _net, _up: NO_ADDRESS,
        "roams": lambda net, _up: ABSENT if net.world.now // 1_000 % 300 < 3 else THERE,
    }

    def up(self) -> int:
        """`ABSENT`, `THERE`, `REFUSES` (the password) or `NO_ADDRESS` (nobody gives one)."""
        return int(self.broken(THERE))
