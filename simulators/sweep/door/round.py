"""One round: a bin, some days of visits with mischief, a night to come to rest, and the judgement."""

import json
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.sweep.door.judge import Lines, Verdict, judge
from simulators.world.bin import BinScene, BinSpec, Collection, crew_token
from simulators.world.district import District, district
from simulators.world.four_bays import four_bay_settings, four_bay_spec
from simulators.world.mischief import SILLY, Mischief

START_MS = 1_790_000_000_000
RATES = {"cut": 0.35, "break": 0.12, "crowbar": 0.04}
_DAY_MS = 86_400_000
_REST_MS = 3 * 3_600_000
_NEIGHBOURS = 10**6  # so many that a token names one visit
VISITS_PER_DAY = 250
_EMPTIED_EVERY_MS = 5 * 3_600_000


def _bin(plan: District, rng: random.Random, number: int) -> tuple[BinSpec, dict[str, Any]]:
    """Two bays as the district has them; in every fifth round four, in another one."""
    spec = plan.bins[rng.randrange(len(plan.bins))]
    if number % 5 == 4:
        return four_bay_spec(plan), four_bay_settings(plan)
    settings = plan.settings(spec.device)
    if number % 5 == 3:
        return replace(spec, bays=spec.bays[:1]), {**settings, "bays": settings["bays"][:1]}
    return spec, settings


@dataclass(frozen=True, slots=True)
class Round:
    """`number`: its seed within the sweep's."""

    seed: int
    number: int
    days: float

    def play(self) -> Verdict:
        """Run it; everything about it follows from `seed` and `number`."""
        rng = random.Random(f"{self.seed}/{self.number}")
        plan = district(1 + rng.randrange(20))
        spec, settings = _bin(plan, rng, self.number)
        spec = replace(spec, households=_NEIGHBOURS)
        truth: Lines = []
        scene = BinScene(
            spec,
            f"{self.seed}/{self.number}",
            START_MS,
            lambda after: Collection(after + _EMPTIED_EVERY_MS, crew_token(1, "sweep"), None),
            truth.append,
            VISITS_PER_DAY / spec.visits_per_day,
        )
        mischief = Mischief(scene, RATES, SILLY)
        with tempfile.TemporaryDirectory(prefix="huishou-door-") as folder:
            image = Image.create(Path(folder), spec.device, spec.board, settings, 7, START_MS)
            end_ms = START_MS + int(self.days * _DAY_MS)

            def rest(now_ms: int) -> None:
                if now_ms >= end_ms and not mischief.resting:
                    scene.set_pace(0)
                    mischief.rest()

            result = run(
                image,
                scene,
                end_ms + _REST_MS,
                fidelity=Fidelity.FAST,
                cut_at_flash_op=rng.randrange(1, 60),
                on_time=rest,
            )
            records: Lines = [json.loads(data) for _log, _seq, data in image.logged()]
            words = image.complaints()
        locks = {bay.lock: scene.parts[bay.lock] for bay in spec.bays}
        doors = {name: (bool(lock.bolted), bool(lock.closed)) for name, lock in locks.items()}  # type: ignore[attr-defined]
        verdict = judge(truth, records, doors, {bay.lock: bay.bay for bay in spec.bays})
        if result.halted is not None or words:
            verdict.found("crash", (result.halted, words[:20]))
        verdict.counts["boots"] += result.counters.boots
        return verdict
