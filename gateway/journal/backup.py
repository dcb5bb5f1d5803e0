"""A copy of the journal, made while the gateway runs, in one file that is whole or not there.

SQLite's backup interface inside one read transaction: the copy is the journal at one instant, however long
it takes, and intake is not held up. Until it is done the WAL of the journal grows by what comes in
meanwhile. The copy is written at a limited rate and synced as it grows, so that intake's own syncs never wait
behind a mountain of unwritten pages. It is verified from the disk before it gets its name.
"""

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from gateway.journal import beside
from gateway.journal.schema import FILE
from gateway.journal.verify import Finding, verify

Progress = Callable[[str, int, int], None]  # what is being done, so many of, so many

PAGES = 256  # copied at once: 1 MiB of the usual pages
SYNC_BYTES = 16 << 20
BUSY_S = 30.0
ROOM = 64 << 20  # left free on the disk beside the copy
_NAME = re.compile(r"journal-\d{8}T\d{6}Z\.db")


class BackupError(Exception):
    """A copy that could not be made or used. `code` is stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"[{code}] {text}")
        self.code = code


class Cover(Struct, frozen=True):
    """What a journal file holds. Times in ms since 1970 UTC, None when it holds no row."""

    epoch: str
    rows: int
    records: int
    devices: int
    logs: int
    newest_row: int
    first_ms: int | None
    last_ms: int | None


class Backup(Struct, frozen=True):
    """A finished copy. `sha256`: of the file, in hexadecimal digits. `removed`: older copies, by `keep`.
    `commands`: how many are in it (None: commands.db is not), `problem`: why it could not be put in.
    """

    file: str
    bytes: int
    sha256: str
    seconds: float
    cover: Cover
    removed: list[str]
    commands: int | None
    problem: str = ""


def backup(
    store: Path,
    target: Path,
    now_ms: int,
    rate: float | None = None,
    keep: int | None = None,
    compact: bool = False,
    progress: Progress = lambda *_: None,
) -> Backup:
    """Copy a store's journal to `target`: a directory (the file is named by the time) or a new file.

    `rate`: at most so many bytes a second. `keep`: of a directory's copies made here, so many stay.
    `compact`: leave out what is free inside the file; slower. Raises BackupError; nothing is left then.
    """
    began_s = time.monotonic()
    source = store / FILE
    if not source.exists():
        raise BackupError("no-journal", f"{source} is not there: nothing to back up. Check `[store] path`.")
    file = _name(target, now_ms)
    part = file.with_name(f".{file.name}.part")
    try:
        _check_room(source, file)
        beside.make_private(part)  # the settings in commands.db hold passwords
        (_copy_compact if compact else _copy)(source, part, rate, progress)
        commands, problem = _put_commands_in(store, part)
        _drop_cached(part)  # what is verified is what the disk gives back
        report = verify(part, progress=progress)
        if report.findings:
            raise BackupError(
                "backup-unsound", f"the copy of {source} is not sound: {_first(report.findings)}"
            )
        cover, digest, size = read_cover(part), _sha256(part), part.stat().st_size
        part.replace(file)
        sync_directory(file.parent)
    except (OSError, sqlite3.Error) as err:
        raise BackupError(
            "backup-failed", f"{source} could not be copied to {file}: {err}. Check the space and the disks."
        ) from err
    finally:
        with contextlib.suppress(OSError):
            beside.remove(part)
    removed = _remove_old(file, keep) if keep is not None and target.is_dir() else []
    seconds = round(time.monotonic() - began_s, 1)
    return Backup(str(file), size, digest, seconds, cover, removed, commands, problem)


def read_cover(file: Path) -> Cover:
    """What a journal file holds. Raises sqlite3.Error."""
    with opened(file) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        rows = db.execute(
            "SELECT count(*), coalesce(sum(last - first + 1), 0), coalesce(max(id), 0),"
            " (SELECT received_ms FROM bodies ORDER BY id LIMIT 1),"
            " (SELECT received_ms FROM bodies ORDER BY id DESC LIMIT 1) FROM bodies"
        ).fetchone()
        logs, devices = db.execute("SELECT count(*), count(DISTINCT device) FROM logs").fetchone()
        epoch = ""
        if version >= 3:
            (epoch,) = db.execute("SELECT epoch FROM epochs ORDER BY id DESC LIMIT 1").fetchone()
    return Cover(epoch, rows[0], rows[1], devices, logs, *rows[2:])


@contextlib.contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot change the content, closed afterwards. Raises sqlite3.Error."""
    # Not `mode=ro`: the first to open a WAL database after a crash must be able to recover it.
    uri = f"{file.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        yield db
    finally:
        db.close()


