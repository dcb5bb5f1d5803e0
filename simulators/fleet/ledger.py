"""What a fleet made: one line a fact, appended before the record is sent.

| line | meaning |
|---|---|
| `R device log seq text` | a record; it must be stored, byte for byte |
| `B device log seq text` | a record that breaks its schema; it must be kept as quarantined |
| `F device log seq` | `down/ack` freed everything up to here: it must be stored |
| `L device log first last` | gone from flash before it was acknowledged: may be missing, may be stored |

Fields are separated by tabs; a record's text has none (JSON escapes them).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple


class Entry(NamedTuple):
    """A line. `text`: of a record; `last`: of a loss (its `seq` is the first)."""

    what: str
    device: str
    log: str
    seq: int
    text: bytes = b""
    last: int = -1


class Ledger:
    """Appends. `flush` before anything that was added is sent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab", buffering=1 << 20)
        self._lines: list[bytes] = []

    def record(self, what: bytes, name: bytes, seq: int, text: bytes) -> None:
        """`name`: device, tab, log."""
        self._lines.append(b"%b\t%b\t%d\t%b\n" % (what, name, seq, text))

    def lost(self, name: bytes, first: int, last: int) -> None:
        """Records `first`..`last` are gone from flash."""
        self._lines.append(b"L\t%b\t%d\t%d\n" % (name, first, last))

    def freed(self, name: bytes, seq: int) -> None:
        """`down/ack` covers everything up to `seq`."""
        self._lines.append(b"F\t%b\t%d\t\n" % (name, seq))

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._lines:
            self._file.write(b"".join(self._lines))
            self._lines.clear()
            self._file.flush()

    def close(self) -> None:
        self.flush()
        self._file.close()


def read_ledger(path: Path) -> Iterator[Entry]:
    """All lines of a ledger, in order; a last line that was cut off (the fleet was killed) is left out."""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            what, device, log, seq, rest = line[:-1].split(b"\t", 4)
            common = what.decode(), device.decode(), log.decode(), int(seq)
            yield Entry(*common, last=int(rest)) if what == b"L" else Entry(*common, text=rest)
