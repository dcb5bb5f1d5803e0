"""Intake as a whole, at a real broker, when something around it fails: what it says, and how it goes on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from gateway.alarm_codes import ALARMS
from gateway.config import load
from gateway.intake.service import Intake
from gateway.journal import Appended, Arrival, JournalReader, SqliteJournal
from gateway.journal.errors import JournalFullError
from gateway.processes import Facts, ProcessError
from gateway.reload import Reload
from tests.intake.test_real_broker import LOG, body, held, reading

DEADLINE_S = 15.0


class Troubled(SqliteJournal):
    """A journal whose disk is full, or never answers, for as long as told."""

    full = False
    hang = threading.Event()
    hang.set()

    def append(self, batch: Sequence[Arrival]) -> Appended:
        self.hang.wait(60)
        if self.full:
            raise JournalFullError("journal.db: database or disk is full. Make room on the disk.")
        return super().append(batch)


class Running:
    """Intake in this process; `look` as its own body does."""

    def __init__(self, gateway: Any) -> None:
        self.gateway = gateway
        self.config = load(gateway.config)
        self.reload = Reload(self.config)
        self.intake = Intake(self.config)
        self.intake.start()
        self.until(lambda facts: facts["broker"]["subscribed"])

    def look(self) -> Facts:
        if change := self.reload.changed():
            self.intake.use(change)
        facts = self.intake.look()
        assert all(alarm["code"] in ALARMS for alarm in facts["alarms"])
        return facts

    def until(self, condition: Callable[[Facts], bool]) -> Facts:
        facts = self.look()
        end_s = time.monotonic() + DEADLINE_S
        while not condition(facts):
            assert time.monotonic() < end_s, facts
            time.sleep(0.02)
            facts = self.look()
        return facts

    def rewrite(self, old: str, new: str) -> None:
        text = self.gateway.config.read_text()
        assert old in text
        self.gateway.config.write_text(text.replace(old, new))


def codes(facts: Facts) -> set[str]:
    return {alarm["code"] for alarm in facts["alarms"]}


@pytest.fixture
def run(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Running]]:
    started: list[Running] = []
    monkeypatch.setattr("gateway.intake.service.SqliteJournal", Troubled)
    monkeypatch.setattr(Troubled, "full", False)
    monkeypatch.setattr(Troubled, "hang", threading.Event())
    Troubled.hang.set()

    def start() -> Running:
        started.append(Running(gateway))
        return started[-1]

    yield start
    Troubled.hang.set()
    for one in started:
        one.intake.stop()


Device = Callable[[str], Any]


def test_with_a_full_disk_nothing_is_acknowledged_it_is_said_and_all_goes_on_by_itself(
    gateway: Any, run: Callable[[], Running], device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.committer.RETRY_S", (0.05,))
    running = run()
    one = device("bin-001")
    monkeypatch.setattr(Troubled, "full", True)
    for seq in range(1, 30):
        one.publish("up/records", body(reading(seq)))
    facts = running.until(lambda facts: "journal-full" in codes(facts))
    assert "Make room" in facts["state"]
    assert facts["alarms"][0]["since_ms"] > 0
    assert one.acked == {}
    monkeypatch.setattr(Troubled, "full", False)
    assert one.wait_acked(LOG, 29)
    facts = running.until(lambda facts: not codes(facts))
    assert facts["state"] == "connected"
    assert set(held(gateway, "bin-001")) == set(range(1, 30))


def test_a_disk_that_never_answers_is_told_ends_the_process_and_does_not_hold_up_its_end(
    run: Callable[[], Running], device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.watchdog.STALL_S", 0.2)
    monkeypatch.setattr("gateway.intake.watchdog.STUCK_S", 1.5)
    running = run()
    Troubled.hang.clear()
    device("bin-001").publish("up/records", body(reading(1)))
    facts = running.until(lambda facts: "intake-stalled" in codes(facts))
    assert facts["stalled_s"] >= 0.2
    with pytest.raises(ProcessError, match="has not returned"):
        running.until(lambda _: False)
    began = time.monotonic()
    running.intake.stop()
    assert time.monotonic() - began < 4.0, "the parent's patience"


def test_a_lost_broker_is_said_and_found_again_and_stopping_without_it_is_quick(
    run: Callable[[], Running], device: Device, mosquitto: Any
) -> None:
    running = run()
    assert mosquitto.child is not None
    mosquitto.child.kill()
    facts = running.until(lambda facts: "broker-away" in codes(facts))
    assert not facts["broker"]["connected"]
    assert not facts["broker"]["subscribed"]
    mosquitto.start()
    facts = running.until(lambda facts: facts["broker"]["subscribed"])
    assert facts["reconnects"] == 1
    one = device("bin-001")
    one.publish("up/records", body(reading(1)))
    assert one.wait_acked(LOG, 1)
    mosquitto.child.kill()
    began = time.monotonic()
    running.intake.stop()
    assert time.monotonic() - began < 4.0


def test_when_nobody_is_heard_the_line_is_opened_anew(
    run: Callable[[], Running], device: Device, gateway: Any
) -> None:
    gateway.config.write_text(gateway.config.read_text().replace("[mqtt]\n", "[mqtt]\nsilent_s = 1\n"))
    running = run()
    facts = running.until(lambda facts: facts["reconnects"] >= 1)
    assert "intake-silent" in codes(facts)
    running.until(lambda facts: facts["broker"]["subscribed"])
    one = device("bin-001")
    one.publish("up/records", body(reading(1)))
    assert one.wait_acked(LOG, 1)
    running.until(lambda facts: "intake-silent" not in codes(facts))


def test_what_is_missing_in_the_middle_is_asked_for_until_it_comes(
    run: Callable[[], Running], device: Device, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.gaps.FIRST_S", 0.1)
    monkeypatch.setattr("gateway.intake.service.GAPS_S", 0.05)
    running = run()
    one = device("bin-001")
    one.publish("up/records", body(reading(1), reading(2)))
    assert one.wait_acked(LOG, 2)
    one.publish("up/records", body(reading(5), reading(6)))
    facts = running.until(lambda facts: facts["gaps"]["open"] == 1)
    one.acked.clear()
    running.until(lambda facts: facts["gaps"]["asked"] >= 2)
    assert one.wait_acked(LOG, 2), "the mark is told again: that is the request"
    assert one.acked == {LOG: 2}
    one.publish("up/records", body(reading(3), reading(4)))
    assert one.wait_acked(LOG, 6)
    facts = running.until(lambda facts: facts["gaps"]["open"] == 0)
    assert facts["gaps"]["asked"] >= 2
    assert set(held(gateway, "bin-001")) == set(range(1, 7))


def test_a_gap_that_the_device_declares_lost_is_not_asked_for_any_more(
    run: Callable[[], Running], device: Device, gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.service.GAPS_S", 0.05)
    running = run()
    one = device("bin-001")
    one.publish("up/records", body(reading(1)))
    one.publish("up/records", body(reading(5)))
    running.until(lambda facts: facts["gaps"]["open"] == 1)
    one.publish("up/state", b'{"v":1,"online":true,"log":"0000abcd","first":5,"head":5}')
    assert one.wait_acked(LOG, 5)
    running.until(lambda facts: facts["gaps"]["open"] == 0)
    with JournalReader(gateway.store) as reader:
        assert [(loss.first, loss.last) for loss in reader.losses()] == [(2, 4)]


def test_changed_settings_of_the_broker_are_taken_in_without_losing_what_is_on_its_way(
    run: Callable[[], Running], device: Device, gateway: Any
) -> None:
    running = run()
    one = device("bin-001")
    sender = threading.Thread(target=one.deliver, args=(LOG, [reading(n) for n in range(1, 801)], 1))
    sender.start()
    assert one.wait_acked(LOG, 50)
    running.rewrite("[mqtt]\n", '[mqtt]\nprotocol = "5"\nkeepalive_s = 30\n')
    facts = running.until(lambda facts: facts["broker"]["protocol"] == "5" and facts["broker"]["subscribed"])
    assert facts["reconnects"] == 0, "ended by us"
    running.rewrite("keepalive_s", "keepalive_s ")  # another text with the same meaning
    sender.join(60)
    assert not sender.is_alive()
    assert set(held(gateway, "bin-001")) == set(range(1, 801))
    assert running.look()["broker"]["subscribed"]


def test_in_version_5_everything_is_as_in_3_1_1(
    run: Callable[[], Running], device: Device, gateway: Any
) -> None:
    gateway.config.write_text(gateway.config.read_text().replace("[mqtt]\n", '[mqtt]\nprotocol = "5"\n'))
    first = run()
    one, stranger = device("bin-001"), device("stranger-1")
    one.publish("up/records", b"[" + b" " * 100_000 + b"]")
    one.publish("up/records", b"\xff")
    stranger.publish("up/records", body(reading(1)))
    one.publish("up/records", body(reading(1)))
    assert one.wait_acked(LOG, 1)
    assert stranger.wait_acked(LOG, 1)
    first.intake.stop()
    for seq in range(2, 1502):
        one.publish("up/records", body(reading(seq), first=2))
    run()
    assert one.wait_acked(LOG, 1501)
    assert set(held(gateway, "bin-001")) == set(range(1, 1502))
    with JournalReader(gateway.store) as reader:
        counters = reader.counters()
    assert counters.received == sum(counters.outcomes.values())
    assert counters.outcomes["quarantined", "oversize"] == 1
    assert counters.outcomes["quarantined", "not-utf8"] == 1


def test_a_second_client_of_the_same_name_is_recognised(
    run: Callable[[], Running], gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.link.REFUSED_WAITS_S", (0.2,))
    gateway.config.write_text(gateway.config.read_text().replace("[mqtt]\n", '[mqtt]\nprotocol = "5"\n'))
    running, other = run(), run()
    running.until(lambda facts: "session-taken" in codes(facts) | codes(other.look()))
    running.until(lambda facts: facts["reconnects"] + other.look()["reconnects"] >= 3)
