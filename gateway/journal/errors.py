"""What can go wrong with the journal's file, each with a stable code and one defined behaviour. No I/O.

`journal-full` and `journal-io`: nothing of the batch was stored; the same call may be tried again for ever,
and works when the disk does. `journal-corrupt`: what is in the file cannot be trusted; a writer that may
salvage does so at its next call (`gateway.journal.salvage`), a reader keeps its cursor and asks again.
`journal-locked`: another program holds the file; try again.
"""

import sqlite3


class JournalError(Exception):
    """The journal could not be written or read; nothing of the batch was stored. `code` is stable."""

    code = "journal-failed"


class JournalFullError(JournalError):
    """The disk, or the file's quota, is full (SQLITE_FULL)."""

    code = "journal-full"


class JournalIOError(JournalError):
    """The disk refused to read, write or sync (SQLITE_IOERR), or the file cannot be opened."""

    code = "journal-io"


class JournalCorruptError(JournalError):
    """The file is not, or no longer, a sound database (SQLITE_CORRUPT, SQLITE_NOTADB)."""

    code = "journal-corrupt"


class JournalLockedError(JournalError):
    """Another program kept the file locked for longer than the time-out (SQLITE_BUSY, SQLITE_LOCKED)."""

    code = "journal-locked"


FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)
"""What reading or writing the file may raise; text that rotted on the disk is no longer UTF-8."""

_KINDS: dict[int, tuple[type[JournalError], str]] = {
    sqlite3.SQLITE_FULL: (JournalFullError, "Make room on the disk; nothing else is needed."),
    sqlite3.SQLITE_IOERR: (JournalIOError, "Check the health of the disk and the kernel's log."),
    sqlite3.SQLITE_READONLY: (JournalIOError, "Check the permissions and whether the disk went read-only."),
    sqlite3.SQLITE_CANTOPEN: (JournalIOError, "Check the path, its permissions and the free space."),
    sqlite3.SQLITE_PERM: (JournalIOError, "Check the path and its permissions."),
    sqlite3.SQLITE_CORRUPT: (JournalCorruptError, "Check the disk's health; see docs/journal.md."),
    sqlite3.SQLITE_NOTADB: (JournalCorruptError, "Check the disk's health; see docs/journal.md."),
    sqlite3.SQLITE_BUSY: (JournalLockedError, "Find the program that holds the file open and end it."),
    sqlite3.SQLITE_LOCKED: (JournalLockedError, "Find the program that holds the file open and end it."),
}


def explained(what: str, err: Exception) -> JournalError:
    """The error for a failure of SQLite or of the file system: `what` says which file and what failed."""
    if isinstance(err, OSError):
        return JournalIOError(f"{what}: {err}. Check the path, its permissions and the free space.")
    if isinstance(err, UnicodeDecodeError):  # text that was stored as UTF-8 no longer is
        return JournalCorruptError(f"{what}: {err}. Check the disk's health; see docs/journal.md.")
    primary = getattr(err, "sqlite_errorcode", 0) & 0xFF
    kind, do = _KINDS.get(primary, (JournalError, "Check the free space and the health of the disk."))
    return kind(f"{what}: {err}. {do}")
