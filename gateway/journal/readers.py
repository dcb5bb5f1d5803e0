"""Who reads the journal and what each still needs, so that retention drops nothing too early.

One small file per reader in `<store>/readers/`, replaced whole by the reader itself every few seconds. A
stale or unreadable one is only cautious: it holds back more than is needed.
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.journal.epochs import Epoch, resume

DIRECTORY = "readers"
FORGOTTEN_MS = 7 * 86_400_000  # a reader that is not configured and was silent for this long is gone


class Need(Struct, frozen=True):
    """The first row and revision that a reader has not yet finished with, and when it said so."""

    epoch: str
    row: int
    revision: int
    at_ms: int


def announce(store: Path, name: str, epoch: str, needs_from_row: int, needs_from_revision: int = 0) -> None:
    """Say what a reader still needs: the rows from `needs_from_row` on, and revisions likewise.

    Costs a file's replacement: call it every few seconds, not every batch. `needs_from_revision` 0: all that
    there are. Raises OSError; a reader goes on without (retention then waits for it).
    """
    directory = store / DIRECTORY
    directory.mkdir(exist_ok=True)
    need = Need(epoch, needs_from_row, needs_from_revision, time.time_ns() // 1_000_000)
    fresh = directory / f".{name}.{os.getpid()}"
    fresh.write_bytes(msgspec.json.encode(need))
    fresh.replace(directory / f"{name}.json")


def announced(store: Path) -> dict[str, Need]:
    """What each reader said last; one whose file cannot be read needs everything."""
    found: dict[str, Need] = {}
    for file in sorted((store / DIRECTORY).glob("*.json")):
        try:
            found[file.stem] = msgspec.json.decode(file.read_bytes(), type=Need)
        except (OSError, msgspec.DecodeError):
            found[file.stem] = Need("", 0, 0, 2**62)
    return found


def needs(
    store: Path, epochs: Sequence[Epoch], configured: Iterable[str] = (), now_ms: int = 0
) -> dict[str, tuple[int, int]]:
    """Per reader the first row and the first revision that must stay.

    One that is configured and never announced itself needs everything. One that is not configured is
    forgotten after a week of silence (the page's projection can do without old rows).
    """
    wanted = set(configured)
    held: dict[str, tuple[int, int]] = dict.fromkeys(sorted(wanted), (0, 0))
    for name, need in announced(store).items():
        if name not in wanted and now_ms - need.at_ms > FORGOTTEN_MS:
            continue
        place = resume(epochs, need.epoch, need.row - 1, need.revision - 1)
        held[name] = (place.row + 1, place.revision + 1)
    return held
