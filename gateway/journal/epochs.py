"""Epochs: how readers with cursors survive a journal that goes back.

Within an epoch, row and revision numbers only go up and are never given twice (J7). A restored or salvaged
journal may lack its newest rows and give their numbers again; so it begins a new epoch, which says what was
the newest row when it began. A reader keeps (epoch, cursor); where the journal's epoch differs, it goes on
from the newest row that both share. What it then writes again has the same names, so nothing is doubled.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import astuple


class Epoch(Struct, frozen=True):
    """`began_at_row`, `began_at_revision`: the newest ones that it shares with what was before.

    `cause`: `created`, `restore` or `damage`.
    """

    id: str
    began_at_row: int
    began_at_revision: int
    began_ms: int
    cause: str


class Place(Struct, frozen=True):
    """Where a reader is: what it keeps, in one transaction with what it did."""

    epoch: str
    row: int
    revision: int


QUERY = "SELECT epoch, began_at_row, began_at_revision, began_ms, cause FROM epochs ORDER BY id"


def read_epochs(db: sqlite3.Connection) -> list[Epoch]:
    """A journal's epochs, the present one last. Raises sqlite3.Error."""
    return [Epoch(*row) for row in db.execute(QUERY)]


def resume(epochs: Sequence[Epoch], epoch: str | None, row: int, revision: int) -> Place:
    """Where a reader that was at (epoch, row, revision) goes on in a journal with these epochs.

    `epoch` None: a reader from before there were epochs, or a new one: it is where it says. One of an epoch
    that the journal never had begins anew, since it cannot be known what they share.
    """
    present = epochs[-1].id
    if epoch is None or epoch == present:
        return Place(present, row, revision)
    since = next((at for at, one in enumerate(epochs) if one.id == epoch), None)
    if since is None:
        return Place(present, 0, 0)
    later = epochs[since + 1 :]
    return Place(
        present,
        min(row, *(one.began_at_row for one in later)),
        min(revision, *(one.began_at_revision for one in later)),
    )


def begin(db: sqlite3.Connection, now_ms: int, cause: str, replaced: Iterable[Epoch] = ()) -> Epoch:
    """Begin an epoch in a journal that was put in place of another; inside the caller's transaction.

    `replaced`: the epochs of the other one, as far as they can be read: its readers then go on from what both
    share instead of from the start. Each log's mark is remembered, so that what a device no longer holds
    right above it is a loss of this cause. Raises sqlite3.Error.
    """
    own = {one.id for one in read_epochs(db)}
    foreign = [one for one in replaced if one.id not in own]
    (row,) = db.execute("SELECT coalesce(max(id), 0) FROM bodies").fetchone()
    (revision,) = db.execute("SELECT coalesce(max(id), 0) FROM revisions").fetchone()
    new = Epoch(
        secrets.token_hex(8),
        min([row, *(one.began_at_row for one in foreign)]),
        min([revision, *(one.began_at_revision for one in foreign)]),
        now_ms,
        cause,
    )
    db.executemany(
        "INSERT INTO epochs (epoch, began_at_row, began_at_revision, began_ms, cause) VALUES (?, ?, ?, ?, ?)",
        [astuple(one) for one in (*foreign, new)],
    )
    db.execute("UPDATE logs SET set_back_at = hwm, set_back_by = ?", (cause,))
    return new
