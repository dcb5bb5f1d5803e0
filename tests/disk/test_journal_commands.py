"""`huishou journal stat | verify | export | backup | restore`, as a person or a script calls them."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.journal import journal as command
from gateway.codes import CODES
from gateway.journal import JournalReader, Judged, Outcome, Records, Refused, Rejudged, SqliteJournal
from gateway.journal.bodies import compose
from gateway.journal.schema import MIGRATIONS, migrate
from gateway.processes import sole
from tests.disk.crashing import FILE, START_MS
from tests.disk.workload import Workload, workload

SENT = 40
ALTERED = "UPDATE bodies SET body = CAST(replace(body, 'reading', 'reaping') AS BLOB) WHERE id = 3"
AGAIN = (
    "INSERT INTO bodies (received_ms, log_id, first, last, body, notes, crc)"
    " SELECT received_ms, log_id, first, last + 1, body, notes, crc FROM bodies WHERE id = 3"
)


class Store:
    """A configured gateway's store with some traffic in its journal, and the command."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = directory / "store"
        self.config = directory / "huishou.toml"
        (directory / "devices.json").write_text('{"devices": []}')
        self.config.write_text("")
        self.sent: Workload = workload(4, 2 * SENT, START_MS)
        self.append(0, SENT)

    def append(self, first: int, end: int) -> None:
        journal = SqliteJournal(self.store)
        journal.append([arrival for batch in self.sent.batches[first:end] for arrival in batch])
        journal.close()

    def run(self, *arguments: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(command, [*map(str, arguments), "-c", str(self.config)])
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def change(self, sql: str) -> None:
        with sqlite3.connect(self.store / FILE) as db:
            db.execute(sql)
        db.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def records(store: Path) -> dict[tuple[str, str, int], bytes]:
    with JournalReader(store) as reader:
        return {
            (row.device, row.log, one.seq): one.raw
            for row in reader.read(0, 100_000)
            for one in row.records()
        }


def test_stat_tells_what_is_there_and_how_it_adds_up(store: Store) -> None:
    facts = store.json("stat")
    held = records(store.store)
    assert facts["records"] == len(held)
    assert facts["devices"] == len({device for device, _, _ in held})
    assert facts["received"] == sum(sum(codes.values()) for codes in facts["outcomes"].values())
    assert facts["first_ms"] == START_MS
    assert facts["readers"]["influxdb"]["behind_rows"] == facts["rows"]  # configured, and never came
    assert facts["retention"]["keep_days"] == 400
    with JournalReader(store.store) as reader:
        assert len(facts["gaps"]) == len(reader.gaps())
    words = store.run("stat").stdout
    assert f"{facts['records']} records of" in words
    assert "influxdb: " in words


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (ALTERED, "row-damaged"),
        (
            "UPDATE bodies SET last = last + 7, crc = NULL WHERE id = (SELECT max(id) FROM bodies)",
            "row-content",
        ),
        ("UPDATE bodies SET log_id = 99 WHERE id = 3", "orphan-row"),
        ("UPDATE logs SET hwm = hwm + 1 WHERE id = 1", "mark-wrong"),
        ("UPDATE logs SET hwm = hwm - 1 WHERE id = 1", "mark-wrong"),
        ("UPDATE logs SET top = top + 1 WHERE id = 1", "mark-wrong"),
        ("DELETE FROM bodies WHERE id = 3", "mark-wrong"),
        ("DELETE FROM bodies WHERE id = 3", "sum-wrong"),
        ("UPDATE counters SET value = value + 1 WHERE name = 'received'", "sum-wrong"),
        ("DELETE FROM quarantine WHERE row IS NULL", "sum-wrong"),
        (AGAIN, "rows-overlap"),
    ],
)
def test_verify_finds_what_is_wrong_and_says_what_to_do(store: Store, harm: str, code: str) -> None:
    assert store.json("verify")["counts"] == {}
    store.change(harm)
    assert store.json("verify", code=1)["counts"][code] >= 1
    words = store.run("verify", code=1).stdout
    assert code in words
    if code in CODES:
        assert CODES[code].en_do in words
        assert CODES[code].zh_do in store.run("verify", "--lang", "zh", code=1).stdout


