"""A backup put in the place of a store's journal, while the gateway is stopped.

The present journal is set aside, never deleted. The restored one begins a new epoch, so that every reader
goes on from where both agree (`gateway.journal.epochs`). Devices send again what they still hold; what they
were allowed to free since the backup is declared lost, with cause `restore`, as they say so. For that, the
marks of the journal that is replaced are read, and a log that began after the backup is made known.

A commands.db that is there and sound stays: it knows more than the backup's. Else the backup's is put in
force, and nothing that was open in it is ever sent again (`gateway.commands.standdown`).
"""

import shutil
import sqlite3
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from gateway.commands.reader import FILE as COMMANDS
from gateway.commands.standdown import stand_down
from gateway.journal import beside, epochs
from gateway.journal.backup import BackupError, Cover, opened, read_cover, sync_directory, sync_file
from gateway.journal.salvage import finish
from gateway.journal.schema import FILE, migrate
from gateway.journal.verify import Progress, verify
from gateway.processes import sole

_SIDE = ("", "-wal", "-shm")
_HOLDERS = ("gateway", "intake", "writer", "web")
Commands = Literal["stays", "restored", "none"]


class SetBack(Struct, frozen=True):
    """A log whose mark goes back: `was` and `now` known without a gap (`now` -1: the log is not in it)."""

    device: str
    log: str
    was: int
    now: int


class Plan(Struct, frozen=True):
    """What a restore would do. `present` None: there is no journal now; `readable`: it could be read.
    `commands`: what becomes of commands.db: the present one stays, the backup's is put in force, or there is
    none that can be used.
    """

    file: str
    cover: Cover
    present: Cover | None
    readable: bool
    set_back: list[SetBack]
    commands: Commands


class Restored(Struct, frozen=True):
    """What a restore did. `aside`: where the replaced journal is now."""

    plan: Plan
    epoch: str
    began_at_row: int
    aside: str | None


def plan(store: Path, file: Path, progress: Progress = lambda *_: None) -> Plan:
    """Verify a backup and say what restoring it would mean; changes nothing.

    Raises BackupError, JournalError.
    """
    if not file.is_file():
        raise BackupError("no-backup", f"{file} is not there.")
    report = verify(file, progress=progress)
    if report.findings:
        first, number = report.findings[0], sum(report.counts.values())
        raise BackupError(
            "backup-unsound",
            f"{file} is not sound: {first.code} {first.where}: {first.detail} (1 of {number} findings). "
            "Take an earlier one.",
        )
    cover, present, commands = read_cover(file), store / FILE, _commands(store, file)
    if not present.exists():
        return Plan(str(file), cover, None, True, [], commands)
    try:
        was, held = _marks(present), read_cover(present)
    except sqlite3.DatabaseError:
        return Plan(str(file), cover, None, False, [], commands)
    now = _marks(file)
    back = [
        SetBack(*name, hwm, now.get(name, -1)) for name, hwm in sorted(was.items()) if hwm > now.get(name, -1)
    ]
    return Plan(str(file), cover, held, True, back, commands)


def restore(store: Path, file: Path, now_ms: int, progress: Progress = lambda *_: None) -> Restored:
    """Put a verified backup in the place of the journal. Raises BackupError, JournalError, ProcessError.

    A power cut at any moment leaves the former journal or the restored one, and both in full.
    """
    with ExitStack() as locks:
        for name in _HOLDERS:
            locks.enter_context(sole(store, name))
        finish(store)  # a salvaged journal that waits to be put in place would later replace this one
        planned = plan(store, file, progress)
        present, part = store / FILE, store / f".{FILE}.restore"
        try:
            beside.make_private(part)
            progress("copying", 0, 1)
            shutil.copyfile(file, part)
            epoch = _prepare(part, present if planned.present else None, now_ms)
            part.chmod(0o644)  # a journal again: what was private is gone
            sync_file(part)
            if planned.commands == "restored":
                _restore_commands(store, file, now_ms)
            aside = _set_aside(present, now_ms) if present.exists() else None
            sync_directory(store)  # its WAL must be gone before another database is in its place
            part.replace(present)
            sync_directory(store)
        except (OSError, sqlite3.Error) as err:
            raise BackupError(
                "restore-failed",
                f"{file} could not be put in place of {present}: {err}. Nothing was changed.",
            ) from err
    return Restored(planned, epoch.id, epoch.began_at_row, str(aside) if aside else None)


def _commands(store: Path, file: Path) -> Commands:
    if beside.readable(store):
        return "stays"
    with opened(file) as db:
        return "restored" if beside.has(db) else "none"


def _restore_commands(store: Path, file: Path, now_ms: int) -> None:
    """Put the backup's commands.db in its place, before the journal gets its own: it does no harm beside the
    former one.
    """
    part = store / f".{COMMANDS}.restore"
    with opened(file) as db:
        beside.take_out(db, part)
    stand_down(part, now_ms)
    sync_file(part)
    moment = datetime.fromtimestamp(now_ms // 1000, UTC)
    for suffix in _SIDE:  # what is there cannot be read
        former = store / (COMMANDS + suffix)
        if former.exists():
            former.rename(store / f"commands-{moment:%Y%m%dT%H%M%SZ}.replaced.db{suffix}")
    part.replace(store / COMMANDS)
    sync_directory(store)


def _marks(file: Path) -> dict[tuple[str, str], int]:
    with opened(file) as db:
        return {(device, log): hwm for device, log, hwm in db.execute("SELECT device, log, hwm FROM logs")}


def _prepare(part: Path, present: Path | None, now_ms: int) -> epochs.Epoch:
    """Bring the copy to this version, make known what the present journal knows, begin the epoch."""
    with closing(sqlite3.connect(part, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        beside.drop(db)
        migrate(db)
        replaced: list[epochs.Epoch] = []
        logs: list[tuple[str, str, int]] = []
        if present is not None:
            with opened(present) as old:
                logs = _began(old)
                if _version(old) >= 3:
                    replaced = epochs.read_epochs(old)
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO logs (device, log, hwm, top, began) VALUES (?1, ?2, ?3 - 1, -1, ?3)"
            " ON CONFLICT (device, log) DO NOTHING",
            logs,
        )
        epoch = epochs.begin(db, now_ms, "restore", replaced)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")  # in the header, so that a plain copy stays what it is
    return epoch


def _began(db: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Each log of a journal with the first number that was expected of it, as far as that is known."""
    if _version(db) >= 3:
        return db.execute("SELECT device, log, coalesce(began, hwm + 1) FROM logs").fetchall()
    return db.execute(
        "SELECT l.device, l.log, min(l.hwm + 1,"
        " coalesce((SELECT min(first) FROM bodies WHERE log_id = l.id), l.hwm + 1),"
        " coalesce((SELECT min(first) FROM losses WHERE log_id = l.id), l.hwm + 1)) FROM logs l"
    ).fetchall()


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _set_aside(present: Path, now_ms: int) -> Path:
    """Give the present journal a second name, with its WAL folded in; where that fails, move all of it."""
    moment = datetime.fromtimestamp(now_ms // 1000, UTC)
    names = (f"journal-{moment:%Y%m%dT%H%M%SZ}{again}.replaced.db" for again in ("", *range(-2, -100, -1)))
    aside = next(file for file in map(present.with_name, names) if not file.exists())
    try:
        with closing(sqlite3.connect(present, isolation_level=None)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        pass  # damaged: kept as it is, the WAL beside it
    for suffix in _SIDE[1:]:  # a WAL left beside another database would be played into it
        side = present.with_name(present.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    aside.hardlink_to(present)
    return aside
