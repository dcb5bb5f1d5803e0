"""A unit at rest: its flash, what its world remembers, and the instant at which both stand. A directory.

<label>.bin     each flash partition, byte for byte
unit.json       device, board, seed, virtual time, scene, boots
archive.jsonl   records that were read from flash sectors before the firmware reused them
vm.log          what the interpreter printed, tracebacks included
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hardware import load_board
from simulators.board.firmware import edge

FORMAT = 1


class ImageError(Exception):
    """An image cannot be used; the text says which file, what was expected, and what to do."""


@dataclass(slots=True)
class Image:
    """An image in `path`. `create` or `open` one; `save` after every run."""

    path: Path
    device: str
    board: str
    seed: int
    now_ms: int
    boots: int = 0
    scene: dict[str, Any] | None = None
    peer: dict[str, Any] | None = None  # what the virtual gateway remembers
    _archive: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _unsaved: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _since_harvest: int = 0

    def complaints(self) -> list[str]:
        """What the interpreter printed but for the console's notices ("# …"): in health, nothing."""
        log = self.path / "vm.log"
        said = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line for line in said if line and not line.startswith("# ")]

    @classmethod
    def create(
        cls, path: Path, device: str, board: str, settings: dict[str, Any], seed: int, now_ms: int
    ) -> Self:
        """A unit fresh from the bench: blank log, provisioned settings. Raises ImageError when there is one
        already."""
        if (path / "unit.json").exists():
            raise ImageError(f"{path}: holds an image already; open it, or choose an empty folder")
        path.mkdir(parents=True, exist_ok=True)
        for label, size in load_board(board)["partitions"].items():
            (path / f"{label}.bin").write_bytes(
                edge("edge.store.settings").encode(settings, size) if label == "settings" else b"\xff" * size
            )
        image = cls(path, device, board, seed, now_ms)
        image.save()
        return image

    @classmethod
    def open(cls, path: Path) -> "Image":
        """The image in `path`. Raises ImageError when there is none or of another format."""
        try:
            doc = json.loads((path / "unit.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ImageError(f"{path}: no unit.json; expected the folder of a simulated unit") from None
        if doc.pop("format", None) != FORMAT:
            raise ImageError(f"{path}/unit.json: not format {FORMAT}; remove the folder and start afresh")
        image = cls(path, **doc)
        archive = path / "archive.jsonl"
        if archive.exists():
            for line in archive.read_text(encoding="utf-8").splitlines():
                log, seq, data = json.loads(line)
                image._archive[log, seq] = base64.b64decode(data)
        return image

    def save(self) -> None:
        """Write everything but the flash, which is always current. Atomic."""
        if self._unsaved:
            with (self.path / "archive.jsonl").open("a", encoding="utf-8") as f:
                for (log, seq), data in self._unsaved.items():
                    f.write(json.dumps([log, seq, base64.b64encode(data).decode()]) + "\n")
            self._unsaved.clear()
        doc = {
            "format": FORMAT,
            "device": self.device,
            "board": self.board,
            "seed": self.seed,
            "now_ms": self.now_ms,
            "boots": self.boots,
            "scene": self.scene,
            "peer": self.peer,
        }
        scratch = self.path / "unit.json.new"
        scratch.write_text(json.dumps(doc, ensure_ascii=False), encoding="utf-8")
        os.replace(scratch, self.path / "unit.json")  # noqa: PTH105  (Path.replace says the same)

    def partitions(self) -> list[tuple[str, str, int]]:
        """Label, file and size of each flash partition."""
        sizes = load_board(self.board)["partitions"]
        return [(label, str((self.path / f"{label}.bin").resolve()), size) for label, size in sizes.items()]

    # -- the first ledger ------------------------------------------------------------------------------------

    def before_erase(self, label: str, _block: int) -> None:
        """A sector is about to be erased: make sure that what the log holds was read at least once a half
        lap."""
        if label != "log":
            return
        if self._since_harvest == 0:
            self._harvest()
            self._since_harvest = load_board(self.board)["partitions"]["log"] // 4096 // 2
        self._since_harvest -= 1

    def _harvest(self) -> None:
        for log, seq, data in self._on_flash():
            if self._archive.get((log, seq)) != data:
                self._archive[log, seq] = self._unsaved[log, seq] = data  # a later line of the file counts

    def _on_flash(self) -> Iterator[tuple[str, int, bytes]]:
        found: Callable[[bytes], Iterator[tuple[str, int, bytes]]] = edge("edge.store.sector").entries
        return found((self.path / "log.bin").read_bytes())

    def logged(self) -> Iterator[tuple[str, int, bytes]]:
        """Every record that the firmware ever logged: (log id, seq, JSON text), in the order of their
        numbers."""
        everything = dict(self._archive)
        for log, seq, data in self._on_flash():
            everything[log, seq] = (
                data  # flash last: a time may have been filled in since the sector was read
            )
        for (log, seq), data in sorted(everything.items()):
            yield log, seq, data
