"""A workbench for the stand-ins: small MicroPython programs on a simulated board, in front of a script."""

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.board.firmware import FIRMWARE
from simulators.board.image import Image
from simulators.board.network import VirtualNetwork
from simulators.board.virtual import Fidelity, Result, run
from simulators.scene import Stimulus

START_MS = 1_780_000_000_000  # 2026-05-28T20:26:40Z
SETTINGS = {"device": "bench-1", "unit": "bench"}


@dataclass
class ScriptedScene:
    """Does what the script says: (milliseconds after the start, stimulus). Remembers what the unit did."""

    script: list[tuple[int, Stimulus]] = field(default_factory=list)
    adc: dict[int, int] = field(default_factory=dict)
    network: bool = True
    pins: list[tuple[int, int, int]] = field(default_factory=list)
    sent: list[tuple[int, int, bytes]] = field(default_factory=list)
    draws: list[tuple[int, str]] = field(default_factory=list)
    begun_ms: int = 0
    _done: int = 0

    def start(self, now_ms: int) -> list[Stimulus]:
        self.begun_ms = now_ms
        return self.advance(now_ms)

    def next_at_ms(self) -> int | None:
        return self.begun_ms + self.script[self._done][0] if self._done < len(self.script) else None

    def advance(self, now_ms: int) -> list[Stimulus]:
        out = []
        while self._done < len(self.script) and self.begun_ms + self.script[self._done][0] <= now_ms:
            out.append(self.script[self._done][1])
            self._done += 1
        return out

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        self.pins.append((now_ms - self.begun_ms, pin, level))
        return []

    def uart_out(self, now_ms: int, uart: int, data: bytes) -> list[Stimulus]:
        self.sent.append((now_ms - self.begun_ms, uart, data))
        return []

    def adc_mv(self, now_ms: int, pin: int) -> int:
        return self.adc.get(pin, 0)

    def power(self, now_ms: int, state: str) -> None:
        self.draws.append((now_ms - self.begun_ms, state))

    def network_up(self, now_ms: int) -> bool:
        return self.network

    def save(self) -> dict[str, Any]:
        return {}


@dataclass
class Bench:
    """One board in a folder. `run` a program on it; again and again, the flash stays."""

    path: Path
    scene: ScriptedScene = field(default_factory=ScriptedScene)
    board: str = "bin-s3"
    image: Image = field(init=False)
    result: Result | None = None

    def __post_init__(self) -> None:
        self.image = Image.create(self.path / "image", "bench-1", self.board, SETTINGS, 7, START_MS)

    def run(
        self,
        program: str,
        seconds: float = 10,
        *,
        fidelity: Fidelity = Fidelity.STANDARD,
        cut_at_flash_op: int | None = None,
        on_network: Any = None,
        extra: dict[str, str] | None = None,
    ) -> list[str]:
        """What the program printed, line by line, tracebacks too. `extra`: more modules (name, source)."""
        folder = self.path / f"program-{len(list(self.path.iterdir()))}"
        folder.mkdir(exist_ok=True)
        for name, text in {"main.py": textwrap.dedent(program), **(extra or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        log = self.image.path / "vm.log"
        log.write_bytes(b"")
        self.result = run(
            self.image,
            self.scene,
            self.image.now_ms + round(seconds * 1000),
            fidelity=fidelity,
            cut_at_flash_op=cut_at_flash_op,
            firmware=folder,
            on_network=on_network or _as_it_is,
        )
        return log.read_text(encoding="utf-8").splitlines()


def edge_modules(*names: str) -> dict[str, str]:
    """Modules of the device package for `extra`, with what makes them a package."""
    packages = {f"{name.rpartition('/')[0]}/__init__.py".lstrip("/") for name in names}
    files = {"__init__.py", "errors.py", *packages, *names}
    return {f"edge/{name}": (FIRMWARE / "edge" / name).read_text(encoding="utf-8") for name in files}


def _as_it_is(_network: VirtualNetwork) -> None:
    pass


__all__ = ["FIRMWARE", "START_MS", "Bench", "ScriptedScene", "edge_modules"]