def test_verify_of_rows_from_a_number_on_leaves_the_rest_alone(store: Store) -> None:
    store.change(ALTERED)
    assert store.json("verify", "--from-row", "4")["rows"] < store.json("verify", code=1)["rows"]


def test_verify_knows_a_damaged_file_from_a_missing_one(store: Store) -> None:
    data = bytearray((store.store / FILE).read_bytes())
    data[4096 * 3 : 4096 * 3 + 8] = b"\xff" * 8
    (store.store / FILE).write_bytes(data)
    assert "file-damaged" in store.json("verify", code=1)["counts"]
    (store.store / FILE).write_bytes(b"this is no database" * 1000)
    assert "journal-corrupt" in store.run("verify", code=1).output
    (store.store / FILE).unlink()
    assert "no-journal" in store.run("verify", code=1).output


def test_a_journal_of_an_earlier_version_is_verified_and_backed_up_as_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.store / FILE).unlink()
    with sqlite3.connect(store.store / FILE, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = WAL")
        migrate(db, MIGRATIONS[:2])
        db.execute("INSERT INTO logs VALUES (1, 'bin-001', '0000000a', 2, 2)")
        body = compose("0000000a", 1, 1, [b'{"seq":1}', b'{"seq":2}'])
        db.execute("INSERT INTO bodies VALUES (1, 5, 1, 1, 2, ?, NULL)", (body,))
        db.execute("INSERT INTO counters VALUES ('received', '', 2), ('outcome', 'accepted/', 2)")
    db.close()
    assert store.json("verify")["version"] == 2
    made = store.json("backup", tmp_path)
    assert made["cover"]["records"] == 2
    (store.store / FILE).unlink()
    store.json("restore", made["file"], "--yes")
    assert records(store.store) == {("bin-001", "0000000a", n): b'{"seq":%d}' % n for n in (1, 2)}
    assert store.json("verify")["version"] == len(MIGRATIONS)


def lines(text: str) -> Iterator[Any]:
    return (json.loads(line) for line in text.splitlines())


def test_an_export_has_every_record_byte_for_byte_and_a_check_sum(store: Store, tmp_path: Path) -> None:
    text = store.run("export").stdout
    head, *body, end = lines(text)
    assert head["huishou_export"] == 1
    found = {(one["device"], one["log"], one["seq"]): one["text"].encode() for one in body}
    assert found == records(store.store)
    assert len(found) == len(body) == end["records"]
    assert [one["row"] for one in body] == sorted(one["row"] for one in body)
    before_the_end = "".join(text.splitlines(keepends=True)[:-1]).encode()
    assert end["sha256"] == hashlib.sha256(before_the_end).hexdigest()
    told = store.json("export", "--to", tmp_path / "e.jsonl")
    assert (tmp_path / "e.jsonl").read_text() == text
    assert told["sha256"] == end["sha256"]
    assert "file-exists" in store.run("export", "--to", tmp_path / "e.jsonl", code=1).output


def test_an_export_can_be_of_a_device_and_a_time_and_have_what_was_refused(store: Store) -> None:
    middle = START_MS + 20_000
    chosen = ["export", "--device", "bin-001", "--since", str(middle), "--until", "2100-01-01T00:00"]
    body = list(lines(store.run(*chosen).stdout))[1:-1]
    assert body
    assert {one["device"] for one in body} == {"bin-001"}
    assert all(one["received_ms"] >= middle for one in body)
    end = list(lines(store.run("export", "--refused").stdout))[-1]
    with JournalReader(store.store) as reader:
        assert end["refused"] == sum(one.row is None for one in reader.quarantine(limit=10_000))
    assert "expected 2026" in store.run("export", "--since", "yesterday", code=2).output


def test_an_export_has_the_judgement_in_force_and_no_damaged_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    journal = SqliteJournal(store.store)
    odd = b'{"seq":1,\n"note":"\xe5\x9b\x9e\xe6\x94\xb6"}'  # a line end and Chinese inside
    message = Records(
        START_MS,
        "bin-009",
        "000000ff",
        1,
        1,
        compose("000000ff", 1, 1, [odd, b'{"seq":2}']),
        [Judged(1, Outcome.QUARANTINED, ("unknown-kind",)), Judged(2)],
    )
    journal.append([message, Refused(START_MS, "bin-009", "up/records", "not-json", "", b"\xff", 1)])
    journal.revise(
        START_MS,
        [Rejudged("bin-009", "000000ff", Judged(1, Outcome.FLAGGED, ("clock-none",), t_ms=5))],
        "new",
    )
    journal.close()
    one, two = list(lines(store.run("export", "--device", "bin-009").stdout))[1:-1]
    assert (one["outcome"], one["codes"], one["t_ms"], one["text"]) == (
        "flagged",
        ["clock-none"],
        5,
        odd.decode(),
    )
    assert (two["outcome"], two["codes"], two["t_ms"]) == ("accepted", [], None)
    store.change("UPDATE bodies SET body = zeroblob(9) WHERE id = (SELECT max(id) FROM bodies)")
    result = store.run("export", "--device", "bin-009", code=1)
    assert [one.get("damaged") for one in lines(result.stdout)] == [None, "row-damaged", None]


def test_a_backup_made_while_intake_writes_is_the_journal_at_one_instant(
    store: Store, tmp_path: Path
) -> None:
    held = records(store.store)
    journal = SqliteJournal(store.store)  # intake's connection stays open
    made = store.json("backup", tmp_path / "copy.db")
    for batch in store.sent.batches[SENT:]:
        journal.append(batch)
    journal.close()
    file = tmp_path / "copy.db"
    assert made["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert made["cover"]["records"] == len(held)
    assert store.json("verify", "--file", file)["records"] == len(held)
    assert sorted(one.name for one in tmp_path.glob("*copy*")) == ["copy.db"]  # one file, no WAL, no part
    assert "backup-exists" in store.run("backup", file, code=1).output


def test_a_compact_backup_leaves_out_what_is_free_and_keeps_every_row(store: Store, tmp_path: Path) -> None:
    store.change("CREATE TABLE big AS SELECT randomblob(500000)")
    store.change("DROP TABLE big")
    assert store.json("backup", tmp_path / "plain.db")["bytes"] > 500_000
    made = store.json("backup", tmp_path / "compact.db", "--compact")
    assert made["bytes"] < (tmp_path / "plain.db").stat().st_size - 400_000
    held = records(store.store)
    with JournalReader(store.store) as reader:
        rows = reader.read(0, 10_000)
    store.json("restore", tmp_path / "compact.db", "--yes")
    assert records(store.store) == held
    with JournalReader(store.store) as reader:
        assert reader.read(0, 10_000) == rows


def test_a_directory_of_backups_keeps_the_newest(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backups"
    target.mkdir()
    for name in ("journal-20250101T000000Z.db", "journal-20250102T000000Z.db", "mine.db"):
        (target / name).write_bytes(b"")
    made = store.json("backup", target, "--keep", "2")
    assert made["removed"] == ["journal-20250101T000000Z.db"]
    assert {one.name for one in target.iterdir()} == {
        "journal-20250102T000000Z.db",
        "mine.db",
        Path(made["file"]).name,
    }


def test_a_copy_of_a_damaged_journal_gets_no_name(store: Store, tmp_path: Path) -> None:
    store.change(ALTERED)
    assert "backup-unsound" in store.run("backup", tmp_path / "copy.db", code=1).output
    assert not list(tmp_path.glob("*copy*"))


def test_a_restore_says_what_goes_back_and_keeps_the_former_journal(store: Store, tmp_path: Path) -> None:
    made = store.json("backup", tmp_path / "copy.db")
    held = records(store.store)
    store.append(SENT, 2 * SENT)
    newer = records(store.store)
    with JournalReader(store.store) as reader:
        marks = {(one.device, one.log): one.hwm for one in reader.logs()}
        epoch, end = reader.epoch(), reader.end()
    dry = store.json("restore", tmp_path / "copy.db", "--dry-run")
    assert records(store.store) == newer
    assert dry["set_back"]
    for one in dry["set_back"]:
        assert one["was"] == marks[one["device"], one["log"]] > one["now"]
    done = store.json("restore", tmp_path / "copy.db", "--yes")
    assert done["plan"]["set_back"] == dry["set_back"]
    assert records(store.store) == held
    with JournalReader(store.store) as reader:
        place = reader.resume(epoch.id if epoch else None, end)
        assert place is not None
        assert (place.epoch, place.row) == (done["epoch"], made["cover"]["newest_row"])
    aside = Path(done["aside"])
    assert store.json("verify", "--file", aside)["records"] == len(newer)
    assert store.json("verify")["counts"] == {}
    # What devices still hold comes again; it is stored once, and all adds up.
    store.append(SENT - 3, 2 * SENT)
    assert records(store.store) == newer
    assert store.json("verify")["counts"] == {}


def test_a_restore_asks_first(store: Store, tmp_path: Path) -> None:
    store.json("backup", tmp_path / "copy.db")
    store.append(SENT, 2 * SENT)
    newer = records(store.store)
    asked = CliRunner().invoke(
        command, ["restore", str(tmp_path / "copy.db"), "-c", str(store.config)], input="n\n"
    )
    assert asked.exit_code == 1
    assert "Restore it?" in asked.output
    assert records(store.store) == newer


@pytest.mark.parametrize("process", ["gateway", "intake", "writer", "web"])
def test_a_restore_under_a_running_gateway_is_refused(store: Store, tmp_path: Path, process: str) -> None:
    store.json("backup", tmp_path / "copy.db")
    with sole(store.store, process):
        assert "already-running" in store.run("restore", tmp_path / "copy.db", "--yes", code=1).output


def test_a_backup_that_is_not_sound_is_not_restored(store: Store, tmp_path: Path) -> None:
    store.json("backup", tmp_path / "copy.db")
    held = records(store.store)
    data = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "copy.db").write_bytes(data.replace(b'"kind":"reading"', b'"kind":"reaping"', 1))
    assert "backup-unsound" in store.run("restore", tmp_path / "copy.db", "--yes", code=1).output
    assert records(store.store) == held
    assert "no-backup" in store.run("restore", tmp_path / "nothing.db", "--yes", code=1).output


def test_a_journal_that_cannot_be_read_is_replaced_and_kept(store: Store, tmp_path: Path) -> None:
    store.json("backup", tmp_path / "copy.db")
    held = records(store.store)
    (store.store / FILE).write_bytes(b"nothing of use" * 1000)
    (store.store / f"{FILE}-wal").write_bytes(b"of another database" * 1000)
    done = store.json("restore", tmp_path / "copy.db", "--yes")
    assert not done["plan"]["readable"]
    assert records(store.store) == held
    assert Path(done["aside"]).read_bytes() == b"nothing of use" * 1000
    assert not (store.store / f"{FILE}-wal").exists()


def test_a_second_restore_of_an_older_backup_leaves_no_reader_ahead(store: Store, tmp_path: Path) -> None:
    store.json("backup", tmp_path / "old.db")
    with JournalReader(store.store) as reader:
        shared = reader.end()
    store.append(SENT, SENT + 20)
    store.json("backup", tmp_path / "new.db")
    with JournalReader(store.store) as reader:
        first, cursor = reader.epoch(), reader.end()
    store.json("restore", tmp_path / "old.db", "--yes")
    store.append(SENT, 2 * SENT)  # other rows under the same numbers
    store.json("backup", tmp_path / "later.db")
    store.json("restore", tmp_path / "new.db", "--yes")
    store.json("restore", tmp_path / "later.db", "--yes")
    with JournalReader(store.store) as reader:
        place = reader.resume(first.id if first else None, cursor)
        assert place is not None
        assert place.row <= shared  # slept through all of it
