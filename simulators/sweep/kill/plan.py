"""What goes wrong in a round, and when: a function of its seed. Pure."""

import random
from enum import StrEnum
from typing import NamedTuple

INTAKE, WRITER, WEB, GATEWAY = "intake", "writer", "web", "gateway"
BROKER, INFLUXDB = "broker", "influxdb"
ALL = (GATEWAY, INTAKE, WRITER, WEB, BROKER, INFLUXDB)


class What(StrEnum):
    """Ways to be hurt."""

    KILL = "kill"  # `kill -9`
    PAUSE = "pause"  # SIGSTOP, later SIGCONT: connections stay open, nothing answers
    FORGET = "forget"  # the broker is killed and its saved sessions and queues are deleted
    RESTORE = "restore"  # the journal is backed up and restored, while the devices stand still
    ROLLBACK = "rollback"  # restored from a backup so old that devices have freed records since


class Mishap(NamedTuple):
    """One thing that goes wrong.

    `gap_s`: time before it. `for_s`: how long a pause lasts, how old a backup is. `wait`: whether the next
    mishap waits until all works again; otherwise it hits while things are still starting.
    """

    what: What
    victims: tuple[str, ...]
    gap_s: float
    for_s: float
    wait: bool

    @property
    def name(self) -> str:
        """For tables: what, and of whom."""
        whom = "all at once" if self.victims == ALL else " + ".join(self.victims)
        return f"{self.what} {whom}".strip()

    @property
    def is_kill(self) -> bool:
        return self.what in (What.KILL, What.FORGET)


# How often each happens, of all.
_WEIGHTS: tuple[tuple[What, tuple[str, ...], int], ...] = (
    (What.KILL, (INTAKE,), 20),
    (What.KILL, (WRITER,), 12),
    (What.KILL, (BROKER,), 14),
    (What.KILL, (INFLUXDB,), 12),
    (What.KILL, (GATEWAY,), 8),
    (What.KILL, ALL, 10),
    (What.KILL, (INTAKE, BROKER), 5),
    (What.KILL, (WRITER, INFLUXDB), 4),
    (What.FORGET, (BROKER,), 5),
    (What.PAUSE, (INTAKE,), 3),
    (What.PAUSE, (WRITER,), 2),
    (What.PAUSE, (BROKER,), 3),
    (What.PAUSE, (INFLUXDB,), 2),
    (What.PAUSE, (GATEWAY,), 1),
)


def draw(seed: str, kills: int, restores: tuple[What, ...]) -> list[Mishap]:
    """`kills` killings at random instants, pauses between them, and the given restores spread evenly."""
    dice = random.Random(seed)
    kinds = [(what, victims) for what, victims, _ in _WEIGHTS]
    weights = [weight for *_, weight in _WEIGHTS]
    mishaps: list[Mishap] = []
    left = kills
    while left:
        what, victims = dice.choices(kinds, weights)[0]
        for_s = dice.uniform(0.2, 3.0) if what is What.PAUSE else 0.0
        mishap = Mishap(what, victims, dice.uniform(0.05, 1.5), for_s, dice.random() > 0.3)
        mishaps.append(mishap)
        left -= mishap.is_kill
    for place, what in enumerate(restores, start=1):
        at = len(mishaps) * place // (len(restores) + 1)
        mishaps.insert(at, Mishap(what, (), dice.uniform(0.05, 1.5), dice.uniform(1.0, 3.0), True))
    return mishaps
