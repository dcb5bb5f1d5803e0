"""The gateway's side: every command ends in a reply or in `expired` or `unknown`; it is repeated until then,
and what comes late, twice, forged by another device, or after a restart, is put in its place.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.dispatch import LOOK_BACK_MS, Dispatch
from gateway.commands.errors import AskError
from gateway.commands.model import (
    ENDED,
    GRACE_MS,
    LONGEST_MS,
    MAYBE,
    Standing,
    Word,
    heard,
    overdue,
    pause_ms,
)
from gateway.commands.reader import FILE, Wanted
from gateway.commands.store import MAX_OPEN, CommandStore, new_id
from gateway.journal import JournalReader, Reply, SqliteJournal, StateReport

NOW = 1_780_000_000_000
DEVICE = "bin-001"


class Gateway:
    """A store, its journal, and a dispatcher whose posts are kept."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.now = NOW
        self.posts: list[tuple[str, str, bytes, bool]] = []
        self.journal = SqliteJournal(store)
        self.reader = JournalReader(store)
        self.db = CommandStore(store)
        self.start()

    def start(self) -> None:
        self.dispatch = Dispatch(
            self.store, self.reader, lambda *post: self.posts.append(post), lambda: self.now
        )

    def close(self) -> None:
        self.dispatch.close()
        self.db.close()
        self.reader.close()
        self.journal.close()

    def ask(self, id_: str = "c1", life_s: int = 60, *, retain: bool = False) -> None:
        body = b'{"id":"%b"}' % id_.encode()
        self.db.ask(
            id_, DEVICE, "unlock", {"bay": 1}, "li", self.now, self.now + life_s * 1000, body, retain=retain
        )

    def reply(self, id_: str, state: str, code: str = "", device: str = DEVICE, **result: Any) -> None:
        body: dict[str, Any] = {"v": 1, "id": id_, "state": state, "t": self.now}
        if code:
            body["code"] = code
        if result:
            body["result"] = result
        self.journal.append([Reply(self.now, device, json.dumps(body).encode())])

    def state(self, *, online: bool, rev: int = 0) -> None:
        body = {"v": 1, "online": online, "rev": rev, "next": self.now}
        self.journal.append([StateReport(self.now, DEVICE, json.dumps(body).encode())])

    def look(self, *, ready: bool = True, after_s: int = 0) -> list[tuple[str, str, bytes, bool]]:
        """What is posted."""
        self.now += after_s * 1000
        self.posts.clear()
        self.dispatch.look(ready=ready)
        return list(self.posts)

    def stands(self, id_: str = "c1") -> tuple[str, str, bool]:
        asked = self.db.command(id_)
        assert asked is not None
        return asked.state, asked.code, asked.ended


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    made.close()


def test_a_command_is_sent_joined_with_its_replies_and_ends(gateway: Gateway) -> None:
    gateway.ask()
    assert gateway.look(ready=False) == []
    assert gateway.stands() == ("waiting", "", False)
    assert gateway.look() == [(DEVICE, "down/commands", b'{"id":"c1"}', False)]
    assert gateway.stands() == ("sent", "", False)
    gateway.reply("c1", "accepted")
    gateway.look()
    assert gateway.stands() == ("accepted", "", False)
    gateway.reply("c1", "done", bay=1)
    gateway.look()
    assert gateway.stands() == ("done", "", True)
    asked = gateway.db.command("c1")
    assert asked is not None
    assert asked.result == {"bay": 1}
    gateway.reply("c1", "failed", "interrupted")
    gateway.look(after_s=3600)
    assert gateway.stands() == ("done", "", True)


def test_it_is_repeated_while_the_device_is_there_and_when_it_is_back(gateway: Gateway) -> None:
    gateway.ask(life_s=3600)
    assert len(gateway.look()) == 1
    assert gateway.look(after_s=600) == [], "one copy waits at the broker for who is away"
    gateway.now += 1000
    gateway.state(online=True)
    assert len(gateway.look()) == 1, "it has just connected"
    assert gateway.look() == []
    times = [gateway.now for _ in range(1200) if gateway.look(after_s=1)]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps == sorted(gaps)
    assert 4 <= len(times) <= 12
    gateway.state(online=False)
    assert gateway.look(after_s=400) == []


def test_a_restart_of_the_gateway_forgets_nothing(gateway: Gateway) -> None:
    gateway.ask()
    gateway.look()
    gateway.reply("c1", "done")
    gateway.dispatch.close()
    gateway.start()
    gateway.look()
    assert gateway.stands() == ("done", "", True)


