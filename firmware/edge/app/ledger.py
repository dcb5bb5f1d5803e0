"""Which commands were accepted, and how far each has come: a bounded memory that never forgets to its loss.

The last 8 are remembered by name. Only one whose expiry has passed is forgotten for a new one, and its expiry
then becomes the floor: a command that expires at the floor or before may have been carried out, and is
refused whatever the clock says. So nothing is carried out twice, also when the clock is set back: an expiry
is signed, the clock is not. With 8 that have not yet expired there is no room (`busy`), and no floor that
would refuse what is still to come. Pure: the caller stores `state`.
"""

from hashlib import sha256

from edge.mac import hexadecimal

if False:  # for types
    from typing import Any

SIZE = 8
OPEN = 2  # accepted and not yet ended; their ids stand in full
MAX_CODE = 24

ACCEPTED, BEGUN, DONE, FAILED, EXPIRED = "a", "b", "d", "f", "x"
_EXP, _TAG, _MARK, _CODE, _ID = 0, 1, 2, 3, 4


def tag(name: str) -> str:
    """What is remembered of an id: 48 bits of its SHA-256, so that any id takes little room."""
    return hexadecimal(sha256(name.encode()).digest()[:6]).decode()


class Ledger:
    """`state`: what was stored last, None at first: [floor, entry, …], an entry being
    [expiry ms, tag, mark, code] and, while it is open, its id.
    """

    def __init__(self, state: "list | None") -> None:
        self.floor_ms = 0
        self._entries: "list[list[Any]]" = []
        try:
            if state:
                self.floor_ms = int(state[0])
                for entry in state[1:]:
                    texts = [str(entry[_TAG]), str(entry[_MARK]), str(entry[_CODE])]
                    self._entries.append([int(entry[_EXP])] + texts + [str(name) for name in entry[_ID:]])
        except (TypeError, ValueError, IndexError):
            pass  # what cannot be read is not known; the expiries still guard

    def state(self) -> list:
        """What to store."""
        return [self.floor_ms] + [list(entry) for entry in self._entries]

    def find(self, name: str) -> "tuple[str, str] | None":
        """(mark, code) of a command that is remembered."""
        wanted = tag(name)
        for entry in self._entries:
            if entry[_TAG] == wanted:
                return entry[_MARK], entry[_CODE]
        return None

    def accept(self, name: str, exp_ms: int, now_ms: int) -> bool:
        """Remember a new command; False: there is no room for it now."""
        if len(self.opened()) >= OPEN:
            return False
        if len(self._entries) >= SIZE:
            oldest = None
            for entry in self._entries:
                ended = entry[_MARK] not in (ACCEPTED, BEGUN) and entry[_EXP] <= now_ms
                if ended and (oldest is None or entry[_EXP] < oldest[_EXP]):
                    oldest = entry
            if oldest is None:
                return False
            self._entries.remove(oldest)
            self.floor_ms = max(self.floor_ms, oldest[_EXP])
        self._entries.append([exp_ms, tag(name), ACCEPTED, "", name])
        return True

    def mark(self, name: str, mark: str, code: str = "") -> None:
        """How far it has come; one that has ended is known by its tag alone."""
        wanted = tag(name)
        for entry in self._entries:
            if entry[_TAG] == wanted:
                entry[_MARK], entry[_CODE] = mark, code[:MAX_CODE]
                if mark not in (ACCEPTED, BEGUN):
                    del entry[_ID:]

    def drop(self, name: str) -> None:
        """It could not be stored: it was not accepted."""
        wanted = tag(name)
        self._entries = [entry for entry in self._entries if entry[_TAG] != wanted]

    def opened(self) -> "list[tuple[str, str]]":
        """(id, mark) of those that have not ended."""
        return [(entry[_ID], entry[_MARK]) for entry in self._entries if len(entry) > _ID]
