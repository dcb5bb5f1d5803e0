"""The tables of journal.db, by numbered version (`PRAGMA user_version`).

A new version is a new entry of MIGRATIONS; an entry that was released is never edited.
"""

import sqlite3

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE logs (
        id INTEGER PRIMARY KEY,
        device TEXT NOT NULL,
        log TEXT NOT NULL,                -- 8 hexadecimal digits
        hwm INTEGER NOT NULL,             -- unbroken up to here; -1: nothing
        top INTEGER NOT NULL,             -- greatest number stored; -1: none
        UNIQUE (device, log)
    ) STRICT;
    CREATE TABLE bodies (
        id INTEGER PRIMARY KEY,           -- the order of arrival; readers' cursors point here
        received_ms INTEGER NOT NULL,     -- ms since 1970 UTC
        log_id INTEGER NOT NULL REFERENCES logs (id),
        first INTEGER NOT NULL,           -- holds the records first..last, all of them, in order
        last INTEGER NOT NULL,
        body BLOB NOT NULL,               -- an up/records message
        notes BLOB                        -- JSON {seq: note}; NULL: all plainly accepted
    ) STRICT;
    CREATE UNIQUE INDEX bodies_span ON bodies (log_id, first, last);
    CREATE TABLE losses (
        id INTEGER PRIMARY KEY,
        log_id INTEGER NOT NULL REFERENCES logs (id),
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        declared_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        device TEXT NOT NULL,
        channel TEXT NOT NULL,
        log TEXT,
        seq INTEGER,
        code TEXT NOT NULL,
        detail TEXT NOT NULL,
        body BLOB NOT NULL,
        size INTEGER NOT NULL             -- bytes that arrived; more than length(body) when cut
    ) STRICT;
    CREATE TABLE states (
        device TEXT PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE replies (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        device TEXT NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE counters (
        name TEXT NOT NULL,               -- received | outcome | message
        key TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name, key)
    ) STRICT, WITHOUT ROWID;
    """,
    # One device's rows in the journal's order: an index ends with the rowid.
    "CREATE INDEX bodies_log ON bodies (log_id)",
)


def migrate(db: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring a database to the newest version, all steps in one transaction: nobody ever reads a half-way one.

    Raises ValueError when it is newer.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise ValueError(
            f"the database has version {version}, this program knows up to {len(migrations)}: update it"
        )
    if version < len(migrations):
        steps = ";".join(migrations[version:])
        db.executescript(f"BEGIN IMMEDIATE; {steps}; PRAGMA user_version = {len(migrations)}; COMMIT;")
