"""The tables of journal.db, by numbered version (`PRAGMA user_version`).

A new version is a new entry of MIGRATIONS; an entry that was released is never edited.
"""

import sqlite3
from collections.abc import Iterator

FILE = "journal.db"

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
        name TEXT NOT NULL,               -- received | outcome | code | message | lost
        key TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name, key)
    ) STRICT, WITHOUT ROWID;
    """,
    # One device's rows in the journal's order: an index ends with the rowid.
    "CREATE INDEX bodies_log ON bodies (log_id)",
    """
    CREATE TABLE epochs (                 -- see gateway.journal.epochs; the last one is the present one
        id INTEGER PRIMARY KEY,
        epoch TEXT NOT NULL UNIQUE,
        began_at_row INTEGER NOT NULL,    -- the newest row when it began
        began_at_revision INTEGER NOT NULL,
        began_ms INTEGER NOT NULL,
        cause TEXT NOT NULL               -- created | restore | damage
    ) STRICT;
    INSERT INTO epochs (epoch, began_at_row, began_at_revision, began_ms, cause)
        SELECT lower(hex(randomblob(8))), coalesce(max(id), 0), 0,
            CAST(strftime('%s', 'now') AS INTEGER) * 1000, 'created' FROM bodies;
    CREATE TABLE meta (                   -- numbers that upkeep remembers
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE bodies ADD COLUMN crc INTEGER;  -- bodies.checksum(); NULL: stored by version 1 or 2
    ALTER TABLE logs ADD COLUMN began INTEGER;  -- the first number that was expected (J6)
    UPDATE logs SET began = (
        SELECT min(first) FROM (SELECT min(b.first) AS first FROM bodies b WHERE b.log_id = logs.id
        UNION ALL SELECT min(x.first) FROM losses x WHERE x.log_id = logs.id)
    );
    ALTER TABLE logs ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;  -- rows below it were dropped
    ALTER TABLE logs ADD COLUMN set_back_at INTEGER;  -- hwm that a restore or salvage put the log back to
    ALTER TABLE logs ADD COLUMN set_back_by TEXT;     -- restore | damage
    CREATE INDEX logs_gap ON logs (id) WHERE hwm < top;
    ALTER TABLE losses ADD COLUMN cause TEXT NOT NULL DEFAULT 'device';  -- device | restore | damage
    CREATE INDEX losses_span ON losses (log_id, first);
    CREATE INDEX losses_when ON losses (declared_ms);
    INSERT INTO counters (name, key, value)
        SELECT 'lost', 'device', sum(last - first + 1) FROM losses HAVING count(*) > 0;
    ALTER TABLE quarantine ADD COLUMN row INTEGER;    -- the row it stands in; NULL: it is kept here alone
    ALTER TABLE quarantine ADD COLUMN times INTEGER NOT NULL DEFAULT 1;  -- copies, all counted
    ALTER TABLE quarantine ADD COLUMN last_ms INTEGER NOT NULL DEFAULT 0;  -- when the latest copy came
    ALTER TABLE quarantine ADD COLUMN overflow INTEGER NOT NULL DEFAULT 0;  -- 1: counts what was not kept
    ALTER TABLE quarantine ADD COLUMN released_ms INTEGER;  -- judged anew and no longer refused
    ALTER TABLE quarantine ADD COLUMN released_as TEXT;  -- the outcome then; withdrawn: came in anew
    ALTER TABLE quarantine ADD COLUMN digest BLOB;  -- names equal copies; NULL: released, or of version 1, 2
    UPDATE quarantine SET last_ms = received_ms;
    UPDATE quarantine SET row = (
        SELECT CASE WHEN b.last >= quarantine.seq THEN b.id END FROM logs l JOIN bodies b ON b.log_id = l.id
        WHERE l.device = quarantine.device AND l.log = quarantine.log AND b.first <= quarantine.seq
        ORDER BY b.first DESC LIMIT 1
    ) WHERE seq IS NOT NULL AND code != 'seq-conflict';
    CREATE UNIQUE INDEX quarantine_once ON quarantine (device, digest);
    CREATE INDEX quarantine_device ON quarantine (device);
    CREATE INDEX quarantine_number ON quarantine (device, log, seq) WHERE seq IS NOT NULL;
    CREATE INDEX quarantine_loose ON quarantine (times) WHERE row IS NULL AND released_ms IS NULL;
    CREATE INDEX quarantine_overflow ON quarantine (device) WHERE overflow = 1;
    CREATE INDEX quarantine_age ON quarantine (last_ms);
    CREATE TABLE revisions (              -- a later judgement of a stored record; the last one holds
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        row INTEGER NOT NULL,
        log_id INTEGER NOT NULL REFERENCES logs (id),
        seq INTEGER NOT NULL,
        raw BLOB NOT NULL,                -- the record's text, so that a revision outlives its row
        outcome TEXT NOT NULL,
        codes TEXT NOT NULL,              -- JSON array
        detail TEXT NOT NULL,
        t_ms INTEGER,
        basis TEXT NOT NULL               -- names the rules and devices that it was judged by
    ) STRICT;
    CREATE INDEX revisions_number ON revisions (log_id, seq);
    CREATE TABLE drops (                  -- what retention dropped, per day
        day INTEGER NOT NULL,             -- days since 1970-01-01 UTC
        what TEXT NOT NULL,               -- rows | records | bytes | and the names of other tables
        count INTEGER NOT NULL,
        PRIMARY KEY (day, what)
    ) STRICT, WITHOUT ROWID;
    """,
    # It cost every row a write to another page for one kind of question, which `bodies_span` answers too.
    "DROP INDEX bodies_log",
    # Each reason counts, not only the first of a record; of earlier records only the first was counted.
    # The page asks for new announcements with each commit.
    """
    INSERT INTO counters (name, key, value)
        SELECT 'code', substr(key, instr(key, '/') + 1), sum(value) FROM counters
        WHERE name = 'outcome' AND key NOT LIKE '%/' GROUP BY 2;
    CREATE INDEX states_new ON states (received_ms);
    """,
)


def migrate(db: sqlite3.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring a database to the newest version, all steps in one transaction: nobody ever reads a half-way one.

    Raises ValueError when it is newer.
    """
    version = _version(db)
    if version > len(migrations):
        raise ValueError(
            f"the database has version {version}, this program knows up to {len(migrations)}: update it"
        )
    if version == len(migrations):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[_version(db) :]:  # read again: another process may have been faster
            for statement in _statements(step):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _statements(script: str) -> Iterator[str]:
    """A script's statements, one at a time (`executescript` would commit first)."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
