"""The device: an SQLite VFS over ordinary files that writes down every operation, and fails when told to.

The files under it play the page cache of a running machine: what was written can be read, synced or not.
Syncs are only noted, never made, so it is fast, too. What a power cut leaves is computed from `log` by
`simulators.disk.images`. Shared memory and locks are those of the operating system, so several connections,
also from several threads, work as usual; the standard library's sqlite3 must not have the same files open
in this process at the same time (its copy of SQLite would not see the other's locks).
"""

import itertools
import threading
from pathlib import Path
from typing import Any

import apsw

from simulators.disk.faults import Fault, Kind, rot
from simulators.disk.images import SECTOR
from simulators.disk.operations import Delete, Make, Mark, Operation, Sync, SyncFailed, Truncate, Write

_NUMBERS = itertools.count(1)
# With the first sync of such a file that may have been made, its directory is synced (os_unix.c: unixSync).
_SYNCS_DIRECTORY = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL


class Disk:
    """A directory on a forgetful disk. What lies there when it is made is `start`: safe."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.start = {file.name: file.read_bytes() for file in sorted(directory.iterdir())}
        self.log: list[Operation] = []
        self.faults: list[Fault] = []
        self.life = 0  # how often the programs that use it were killed
        self.lock = threading.Lock()
        self._bodies = {name: -1 - place for place, name in enumerate(self.start)}
        self._vfs = _Vfs(f"forgetful-{next(_NUMBERS)}", self)

    @property
    def vfs(self) -> str:
        """The name under which SQLite knows it."""
        return self._vfs.name

    def mark(self, what: Any) -> None:
        """Note something at this place of the log."""
        with self.lock:
            self.log.append(Mark(what))

    def kill(self) -> None:
        """The programs that use it are killed; the machine goes on, so what they wrote can be read.

        Connections that are open can do nothing any more but be closed.
        """
        self.life += 1

    def close(self) -> None:
        """Let SQLite forget it; all connections must be closed before."""
        self._vfs.unregister()

    def opened(self, name: str) -> int:
        """The body that a name points at; made when it is not there."""
        with self.lock:
            body = self._bodies.get(name)
            if body is None:
                body = self._bodies[name] = next(_NUMBERS)
                self.log.append(Make(name, body))
            return body

    def deleted(self, name: str, *, directory: bool) -> None:
        """A name was removed."""
        with self.lock:
            if self._bodies.pop(name, None) is not None:
                self.log.append(Delete(name, directory))

    def strike(self, kind: Kind, name: str) -> Fault | None:
        """The fault that this operation meets, if any."""
        with self.lock:
            struck = [fault for fault in self.faults if fault.strikes(kind, name)]
        return struck[0] if struck else None

    def note(self, operation: Operation) -> None:
        with self.lock:
            self.log.append(operation)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self.name = name
        self._disk = disk
        super().__init__(name, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's names
        if name is None:  # a temporary file: gone with the process in any case
            return apsw.VFSFile("unix", name, flags)
        return _File(name, flags, self._disk)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        # Only a connection that could write its last checkpoint deletes a WAL: a dead one never comes here.
        super().xDelete(filename, syncdir)
        self._disk.deleted(Path(filename).name, directory=syncdir)


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: Disk) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name
        self._disk = disk
        super().__init__("unix", name, flags)
        self._body = disk.opened(self._name)
        self._life = disk.life
        self._new_name = bool(flags[0] & _SYNCS_DIRECTORY) and bool(flags[0] & apsw.SQLITE_OPEN_CREATE)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._live()
        fault = self._disk.strike("read", self._name)
        data = super().xRead(amount, offset)
        if fault is None or not data:
            return data
        if fault.error == "rot":
            return rot(data, fault.seen)
        raise _error(apsw.IOError, apsw.SQLITE_IOERR_READ)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        self._live()
        fault = self._disk.strike("write", self._name)
        whole = bytes(data)
        written = whole
        if fault is not None:
            fits = (offset + len(whole) // 2) // SECTOR * SECTOR - offset
            written = whole[: max(0, fits)] if fault.error == "full" else b""
        if written:
            super().xWrite(written, offset)
            self._disk.note(Write(self._body, offset, written))
        if fault is not None:
            if fault.error == "full":
                raise _error(apsw.FullError, apsw.SQLITE_FULL)
            raise _error(apsw.IOError, apsw.SQLITE_IOERR_WRITE)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._live()
        if self._disk.strike("truncate", self._name) is not None:
            raise _error(apsw.IOError, apsw.SQLITE_IOERR_TRUNCATE)
        super().xTruncate(newsize)
        self._disk.note(Truncate(self._body, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802, ARG002
        self._live()
        if self._disk.strike("sync", self._name) is not None:
            self._disk.note(SyncFailed(self._body))
            raise _error(apsw.IOError, apsw.SQLITE_IOERR_FSYNC)
        self._disk.note(Sync(self._body, self._new_name))
        self._new_name = False

    def excepthook(self, *_error: object) -> bool:
        """A fault that SQLite has no caller to tell of, such as one in a last checkpoint."""
        return True

    def _live(self) -> None:
        if self._life != self._disk.life:
            raise _error(apsw.IOError, apsw.SQLITE_IOERR)


def _error(kind: type[apsw.Error], code: int) -> apsw.Error:
    error = kind(f"a fault of the simulated disk ({code})")
    error.extendedresult = code  # type: ignore[attr-defined]
    return error
