"""commands.db goes with the journal's backup, and a restore makes nothing happen twice or after its time."""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.journal import journal as cli
from gateway.commands.ask import desire
from gateway.commands.model import RESTORED
from gateway.commands.reader import FILE, Asked, CommandReader
from gateway.commands.standdown import REVISIONS
from gateway.journal import StateReport
from simulators.board.image import Image
from simulators.board.virtual import run
from simulators.world.district import district
from tests.commands.cuts import DEVICE, MINUTE, START
from tests.commands.desk import Desk

KEY = "ab" * 32
HOUR_MS = 3_600_000


class Site:
    """A gateway's folder, with a desk at it while it runs."""

    def __init__(self, folder: Path, key: str = KEY) -> None:
        self.folder, self.key = folder, key
        self.copy = folder.parent / "copy.db"
        self.start()

    def start(self) -> None:
        self.desk = Desk(self.folder, DEVICE, self.key)
        self.desk.now_ms = START

    def huishou(self, *words: str | Path, code: int = 0) -> Any:
        config = str(self.desk.config.file)
        done = CliRunner().invoke(cli, [*map(str, words), "-c", config, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if not code else done.output

    def backup(self) -> dict[str, Any]:
        found: dict[str, Any] = self.huishou("backup", self.copy)
        return found

    def restore(self, *, lost: bool = True) -> dict[str, Any]:
        """Stop, lose the store (or not), restore, start again."""
        self.desk.close()
        if lost:
            shutil.rmtree(self.desk.config.store.path)
        found: dict[str, Any] = self.huishou("restore", self.copy, "--yes")
        self.start()
        return found

    def posts(self, now_ms: int) -> list[tuple[str, bytes]]:
        """What the gateway sends at an instant: (end of the topic, payload)."""
        self.desk.now_ms = now_ms
        return [(topic.rpartition("/")[2], payload) for topic, payload in self.desk.due()]

    def says(self, now_ms: int, rev: int) -> None:
        """The device connects and tells its revision."""
        self.desk.now_ms = now_ms
        body = {"v": 1, "online": True, "rev": rev, "next": None}
        self.desk.journal.append([StateReport(now_ms, DEVICE, json.dumps(body).encode())])

    def stands(self, id_: str) -> Asked:
        return self.desk.stands(id_)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path / "gateway")
    yield found
    found.desk.close()


def test_what_was_open_in_a_backup_is_never_sent_again_before_or_after_its_expiry(site: Site) -> None:
    waiting = site.desk.ask(START, "unlock", "bay=1", life_s=3600)
    held = site.desk.ask(START, "hold-awake", "for_s=600")
    assert len(site.posts(START)) == 2
    sent = site.desk.ask(START, "reboot")
    assert site.backup()["commands"] == 3
    done = site.restore()
    assert done["plan"]["commands"] == "restored"
    for id_ in (waiting, held, sent):
        assert site.stands(id_).standing == RESTORED
    for after_ms in (0, 60_000, 2 * HOUR_MS, 30 * HOUR_MS):
        site.says(START + after_ms, 0)
        taken_back = [("commands", b"")] if after_ms == 0 else []  # what the broker keeps for one that sleeps
        assert site.posts(START + after_ms + 1) == taken_back


def test_a_late_word_of_the_device_is_still_heard(site: Site) -> None:
    id_ = site.desk.ask(START, "unlock", "bay=1")
    site.backup()
    site.restore()
    body = {"v": 1, "id": id_, "state": "done", "t": START}
    site.desk.heard(f"huishou/1/{DEVICE}/up/replies", json.dumps(body).encode())
    assert (site.stands(id_).state, site.stands(id_).code) == ("done", "")


def test_a_sound_commands_db_stays_since_it_knows_more(site: Site) -> None:
    early = site.desk.ask(START, "unlock", "bay=1")
    site.backup()
    late = site.desk.ask(START, "locate")
    site.desk.due()
    done = site.restore(lost=False)
    assert done["plan"]["commands"] == "stays"
    assert {site.stands(early).state, site.stands(late).state} == {"sent"}


def test_a_damaged_one_is_set_aside_and_the_backups_put_in_its_place(site: Site) -> None:
    id_ = site.desk.ask(START, "unlock", "bay=1")
    site.backup()
    store = site.desk.config.store.path
    site.desk.close()
    (store / FILE).write_bytes(b"x" * 8192)
    assert site.restore(lost=False)["plan"]["commands"] == "restored"
    assert site.stands(id_).standing == RESTORED
    assert [file.read_bytes() for file in store.glob("commands-*.replaced.db")] == [b"x" * 8192]


def test_settings_go_on_above_every_revision_that_may_have_been_given(site: Site) -> None:
    config = site.desk.config
    assert desire(config, DEVICE, ["wake_s=600"], [], "li", START) == 1
    site.backup()
    assert desire(config, DEVICE, ["wake_s=700"], [], "li", START) == 2
    site.restore()
    begun = time.time_ns() // 1_000_000  # a restore is made by the real clock
    assert site.posts(begun + 60_000) == [], "the broker may keep a newer one"
    site.says(begun + 70_000, 2)
    assert site.posts(begun + 80_000) == []
    site.says(begun + 90_000, 0)
    assert [channel for channel, _ in site.posts(begun + 100_000)] == ["desired"], "it has an older one"
    assert desire(config, DEVICE, ["wake_s=800"], [], "li", begun + 110_000) == 1 + REVISIONS + 1
    assert [channel for channel, _ in site.posts(begun + 120_000)] == ["desired"]


def test_nothing_private_is_left_where_others_may_read(site: Site) -> None:
    desire(site.desk.config, DEVICE, ["network.password=geheim-geheim"], [], "li", START)
    site.backup()
    assert b"geheim-geheim" in site.copy.read_bytes()
    assert site.copy.stat().st_mode & 0o077 == 0
    site.restore()
    store = site.desk.config.store.path
    assert b"geheim-geheim" not in (store / "journal.db").read_bytes()
    assert (store / FILE).stat().st_mode & 0o077 == 0
    assert site.huishou("verify")["counts"] == {}


@pytest.mark.parametrize("compact", [False, True])
def test_a_backup_without_commands_is_one_as_before(site: Site, compact: bool) -> None:
    """And a copy of content (`--compact`) is private as well."""
    for suffix in ("", "-wal", "-shm"):
        (site.desk.config.store.path / (FILE + suffix)).unlink(missing_ok=True)
    made = site.huishou("backup", site.copy, *(["--compact"] if compact else []))
    assert made["commands"] is None
    assert site.copy.stat().st_mode & 0o077 == 0
    assert site.restore()["plan"]["commands"] == "none"


def test_damage_in_a_backups_commands_is_found_and_not_restored(site: Site) -> None:
    site.desk.ask(START, "unlock", "bay=1")
    site.backup()
    with closing(sqlite3.connect(site.copy)) as db:
        (content,) = db.execute("SELECT content FROM beside").fetchone()
        spoiled = content[:-100] + b"\x55" * 100
        db.execute("UPDATE beside SET content = ?", (spoiled,))
        db.commit()
    assert "commands.db in it" in site.huishou("verify", "--file", site.copy, code=1)
    site.desk.close()
    assert "backup-unsound" in site.huishou("restore", site.copy, "--yes", code=1)


def test_a_damaged_commands_db_costs_the_journals_backup_nothing_but_is_told(site: Site) -> None:
    site.desk.close()
    (site.desk.config.store.path / FILE).write_bytes(b"x" * 8192)
    assert "[commands-unreadable]" in site.huishou("backup", site.copy, code=1)
    assert site.huishou("verify", "--file", site.copy)["counts"] == {}
    assert sorted(site.copy.parent.glob("copy.db*")) == [site.copy]


def test_a_bolt_is_pulled_once_though_the_store_is_lost_and_restored(tmp_path: Path) -> None:
    """A real bin: commanded, backed up, unlocked, answered; then the gateway is that of the backup."""
    plan = district(5)
    settings = plan.settings(DEVICE)
    image = Image.create(tmp_path / "unit", DEVICE, "bin-s3", settings, 5, START)
    site = Site(tmp_path / "gateway", settings["key"])
    truth: list[dict[str, Any]] = []

    def go_on(minutes: int) -> None:
        scene = plan.scene(DEVICE, image.now_ms, state=image.scene, pace=0.0001, truth=truth.append)
        run(image, scene, image.now_ms + minutes * MINUTE, on_network=site.desk.attach)

    try:
        id_ = site.desk.ask(START, "unlock", "bay=1", life_s=3600)
        site.backup()
        go_on(2)
        assert site.stands(id_).state == "done"
        site.restore()
        go_on(2)
        go_on(2)
        assert sum(one["what"] == "bolt" and one["state"] == "withdrawn" for one in truth) == 1
        assert site.stands(id_).standing == RESTORED
        assert CommandReader(site.desk.config.store.path).commands()[0].copies == 0
    finally:
        site.desk.close()