def sync_directory(directory: Path) -> None:
    """Make names that were made or replaced in a directory durable. Raises OSError."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sync_file(file: Path) -> None:
    """Make a file's bytes durable. Raises OSError."""
    with file.open("rb") as one:
        os.fsync(one.fileno())


def _name(target: Path, now_ms: int) -> Path:
    if target.is_dir():
        made = datetime.fromtimestamp(now_ms // 1000, UTC)
        target = target / f"journal-{made:%Y%m%dT%H%M%SZ}.db"
    if target.exists():
        raise BackupError("backup-exists", f"{target} is already there: name another file, or a directory.")
    if not target.parent.is_dir():
        raise BackupError("no-directory", f"{target.parent} is no directory: create it first.")
    return target


def _check_room(source: Path, file: Path) -> None:
    needed = source.stat().st_size + ROOM
    wal = source.with_name(source.name + "-wal")
    if wal.exists():
        needed += wal.stat().st_size
    free = shutil.disk_usage(file.parent).free
    if free < needed:
        raise BackupError(
            "backup-no-room",
            f"{file.parent} has {free / 1e6:.0f} MB free, the copy needs {needed / 1e6:.0f} MB.",
        )


def _copy(source: Path, part: Path, rate: float | None, progress: Progress) -> None:
    target = sqlite3.connect(part, isolation_level=None)
    began_s = time.monotonic()
    synced = 0
    try:
        # Nothing to be recovered from a half-made copy, and it is synced here.
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        with opened(source) as db:
            (page,) = db.execute("PRAGMA page_size").fetchone()
            # A snapshot: else the copy would begin anew with each commit of intake.
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()

            def step(_status: int, remaining: int, total: int) -> None:
                nonlocal synced
                done = (total - remaining) * page
                if done - synced >= SYNC_BYTES:
                    sync_file(part)
                    synced = done
                if rate is not None:
                    time.sleep(max(0.0, done / rate - (time.monotonic() - began_s)))
                progress("copied", done, total * page)

            db.backup(target, pages=PAGES, progress=step)
        # One file, which any tool opens: no WAL beside it.
        target.execute("PRAGMA journal_mode = DELETE")
    finally:
        target.close()
    sync_file(part)


def _copy_compact(source: Path, part: Path, rate: float | None, progress: Progress) -> None:
    """The same by content instead of by page: one statement, so one read transaction as well."""
    began_s = time.monotonic()
    synced = 0

    def step() -> int:
        nonlocal synced
        written = part.stat().st_size if part.exists() else 0
        if written - synced >= SYNC_BYTES:
            sync_file(part)
            synced = written
        if rate is not None:
            time.sleep(max(0.0, written / rate - (time.monotonic() - began_s)))
        progress("copied", written, total)
        return 0

    with opened(source) as db:
        pages, free, page = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        total = (pages - free) * page
        db.set_progress_handler(step, 50_000)
        db.execute(
            "PRAGMA query_only = OFF"
        )  # SQLite counts this statement as writing; the source is only read
        db.execute("VACUUM INTO ?", (str(part),))
    sync_file(part)


def _put_commands_in(store: Path, part: Path) -> tuple[int | None, str]:
    """How many commands go with the copy, and why they do not: a journal's backup must not fail for them."""
    try:
        commands = beside.put_in(store, part)
    except sqlite3.Error as err:
        return None, f"commands.db is not in the copy: {err}"
    sync_file(part)
    return commands, ""


def _drop_cached(file: Path) -> None:
    with file.open("rb") as one:
        os.posix_fadvise(one.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _sha256(file: Path) -> str:
    with file.open("rb") as one:
        return hashlib.file_digest(one, "sha256").hexdigest()


def _remove_old(newest: Path, keep: int) -> list[str]:
    """Remove what `backup` named in a directory, but for the newest `keep`, the one just made among them."""
    copies = sorted(one for one in newest.parent.iterdir() if _NAME.fullmatch(one.name) and one != newest)
    old = copies[: max(0, len(copies) - max(0, keep - 1))]
    for one in old:
        one.unlink()
    return [one.name for one in old]


def _first(findings: list[Finding]) -> str:
    return f"{findings[0].code} {findings[0].where}: {findings[0].detail} (of {len(findings)})"
