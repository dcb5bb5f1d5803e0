"""One round of the sweep: a bin in the real interpreter is commanded, and its power fails within one flash
operation. The real journal and dispatcher are at the other end; what really happened is told by the bolt.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.board.image import Image
from simulators.board.virtual import Result, run
from simulators.world.district import district
from tests.commands.desk import Desk

START = 1_780_000_000_000
DEVICE = "bin-001"
MINUTE = 60_000


@dataclass
class Round:
    """What a round left behind. `pulled`: how often the bolt was really withdrawn."""

    result: Result
    state: str
    code: str
    ended: bool
    pulled: int
    replies: list[dict[str, Any]]
    image: Image

    def problem(self) -> str:
        """Which promise was broken; "": none."""
        if self.pulled > 1:
            return "carried out twice"
        if not self.ended:
            return "no last word"
        if self.state == "done" and self.pulled != 1:
            return "told done, and was not"
        if (self.state in ("expired", "refused") or self.code == "not-begun") and self.pulled:
            return f"told {self.state} {self.code}, and was carried out"
        return ""


def play(folder: Path, cut: int | None, torn: int = 128, lost: int = 0) -> Round:
    """Unlock a bay, the power failing within flash operation `cut` after the start. `lost`: replies that the
    broker loses.
    """
    plan = district(5)
    settings = plan.settings(DEVICE)
    image = Image.create(folder / "unit", DEVICE, "bin-s3", settings, 5, START)
    desk = Desk(folder / "gateway", DEVICE, settings["key"])
    truth: list[dict[str, Any]] = []
    try:
        id_ = desk.ask(START, "unlock", "bay=1", life_s=3600)
        desk.lost = lost
        scene = plan.scene(DEVICE, START, pace=0.0001, truth=truth.append)

        def tear(chip: Any) -> None:
            chip.torn = torn

        result = run(
            image, scene, START + 3 * MINUTE, on_network=desk.attach, cut_at_flash_op=cut, on_boot=tear
        )
        for _ in range(3):  # the next connections, until it has ended
            if desk.stands(id_).ended:
                break
            scene = plan.scene(DEVICE, image.now_ms, state=image.scene, pace=0.0001, truth=truth.append)
            run(image, scene, image.now_ms + 2 * MINUTE, on_network=desk.attach)
        asked = desk.stands(id_)
        pulled = sum(
            one["what"] == "bolt" and one["door"] == "lock0" and one["state"] == "withdrawn" for one in truth
        )
        return Round(result, asked.state, asked.code, asked.ended, pulled, desk.replies, image)
    finally:
        desk.close()
