"""What happens in one round, as data: it can be saved, played again, and made smaller.

Every decision is a function of (seed, number, place) alone, so taking one out leaves the others as they are.
"""

import json
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path

WITHIN_OPS = (3, 10, 60)
"""A cut falls within so many flash operations after the boot: a quiet wake makes three, a visit dozens."""
UNCUT = 0.1
"""The share of boots that are left alone, so that the bin gets somewhere."""
POLITE = 0.3
"""The share of connections at which the broker behaves."""

Cut = tuple[int, int]
"""(number of the flash operation since the boot, share of it that happens in 1/256)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A round: `boots` boots, of which `cuts` (by boot, from 0) are cut; afterwards the power stays.

    `rude`: the connections (from 0) at which the broker misbehaves.
    """

    seed: int
    number: int
    boots: int
    cuts: dict[int, Cut]
    rude: tuple[int, ...]

    @property
    def name(self) -> str:
        """Where its random decisions come from."""
        return f"{self.seed}/{self.number}"

    def without(self, *, cuts: set[int] = frozenset(), rude: set[int] = frozenset()) -> "Plan":  # type: ignore[assignment]
        """The same with some cuts and some rude connections taken out; no boots beyond the last cut."""
        left = {boot: cut for boot, cut in self.cuts.items() if boot not in cuts}
        return replace(
            self,
            boots=max(left, default=-1) + 1,
            cuts=left,
            rude=tuple(n for n in self.rude if n not in rude),
        )

    def save(self, path: Path) -> None:
        """Write it as JSON; `load` reads it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """What `save` wrote. Raises ValueError or OSError: there is none."""
        try:
            doc = json.loads(path.read_text(encoding="utf-8"))
            cuts = {int(boot): (int(cut[0]), int(cut[1])) for boot, cut in doc.pop("cuts").items()}
            return cls(cuts=cuts, rude=tuple(doc.pop("rude")), **doc)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: not a saved round of the power sweep ({error})") from error


def draw(seed: int, number: int, boots: int) -> Plan:
    """The round of this number."""
    cuts = {boot: cut for boot in range(boots) if (cut := _cut(seed, number, boot)) is not None}
    rude = tuple(n for n in range(4 * boots) if random.Random(f"{seed}/{number}/line/{n}").random() >= POLITE)
    return Plan(seed, number, boots, cuts, rude)


def _cut(seed: int, number: int, boot: int) -> Cut | None:
    rng = random.Random(f"{seed}/{number}/boot/{boot}")
    if rng.random() < UNCUT:
        return None
    return rng.randint(1, rng.choice(WITHIN_OPS)), rng.choice((0, 255, *5 * (rng.randrange(256),)))
