"""One whole bin, real firmware, in front of its world, for tests that break its parts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardware import load_board
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.bin import BinScene
from simulators.world.district import district

PLAN = district(1)
HOUR_MS = 3_600_000
WINTER_MS, SUMMER_MS = 1_799_000_000_000, 1_783_000_000_000  # 2027-01-03, 2026-07-02


class Watched:
    """One bin in front of its world, on a board of our choice; nobody comes unless `pace` says so."""

    def __init__(
        self, path: Path, start_ms: int, board: str = "bin-s3", wake_s: int = 600, **bay: Any
    ) -> None:
        settings = PLAN.settings("bin-002")
        settings["board"] = {key: load_board(board)[key] for key in ("id", "parts")}
        settings["bays"][0].update(bay)
        settings["wake_s"] = wake_s
        self.image = Image.create(path / "bin", "bin-002", board, settings, 7, start_ms)
        spec = replace(PLAN.bins[PLAN.site_index("bin-002")], board=board)
        self.truth: list[dict[str, Any]] = []
        self.scene = BinScene(spec, 1, start_ms, lambda _after: None, self.truth.append, pace=0.0)

    def go_on(self, hours: float, network: str = "down", fidelity: Fidelity = Fidelity.FAST) -> None:
        end_ms = self.image.now_ms + round(hours * HOUR_MS)
        result = run(self.image, self.scene, end_ms, fidelity=fidelity, network=network)
        assert result.halted is None
        assert not self.image.complaints()

    def records(self, kind: str) -> list[dict[str, Any]]:
        found = [json.loads(data) for _log, _seq, data in self.image.logged()]
        return [r for r in found if r["kind"] == kind]

    def fills(self) -> list[int | None]:
        return [r.get("fill_pct") for r in self.records("reading") if r["bay"] == 1]

    def faults(self, part: str) -> list[tuple[str, str]]:
        return [(r["code"], r["state"]) for r in self.records("fault") if r["part"] == part]