def test_without_an_answer_it_ends_as_expired_or_unknown_and_the_truth_may_come_late(
    gateway: Gateway,
) -> None:
    gateway.ask("never-sent")
    gateway.look(ready=False)
    gateway.look(ready=False, after_s=60 + GRACE_MS // 1000 + 1)
    assert gateway.stands("never-sent") == ("expired", "never-sent", True)
    gateway.ask("c1")
    gateway.look()
    gateway.look(after_s=60 + GRACE_MS // 1000 + 1)
    assert gateway.stands() == ("unknown", "no-answer", False)
    gateway.now += 3_600_000
    gateway.state(online=True)
    assert len(gateway.look()) == 1, "it is asked what became of it"
    gateway.reply("c1", "failed", "not-begun")
    gateway.look()
    assert gateway.stands() == ("failed", "not-begun", True)


def test_nobody_is_asked_for_ever(gateway: Gateway) -> None:
    gateway.ask()
    gateway.look()
    gateway.now += LOOK_BACK_MS + 61_000
    gateway.state(online=True)
    assert gateway.look() == []


def test_what_may_pass_is_not_the_last_word(gateway: Gateway) -> None:
    gateway.ask()
    gateway.look()
    for code in MAYBE:
        gateway.reply("c1", "refused", code)
        gateway.look()
        assert gateway.stands() == ("sent", code, False)
    gateway.reply("c1", "refused", "unsupported")
    gateway.look()
    assert gateway.stands() == ("refused", "unsupported", True)


def test_another_devices_reply_and_an_unknown_ones_change_nothing(gateway: Gateway) -> None:
    gateway.ask()
    gateway.look()
    gateway.reply("c1", "done", device="bin-002")
    gateway.reply("c2", "done")
    gateway.journal.append([Reply(NOW, DEVICE, b"not json")])
    gateway.look()
    assert gateway.stands() == ("sent", "", False)


def test_what_the_broker_keeps_is_taken_back_when_it_has_ended(gateway: Gateway) -> None:
    gateway.ask(retain=True)
    assert gateway.look() == [(DEVICE, "down/commands", b'{"id":"c1"}', True)]
    gateway.reply("c1", "done")
    assert gateway.look() == [(DEVICE, "down/commands", b"", True)]
    assert gateway.look() == []


def test_settings_are_kept_by_the_broker_and_told_again_to_who_comes_without_them(gateway: Gateway) -> None:
    for rev in (1, 2):
        gateway.db.desire(Wanted(DEVICE, rev, {"wake_s": 600 + rev}, "li", NOW, b"rev%d" % rev))
    assert gateway.look() == [(DEVICE, "down/desired", b"rev2", True)]
    assert gateway.look(after_s=60) == []
    gateway.now += 1
    gateway.state(online=True, rev=1)
    assert gateway.look() == [(DEVICE, "down/desired", b"rev2", True)]
    assert gateway.look() == []
    gateway.now += 1
    gateway.state(online=True, rev=2)
    assert gateway.look() == []
    with pytest.raises(AskError, match="revision-taken"):
        gateway.db.desire(Wanted(DEVICE, 2, {}, "wang", NOW, b""))


def test_too_many_open_ones_are_refused_and_ids_are_never_drawn_twice(gateway: Gateway) -> None:
    for n in range(MAX_OPEN):
        gateway.ask(f"n{n}")
    with pytest.raises(AskError, match="too-many"):
        gateway.ask("one-more")
    ids = [new_id(NOW + n) for n in range(1000)]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


def test_a_damaged_file_costs_commands_and_nothing_else(tmp_path: Path) -> None:
    made = Gateway(tmp_path)
    made.ask()
    made.db.close()
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"{FILE}{suffix}").unlink(missing_ok=True)
    (tmp_path / FILE).write_bytes(b"x" * 8192)
    assert made.look() == []
    assert made.look() == []
    made.close()


STATES = ["accepted", "done", "failed", "expired", "refused"]
CODES = ["", "interrupted", "forgotten", "busy", "clock-unknown", "bad-mac", "not-begun"]


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(CODES), st.integers(0, 90_000)), max_size=12)
)
def test_once_ended_nothing_changes_and_in_time_everything_has_a_word(
    words: list[tuple[str, str, int]],
) -> None:
    standing, now = Standing(Word.SENT), 0
    for state, code, wait in words:
        now += wait
        before = standing
        standing = overdue(heard(standing, state, code), 60_000, now)
        if before.ended:
            assert standing == before
    final = overdue(standing, 60_000, 60_000 + GRACE_MS + 1)
    assert final.ended or final.state is Word.UNKNOWN
    assert not final.ended or final.state in ENDED | {Word.UNKNOWN}


def test_pauses_grow_to_a_bound() -> None:
    pauses = [pause_ms(n) for n in range(1, 40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_MS
