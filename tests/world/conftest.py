"""A unit that does by plain rules what the firmware does, so that the world can be watched without it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from hardware import load_board
from simulators.scene import BridgeSignal, PinLevel, Scene, Stimulus, UartBytes
from simulators.world.bin import BinScene
from simulators.world.district import district

DAY_MS = 86_400_000
MONDAY_MS = 1_774_800_000_000
"""2026-03-30, a Monday, 00:00 in the district (UTC+8)."""
BIN = load_board("bin-s3")["parts"]
TRUCK = load_board("truck-s3")["parts"]


class PlainUnit:
    """Runs a scene event by event and keeps what it did to the pins. Times are virtual milliseconds."""

    def __init__(self, scene: Scene, now_ms: int) -> None:
        self.scene = scene
        self.now = now_ms
        self.pins: dict[int, int] = {}
        self.bridges: dict[int, BridgeSignal] = {}
        self.log: list[tuple[int, Stimulus]] = []
        self._timers: list[tuple[int, Callable[[], None]]] = []
        self.take(scene.start(now_ms))

    def take(self, stimuli: Iterable[Stimulus]) -> None:
        """What changed at the pins."""
        for stimulus in stimuli:
            self.log.append((self.now, stimulus))
            if isinstance(stimulus, PinLevel):
                self.pins[stimulus.pin] = stimulus.level
            elif isinstance(stimulus, BridgeSignal):
                self.bridges[stimulus.data_pin] = stimulus
            self.react(stimulus)

    def react(self, stimulus: Stimulus) -> None:
        """What the unit does about it: nothing here."""

    def drive(self, pin: int, level: int) -> None:
        """Drive an output."""
        self.take(self.scene.pin_out(self.now, pin, level))

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do something after a while."""
        self._timers.append((self.now + delay_ms, act))

    def run(self, until_ms: int) -> None:
        """Let the world and the unit go on until then."""
        while True:
            at = self.scene.next_at_ms()
            timer = min(self._timers, key=lambda t: t[0], default=None)
            if timer is not None and timer[0] <= min(until_ms, until_ms if at is None else at):
                self._timers.remove(timer)
                self.now = max(self.now, timer[0])
                timer[1]()
            elif at is not None and at <= until_ms:
                self.now = max(self.now, at)
                self.take(self.scene.advance(at))
            else:
                self.now = until_ms
                self.take(self.scene.advance(until_ms))
                return


class PlainBin(PlainUnit):
    """Unlocks all bays for every token, keeps the one that is opened, locks it after it was closed, and
    thanks; offers a crew the other bays then.
    """

    def __init__(self, scene: Scene, now_ms: int) -> None:
        self._crew = False
        self._left: list[str] = []
        super().__init__(scene, now_ms)

    def react(self, stimulus: Stimulus) -> None:
        if isinstance(stimulus, UartBytes) and stimulus.uart == BIN["reader"]["uart"]:
            self._crew = stimulus.data.startswith(b"C0DE")
            self._left = ["lock0", "lock1"]
            self.later(1_500, self._offer)
        elif isinstance(stimulus, PinLevel):
            for name in ("lock0", "lock1"):
                if stimulus.pin == BIN[name]["door"]:
                    self._opened(name) if stimulus.level == 0 else self.later(50, self._closed)

    def _offer(self) -> None:
        for name in self._left:
            self.drive(BIN[name]["drive"], 1)
        self.later(25_000, self._give_up)

    def _give_up(self) -> None:
        if all(self.pins[BIN[name]["door"]] for name in ("lock0", "lock1")):
            self._bolt("lock0", "lock1")

    def _opened(self, name: str) -> None:
        self._left = [other for other in self._left if other != name]
        self._bolt(*self._left)

    def _closed(self) -> None:
        self._bolt("lock0", "lock1")
        self.take(self.scene.uart_out(self.now, BIN["display"]["uart"], "\f谢谢 / Thank you\r\n".encode()))
        if self._crew and self._left:
            self.later(3_000, self._offer)

    def _bolt(self, *names: str) -> None:
        for name in names:
            self.drive(BIN[name]["drive"], 0)


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it comes back from an image."""
    back: dict[str, Any] = json.loads(json.dumps(state))
    return back


class World:
    """What the tests of this folder share."""

    MONDAY_MS = MONDAY_MS
    DAY_MS = DAY_MS
    BIN = BIN
    TRUCK = TRUCK
    PlainUnit = PlainUnit
    PlainBin = PlainBin
    through_json = staticmethod(through_json)


@pytest.fixture(scope="session")
def world() -> type[World]:
    """The shared tools."""
    return World


@pytest.fixture
def scene() -> BinScene:
    """A bin at midnight; hardly anybody comes."""
    made = district(5).scene("bin-001", MONDAY_MS, pace=0.001)
    assert isinstance(made, BinScene)
    return made
