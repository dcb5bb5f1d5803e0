"""A fleet of live units: start each from its image, find it again by name, cut the power of all."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from simulators.board.image import Image
from simulators.board.live import LiveUnit
from simulators.board.virtual import Fidelity
from simulators.scene import Scene


@dataclass(slots=True)
class Fleet:
    """Live units by device id. Use inside a running loop; every method that waits has an end.

    `consoles`: a folder for links to the units' consoles (`<folder>/<device>`); None: no links.
    """

    consoles: Path | None = None
    fidelity: Fidelity = Fidelity.STANDARD
    units: dict[str, LiveUnit] = field(default_factory=dict)

    def start_unit(self, image: Image, scene: Scene, *, network_down: bool = False) -> LiveUnit:
        """Power a unit on from its image. Raises ValueError when it is running already, InterpreterError."""
        if image.device in self.units:
            raise ValueError(f"{image.device} is running already; stop it first")
        if self.consoles is not None:
            self.consoles.mkdir(parents=True, exist_ok=True)
        unit = LiveUnit.start(
            image,
            scene,
            console_link=self.consoles / image.device if self.consoles is not None else None,
            fidelity=self.fidelity,
            network_down=network_down,
        )
        self.units[image.device] = unit
        return unit

    def stop_unit(self, device: str) -> Image:
        """Cut one unit's power and save its image. Raises KeyError."""
        unit = self.units.pop(device)
        unit.stop()
        return unit.image

    async def stop(self) -> list[Image]:
        """Cut the power of all, save every image; the loop breathes between two units."""
        images = []
        for device in list(self.units):
            images.append(self.stop_unit(device))
            await asyncio.sleep(0)
        return images

    def freeze(self) -> None:
        """Let nothing more happen around the units: no visitor, no satellite, no weather. Their links stay
        up."""
        for unit in self.units.values():
            unit.freeze()


def logged(images: list[Image]) -> Iterator[tuple[str, str, int, bytes]]:
    """The first ledger of a city: (device, log id, seq, record) of everything that firmware ever logged."""
    for image in images:
        for log, seq, record in image.logged():
            yield image.device, log, seq, record
