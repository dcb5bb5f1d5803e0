"""Run one unit in real time: the virtual clock tied to the wall, sockets real, the console on a
pseudo-terminal.

Everything happens in the caller's asyncio loop; the interpreter is a process of its own that uses no CPU
while its chip sleeps. A unit whose interpreter dies gets a new one, which for the unit is a power cycle.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

from hardware import load_board
from simulators.board import link
from simulators.board.chip import Chip
from simulators.board.console import Console
from simulators.board.image import Image
from simulators.board.interpreter import Interpreter, InterpreterError
from simulators.board.virtual import Fidelity, chip_config, rtc_ppm
from simulators.scene import PinLevel, Scene

_LOG = logging.getLogger(__name__)

SERVICE_LOOK_S = 0.2  # how often the console's other end is looked at
RESTART_S = 1.0  # pause before a dead interpreter is replaced
SAVE_S = 30.0  # how often the image is brought up to date (the flash in it always is)


def wall_us() -> int:
    """Now, in microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class LiveUnit:
    """A unit under power. `start` it inside a running loop; `stop` cuts its power and saves the image."""

    image: Image
    scene: Scene
    console: Console
    fidelity: Fidelity = Fidelity.STANDARD
    restarts: int = 0
    _chip: Chip = field(init=False)
    _interpreter: Interpreter | None = None
    _waiting: bool = False  # the interpreter has asked for a boot frame
    _timer: asyncio.TimerHandle | None = None
    _service: int | None = None
    _plugged: bool = False
    _powered: bool = True
    _keeper: asyncio.Task[None] | None = None

    @classmethod
    def start(
        cls,
        image: Image,
        scene: Scene,
        *,
        console_link: Path | None = None,
        fidelity: Fidelity = Fidelity.STANDARD,
        network_down: bool = False,
    ) -> "LiveUnit":
        """Power on. `scene` must stand at the image's time; the time between that and now passes unseen."""
        self = cls(image, scene, Console.open(console_link), fidelity)
        self._chip = Chip(
            scene,
            chip_config(image, fidelity, "real"),
            max(wall_us(), image.now_ms * 1000),
            network_down=network_down,
            before_erase=image.before_erase,
            rtc_ppm=rtc_ppm(image),
            boot_count=image.boots,
        )
        self._service = load_board(image.board)["parts"].get("service", {}).get("pin")
        self._chip.power_on()
        loop = asyncio.get_running_loop()
        if hasattr(scene, "changed"):
            # Something nearer was put on the scene's agenda from outside; act on it after that, not within.
            scene.changed = lambda: loop.call_soon(self.poke)
        loop.add_reader(self.console.from_chip, self._on_print)
        self._start_interpreter()
        self._keeper = loop.create_task(self._keep())
        return self

    @property
    def chip(self) -> Chip:
        """The host's half of the chip: counters, whether it is awake, how it halted."""
        return self._chip

    @property
    def interpreter(self) -> Interpreter | None:
        """The process that runs the firmware; None between two of them."""
        return self._interpreter

    def stop(self) -> None:
        """Cut the power and save the image."""
        self._powered = False
        if self._keeper:
            self._keeper.cancel()
        if self._timer:
            self._timer.cancel()
        self._end_interpreter()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.console.from_chip)
        loop.remove_reader(self.console.master)
        self._on_print()
        self._chip.now_us = max(wall_us(), self._chip.now_us)
        self._chip.power_off()
        self.save()
        self.console.close()

    def save(self) -> None:
        """Bring the image up to now."""
        image, chip = self.image, self._chip
        image.now_ms, image.boots, image.scene = chip.now_us // 1000, chip.boot_count, self.scene.save()
        image.save()

    def poke(self) -> None:
        """The scene was changed from outside (a visitor sent, a fault set): let it act now."""
        if self._powered:
            self._tick()

    # -- the interpreter -------------------------------------------------------------------------------------

    def _start_interpreter(self) -> None:
        self._interpreter = Interpreter.start(
            self.image.path / "vm.log",
            bounded=True,
            stdin=self.console.chip_stdin,
            stdout=self.console.chip_stdout,
        )
        asyncio.get_running_loop().add_reader(self._interpreter.from_chip, self._on_frames)

    def _end_interpreter(self) -> None:
        if self._interpreter:
            asyncio.get_running_loop().remove_reader(self._interpreter.from_chip)
            self._interpreter.stop()
            self._interpreter = None
        self._waiting = False

    def _on_frames(self) -> None:
        interpreter = self._interpreter
        if interpreter is None:
            return
        try:
            if not interpreter.fill():
                self._lost()
                return
            while (payload := interpreter.take()) is not None:
                frame = link.decode(payload)
                if frame.kind == "B":
                    self._waiting = True
                elif (reply := self._chip.handle(frame)) is not None:
                    interpreter.write(link.answer(link.FOREVER, *reply))
        except InterpreterError:
            self._lost()
            return
        self._tick()

    def _lost(self) -> None:
        # The process died (out of memory, a bug of the interpreter): a power cycle for the unit.
        self.restarts += 1
        self._end_interpreter()
        self._chip.interpreter_lost()
        asyncio.get_running_loop().call_later(RESTART_S, self._replace)

    def _replace(self) -> None:
        if self._interpreter is None and self._powered:
            self._start_interpreter()

    # -- time ------------------------------------------------------------------------------------------------

    def _tick(self, stimuli: bytes = b"") -> None:
        """Let the world go on to now, tell the chip, boot it when it is due, come back at the next event."""
        chip, interpreter = self._chip, self._interpreter
        stimuli += chip.advance(wall_us())
        try:
            if interpreter:
                if stimuli:
                    interpreter.write(link.answer(link.FOREVER, 0, stimuli, pushed=True))
                if self._waiting and chip.due():
                    self._waiting = False
                    interpreter.write(chip.boot(link.FOREVER))
        except InterpreterError:
            self._lost()
        if self._timer:
            self._timer.cancel()
        next_us = chip.next_us()
        if not chip.awake and chip.due():
            next_us = link.FOREVER  # only the interpreter's word is missing
        delay_s = min((next_us - wall_us()) / 1e6, 60.0)
        self._timer = asyncio.get_running_loop().call_later(max(delay_s, 0.001), self._tick)

    async def _keep(self) -> None:
        """Look after the console and the image for ever."""
        console, saved = self.console, time.monotonic()
        while True:
            await asyncio.sleep(SERVICE_LOOK_S)
            if console.look() != self._plugged:
                self._plug(console.connected)
            if time.monotonic() - saved > SAVE_S:
                saved = time.monotonic()
                try:
                    self.save()
                except OSError as error:  # the flash is current all the same; the next turn tries again
                    _LOG.error("image of %s not saved: %s", self.image.device, error)

    def _plug(self, connected: bool) -> None:
        # A program opened the terminal, or closed it: the crew's plug, which the board feels on its service
        # pin.
        self._plugged = connected
        loop = asyncio.get_running_loop()
        if connected:
            loop.add_reader(self.console.master, self._on_typed)
        else:
            loop.remove_reader(self.console.master)
        if self._service is not None:
            self._tick(self._chip.apply([PinLevel(self._service, 0 if connected else 1)]))

    def _on_typed(self) -> None:
        typed = self.console.from_crew()
        if not typed:  # hung up
            asyncio.get_running_loop().remove_reader(self.console.master)
        elif self._chip.awake:
            self.console.type(typed)

    def _on_print(self) -> None:
        data = self.console.printed()
        if data:
            self.console.to_crew(data)
            with (self.image.path / "vm.log").open("ab") as log:
                log.write(data)
