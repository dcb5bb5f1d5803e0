"""A journal whose files were damaged anywhere: coded refusals, an end, and never a record that was not sent.

An input is a list of edits of five bytes: which file, where (two bytes), how, and with what. Readers and the
verifier look at the damage first; then intake's side opens it, appends, is told to look after it, appends
again (salvaging where it must); what can be read afterwards is held against what was stored.
"""

import os
import shutil
from functools import cache
from pathlib import Path

from gateway.journal import JournalError, JournalReader, SqliteJournal
from gateway.journal.backup import BackupError
from gateway.journal.model import Judged, Outcome, Records, Refused, StateReport
from gateway.journal.verify import verify
from tests.fuzz.scratch import fresh, scratch
from tests.fuzz.target import Target, require, require_code

_LOGS = (("bin-001", "0000aaaa"), ("bin-002", "0000bbbb"))
_T_MS = 1_795_000_000_000
_ROWS = 40
_FILES = ("journal.db", "journal.db-wal")
_EDIT = 5


def damage(data: bytes) -> None:
    """Edit, look, repair, look again."""
    store = fresh("journal")
    sent = _build()
    for name in _FILES:
        shutil.copyfile(_original() / name, store / name)
    _edit(store, data)
    _look(store, sent)
    try:
        journal = SqliteJournal(store)
    except JournalError as error:
        require_code(error.code)
        return
    try:
        for attempt in range(2):
            seq = _ROWS * 3 + 1 + attempt
            log = ("bin-003", "0000cccc")
            sent[(*log, seq)] = _record(seq)
            try:
                journal.append([_message(*log, seq, 1)])
            except JournalError as error:
                require_code(error.code)
            for condition in journal.maintain(_T_MS + 10**8 * (attempt + 1)).conditions:
                require_code(condition.code)
        _look(store, sent)
    finally:
        journal.close()


def _look(store: Path, sent: dict[tuple[str, str, int], bytes]) -> None:
    """Read everything in every way. What a sound row gives was sent, once, under that name."""
    try:
        with JournalReader(store) as reader:
            seen: set[tuple[str, str, int]] = set()
            cursor = 0
            while rows := reader.read(cursor, 7):
                require(rows[-1].id > cursor, "reading does not get on", cursor)
                cursor = rows[-1].id
                for row in rows:
                    if not row.sound():
                        continue
                    for record in row.records():
                        name = (row.device, row.log, record.seq)
                        require(
                            sent.get(name) == record.raw, "a sound row holds what was not sent", name, record
                        )
                        require(name not in seen, "stored twice", name)
                        seen.add(name)
            reader.counters(), reader.logs(), reader.gaps(), reader.losses(), reader.lost(), reader.states()
            reader.quarantine(), reader.revisions(0, 10), reader.epoch(), reader.end(), reader.dropped()
            for device, log in _LOGS:
                reader.hwm(device, log), reader.read(0, 5, device), reader.before(device, log, 50, 9)
    except JournalError as error:
        require_code(error.code)
    if (store / "journal.db").exists():
        try:
            for finding in verify(store / "journal.db").findings:
                require(finding.code and finding.detail, "a finding that says nothing", finding)
        except (JournalError, BackupError) as error:
            require(error.code, "a refusal without a code", error)


def _edit(store: Path, data: bytes) -> None:
    for at in range(0, len(data) - _EDIT + 1, _EDIT):
        which, high, low, how, value = data[at : at + _EDIT]
        path = store / _FILES[which % 2]
        size = path.stat().st_size
        if not size:
            continue
        place = (high << 8 | low) * max(1, size // 65_536 + 1) % size
        match how % 6:
            case 0 | 1:
                _write(path, place, bytes([value]))
            case 2:
                _write(path, place, bytes([path.read_bytes()[place] ^ (1 << value % 8)]))
            case 3:
                _write(path, place // 4096 * 4096, bytes(4096))
            case 4:
                os.truncate(path, place)
            case 5:
                page = path.read_bytes()[value * 4096 : value * 4096 + 4096]
                _write(path, place // 4096 * 4096, page)


def _write(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


@cache
def _original() -> Path:
    """A journal as a killed intake leaves it: part in the file, part in the log beside it."""
    store = scratch() / "original"
    working = scratch() / "working"
    store.mkdir()
    journal = SqliteJournal(working)
    for row in range(_ROWS):
        journal.append([_message(*_LOGS[row % 2], row // 2 * 3 + 1, 3)])
        if row == _ROWS // 2:  # all so far goes into the file
            journal.close()
            journal = SqliteJournal(working)
            journal.append(
                [
                    Refused(_T_MS, "bin-001", "up/records", "not-json", "cut", b'{"v":', 5),
                    StateReport(_T_MS, "bin-001", b'{"v":1,"online":true}'),
                ]
            )
    for name in _FILES:
        shutil.copyfile(working / name, store / name)
    journal.close()
    return store


def _build() -> dict[tuple[str, str, int], bytes]:
    """What the original holds, by name."""
    return {
        (*_LOGS[row % 2], seq): _record(seq)
        for row in range(_ROWS)
        for seq in range(row // 2 * 3 + 1, row // 2 * 3 + 4)
    }


def _message(device: str, log: str, first: int, count: int) -> Records:
    records = b",".join(_record(seq) for seq in range(first, first + count))
    body = b'{"v":1,"log":"%b","first":1,"sent":1,"recs":[%b]}' % (log.encode(), records)
    judged = [Judged(first), *(Judged(first + n, Outcome.FLAGGED, ("clock-jump",)) for n in range(1, count))]
    return Records(_T_MS, device, log, 1, 1, body, judged)


def _record(seq: int) -> bytes:
    return b'{"seq":%d,"t":1794999999000,"clock":"ntp","kind":"reading","mass_g":%d}' % (seq, seq * 10)


def _seeds() -> list[bytes]:
    places = [(page * 1024 + offset) % 65_536 for page in range(24) for offset in (0, 3, 8, 100, 700)]
    edits = [bytes((which, place >> 8, place & 255, how, 0x55)) for place in places for which, how in _KINDS]
    return [b"", *edits[::3], b"".join(edits[:40])]


_KINDS = ((0, 0), (1, 2), (0, 3), (1, 4), (0, 5), (1, 3))

TARGETS = (Target("journal-file", damage, _seeds, max_bytes=200, timeout_s=30, weight=4),)
