"""The quarantine: what could not be used, kept once with its reason. Inside the caller's transaction.

A record that has a number stands in a row of the journal too; its entry says in which. Everything else is
kept here alone: equal copies are one entry (J8), and a device may have so many entries of that kind and no
more; beyond that they are counted per code, without their bytes, so that one device that sends rubbish for
ever costs a bounded place.
"""

import sqlite3
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import astuple, replace

MAX_CACHED = 100_000


class Entry(Struct, frozen=True):
    """What is to be kept. `row`: the journal's row that it stands in, or None."""

    received_ms: int
    device: str
    channel: str
    log: str | None
    seq: int | None
    code: str
    detail: str
    body: bytes
    size: int
    row: int | None = None

    def digest(self) -> bytes:
        """Names all copies of it."""
        head = f"{self.channel}\0{self.code}\0{self.log}\0{self.seq}\0{self.size}\0"
        digest = blake2b(head.encode(), digest_size=16)
        digest.update(self.body)
        return digest.digest()


class Quarantine:
    """`per_device`: how many entries without a row a device may have."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._counts: dict[str, int] = {}

    def forget(self) -> None:
        """Count anew when it is needed."""
        self._counts.clear()

    def add(self, entry: Entry, per_device: int) -> None:
        """Keep an entry, or count it with its equal, or with what was too much."""
        if entry.row is not None:
            self._insert(entry, None)
            return
        digest = entry.digest()
        if self._fold(entry, digest):
            return
        count = self._count(entry.device)
        if count < per_device:
            self._insert(entry, digest)
            self._counts[entry.device] = count + 1
            return
        digest = b"overflow\0" + entry.code.encode()
        if not self._fold(entry, digest):
            detail = f"more than {per_device} different ones of this device: counted here, bytes not kept"
            rest = replace(entry, log=None, seq=None, detail=detail, body=b"", size=0)
            self._insert(rest, digest, overflow=True)

    def release(self, id_: int, now_ms: int, outcome: str) -> None:
        """Mark an entry as judged anew and no longer refused; a copy that comes later is a new entry."""
        self._db.execute(
            "UPDATE quarantine SET released_ms = ?, released_as = ?, digest = NULL WHERE id = ?",
            (now_ms, outcome, id_),
        )
        self._counts.clear()

    def _fold(self, entry: Entry, digest: bytes) -> bool:
        found = self._db.execute(
            "SELECT id FROM quarantine WHERE device = ? AND digest = ?", (entry.device, digest)
        ).fetchone()
        if found is None:
            return False
        self._db.execute(
            "UPDATE quarantine SET times = times + 1, last_ms = ? WHERE id = ?", (entry.received_ms, found[0])
        )
        return True

    def _count(self, device: str) -> int:
        count = self._counts.get(device)
        if count is None:
            (count,) = self._db.execute(
                "SELECT count(*) FROM quarantine WHERE device = ? AND digest IS NOT NULL", (device,)
            ).fetchone()
            if len(self._counts) > MAX_CACHED:
                self._counts.clear()
            self._counts[device] = int(count)
        return int(count)

    def _insert(self, entry: Entry, digest: bytes | None, overflow: bool = False) -> None:
        self._db.execute(
            "INSERT INTO quarantine (received_ms, device, channel, log, seq, code, detail, body, size, row,"
            " last_ms, digest, overflow) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*astuple(entry), entry.received_ms, digest, int(overflow)),
        )
