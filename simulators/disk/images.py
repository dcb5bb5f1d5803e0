"""What a power cut may leave on a disk. Pure: a log of operations in, images (file name → bytes) out.

The model is the pessimistic one that POSIX allows. Since the last sync of a body any subset of its writes
may be on the disk, in any order, each whole, missing, or torn: a subset of its 512-byte sectors (bytes of a
sector that were not written are never harmed, which is what SQLite calls powersafe overwrite). A name that
was made or removed since its directory's last sync may or may not be. What was unsynced when a sync failed
stays in doubt for ever.
"""

import random
from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from simulators.disk.operations import Delete, Make, Mark, Operation, Sync, SyncFailed, Truncate, Write

SECTOR = 512


class Keep(StrEnum):
    """What becomes of the operations that were not synced."""

    NONE = "none"
    ALL = "all"
    SOME = "some"  # seeded: each whole, dropped or torn


class Cut(Struct, frozen=True):
    """A power cut after the first `at` operations of a log. `seed` matters for `Keep.SOME` alone."""

    at: int
    keep: Keep
    seed: int = 0


def cuts(log: Sequence[Operation], seeds: int) -> Iterator[Cut]:
    """Every cut worth making: after each operation of the disk, both extremes and `seeds` choices between."""
    for at in range(len(log) + 1):
        if at and isinstance(log[at - 1], Mark):
            continue  # the disk is as it was before the mark
        yield Cut(at, Keep.NONE)
        yield Cut(at, Keep.ALL)
        for seed in range(seeds):
            yield Cut(at, Keep.SOME, seed)


class Replay:
    """Walks through a log once, forwards, and makes the images of cuts on the way.

    `start`: the files that were on the disk, safely, before the first operation.
    """

    def __init__(self, start: dict[str, bytes], log: Sequence[Operation]) -> None:
        self._log = log
        self._at = 0
        self._bodies = {-1 - place: _Body(data) for place, data in enumerate(start.values())}
        names: list[int | None] = list(self._bodies)
        self._names = dict(zip(start, names, strict=True))  # safe ones; None: the name is gone
        self._unsafe: dict[str, list[int | None]] = {}  # what each name became since its directory's sync

    def image(self, cut: Cut) -> dict[str, bytes]:
        """The files after a cut. Cuts must come in the order of `at`. Raises ValueError when they do not."""
        if not self._at <= cut.at <= len(self._log):
            raise ValueError(f"cut at {cut.at}: expected {self._at} to {len(self._log)}, in ascending order")
        while self._at < cut.at:
            self._step(self._log[self._at])
            self._at += 1
        # Not a seed for secrets; text, since tuples are not allowed and sums would repeat choices.
        chance = random.Random(f"{cut.at}/{cut.seed}")
        share = {Keep.NONE: 0.0, Keep.ALL: 1.0}.get(cut.keep, chance.choice((0.1, 0.5, 0.9)))
        names = dict(self._names)
        for name, versions in self._unsafe.items():
            if chance.random() < share:
                names[name] = versions[-1] if share == 1.0 else chance.choice(versions)
        return {
            name: self._bodies[body].image(chance, share) for name, body in names.items() if body is not None
        }

    def _step(self, operation: Operation) -> None:
        match operation:
            case Make(name, body):
                self._bodies[body] = _Body()
                self._unsafe.setdefault(name, []).append(body)
            case Delete(name, directory):
                self._unsafe.setdefault(name, []).append(None)
                if directory:
                    self._sync_names()
            case Write(body) | Truncate(body):
                self._bodies[body].do(operation)
            case Sync(body, directory):
                self._bodies[body].sync()
                if directory:
                    self._sync_names()
            case SyncFailed(body):
                self._bodies[body].doubt()
            case Mark():
                pass

    def _sync_names(self) -> None:
        for name, versions in self._unsafe.items():
            self._names[name] = versions[-1]
        self._unsafe.clear()


class _Fate(StrEnum):
    PENDING = "pending"  # not yet synced
    DOUBTFUL = "doubtful"  # its sync failed: nobody will try again
    SAFE = "safe"


class _Body:
    """One file's bytes: those that are safe, and what was done since, in order."""

    def __init__(self, safe: bytes = b"") -> None:
        self._safe = bytearray(safe)
        self._done: list[tuple[Write | Truncate, _Fate]] = []

    def do(self, operation: Write | Truncate) -> None:
        self._done.append((operation, _Fate.PENDING))

    def sync(self) -> None:
        self._turn(_Fate.SAFE)
        first_doubt = next((n for n, (_, fate) in enumerate(self._done) if fate is not _Fate.SAFE), None)
        folded = self._done[:first_doubt]  # the order matters only behind the first that is in doubt
        for operation, _ in folded:
            _apply(self._safe, operation)
        del self._done[: len(folded)]

    def doubt(self) -> None:
        self._turn(_Fate.DOUBTFUL)

    def image(self, chance: random.Random, share: float) -> bytes:
        """The bytes after a cut that lets about `share` of what is not safe survive."""
        data = bytearray(self._safe)
        for operation, fate in self._done:
            if fate is _Fate.SAFE or share == 1.0 or (share and chance.random() < share):
                _apply(data, operation)
            elif share and isinstance(operation, Write) and chance.random() < 0.5:
                for sector in _sectors(operation):
                    if chance.random() < 0.5:
                        _apply(data, sector)
        return bytes(data)

    def _turn(self, fate: _Fate) -> None:
        self._done = [(op, fate if old is _Fate.PENDING else old) for op, old in self._done]


def _apply(data: bytearray, operation: Write | Truncate) -> None:
    end = operation.size if isinstance(operation, Truncate) else operation.offset + len(operation.data)
    if len(data) < end:
        data.extend(bytes(end - len(data)))
    if isinstance(operation, Truncate):
        del data[operation.size :]
    else:
        data[operation.offset : end] = operation.data


def _sectors(write: Write) -> Iterator[Write]:
    """The parts of a write that a device stores whole or not at all."""
    begin, end = write.offset, write.offset + len(write.data)
    while begin < end:
        upto = min(end, (begin // SECTOR + 1) * SECTOR)
        yield Write(write.body, begin, write.data[begin - write.offset : upto - write.offset])
        begin = upto
