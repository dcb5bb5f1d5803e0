"""The intake process behind a real Mosquitto.

Everything is accounted for through bad input, kills and restarts.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.journal import JournalReader
from gateway.metrics import snapshot
from simulators.servers.broker import Broker
from simulators.servers.process import wait_until

DEADLINE_S = 20.0
LOG = "0000abcd"


def reading(seq: int, **more: object) -> bytes:
    extra = "".join(f',"{name}":{value}' for name, value in more.items())
    return b'{"seq":%d, "t":1763715600000,"clock":"ntp","kind":"reading"%b}' % (seq, extra.encode())


def body(*records: bytes, first: int = 1, log: str = LOG) -> bytes:
    return b'{"v":1,"log":"%b","first":%d,"sent":1,"recs":[%b]}' % (log.encode(), first, b",".join(records))


def held(gateway: Any, device: str, log: str = LOG) -> dict[int, bytes]:
    """What the journal holds of a log; a record that is there twice fails."""
    found: dict[int, bytes] = {}
    with JournalReader(gateway.store) as reader:
        for row in reader.read(0, 100_000, device):
            for record in row.records():
                assert record.seq not in found
                if row.log == log:
                    found[record.seq] = record.raw
    return found


def test_every_kind_of_bad_input_is_kept_counted_acknowledged_and_blocks_nobody(
    gateway: Any, device: Callable[[str], Any]
) -> None:
    gateway.start_intake()
    one, stranger = device("bin-001"), device("stranger-1")
    one.publish("up/records", b"{")
    one.publish("up/records", b'{"v":1,"log":"\xff"}')
    one.publish("up/records", b"[" + b" " * 20_000 + b"]")
    one.publish("up/records", b'{"v":1,"log":7,"first":1,"sent":1,"recs":[]}')
    one.publish("up/elsewhere", b"{}")
    one.publish("up/state", b'{"v":1,"online":"yes"}')
    one.publish("up/records", body(reading(1), b'{"seq":2,"kind":"sonnet","t":1,"clock":"ntp"}', reading(3)))
    one.publish("up/records", body(reading(1), reading(3, mass_g=4), b'{"seq":4}', reading(5, fill_pct=-1)))
    one.publish("up/records", body(reading(9)))  # ahead: 6 to 8 are missing
    stranger.publish("up/records", body(reading(1)))
    assert stranger.wait_acked(LOG, 1), "a refused record must be acknowledged, or it comes for ever"
    one.publish("up/records", body(reading(6), reading(7), reading(8)))
    assert one.wait_acked(LOG, 9), "the device behind the bad input must not be held up"
    facts = snapshot(gateway.store, 0)
    assert facts["records"]["codes"] == {
        "flagged/seq-gap": 1,
        "quarantined/bad-envelope": 2,
        "quarantined/bad-record": 2,
        "quarantined/bad-topic": 1,
        "quarantined/not-json": 1,
        "quarantined/not-utf8": 1,
        "quarantined/oversize": 1,
        "quarantined/seq-conflict": 1,
        "quarantined/unknown-device": 1,
        "quarantined/unknown-kind": 1,
    }
    assert facts["records"]["outcomes"] == {"accepted": 5, "flagged": 1, "quarantined": 11, "duplicate": 1}
    assert facts["records"]["received"] == 18
    assert facts["sum_ok"]


def test_what_was_sent_while_intake_was_away_arrives(gateway: Any, device: Callable[[str], Any]) -> None:
    first = gateway.start_intake()
    one = device("bin-001")
    one.publish("up/records", body(reading(1)))
    assert one.wait_acked(LOG, 1)
    assert first.stop(DEADLINE_S)
    for seq in range(2, 2002):
        one.publish("up/records", body(reading(seq), first=2))
    gateway.start_intake()
    assert one.wait_acked(LOG, 2001)
    assert held(gateway, "bin-001") == {seq: reading(seq) for seq in range(1, 2002)}
    assert snapshot(gateway.store, 0)["records"]["outcomes"]["duplicate"] == 0


def test_nothing_is_lost_or_doubled_when_intake_and_broker_are_killed_in_mid_stream(
    gateway: Any, device: Callable[[str], Any], mosquitto: Broker
) -> None:
    count = 3_000
    names = ("bin-001", "bin-002", "truck-001")
    records = [reading(seq) for seq in range(1, count + 1)]
    intake = gateway.start_intake()
    devices = [device(name) for name in names]
    senders = [threading.Thread(target=one.deliver, args=(LOG, records, 1)) for one in devices]
    for sender in senders:
        sender.start()
    for share in (0.15, 0.35, 0.6):
        assert devices[0].wait_acked(LOG, int(count * share))
        intake.kill()
        if share == 0.35:
            assert mosquitto.child is not None
            mosquitto.child.kill()
            mosquitto.start()
        intake = gateway.start_intake()
    for sender in senders:
        sender.join(4 * DEADLINE_S)
    for one in devices:
        assert one.acked[LOG] == count
        assert held(gateway, one.name) == {seq: records[seq - 1] for seq in range(1, count + 1)}
    facts = snapshot(gateway.store, 0)
    assert facts["sum_ok"]
    assert facts["records"]["outcomes"]["quarantined"] == 0
    assert facts["records"]["received"] >= 3 * count


def test_an_acknowledgement_is_never_ahead_of_the_disk(gateway: Any, device: Callable[[str], Any]) -> None:
    intake = gateway.start_intake()
    one = device("bin-001")
    for seq in range(1, 400):
        one.publish("up/records", body(reading(seq)))
    assert one.wait_acked(LOG, 1)
    intake.kill()
    said = one.acked[LOG]
    with JournalReader(gateway.store) as reader:
        assert (reader.hwm("bin-001", LOG) or 0) >= said


def test_a_state_report_is_kept_and_answered_with_how_far_the_log_is(
    gateway: Any, device: Callable[[str], Any]
) -> None:
    gateway.start_intake()
    one = device("bin-002")
    one.publish("up/records", body(reading(1), reading(2)))
    assert one.wait_acked(LOG, 2)
    one.acked.clear()
    state = b'{"v":1,"online":true,"log":"0000abcd","first":1,"head":2}'
    one.publish("up/state", state)
    assert one.wait_acked(LOG, 2)
    with JournalReader(gateway.store) as reader:
        (kept,) = reader.states()
    assert (kept.device, kept.body) == ("bin-002", state)


def test_a_second_intake_on_the_same_store_does_not_start(gateway: Any, device: Callable[[str], Any]) -> None:
    gateway.start_intake()
    one = device("bin-001")
    one.publish("up/records", body(reading(1)))
    assert one.wait_acked(LOG, 1)
    second = gateway.start("intake")
    assert second.wait(DEADLINE_S)
    assert second.returncode == 1
    assert "already-running" in second.last_words()


def processes(gateway: Any) -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = snapshot(gateway.store, time.time_ns() // 1_000_000)["processes"]
    return facts


def all_up(gateway: Any) -> bool:
    return all(one["up"] for one in processes(gateway).values())


@pytest.fixture
def running(gateway: Any) -> Any:
    """The whole gateway, all three processes up."""
    parent = gateway.start()
    assert wait_until(lambda: all_up(gateway), DEADLINE_S), parent.last_words(30)
    return parent


def test_a_killed_process_is_started_again_and_the_others_go_on(gateway: Any, running: Any) -> None:
    before = processes(gateway)
    os.kill(before["intake"]["pid"], signal.SIGKILL)
    assert wait_until(
        lambda: all_up(gateway) and processes(gateway)["intake"]["pid"] != before["intake"]["pid"], DEADLINE_S
    ), running.last_words(30)
    after = processes(gateway)
    assert {name: after[name]["pid"] for name in ("writer", "web")} == {
        name: before[name]["pid"] for name in ("writer", "web")
    }


def test_the_gateway_stops_in_order_within_ten_seconds(gateway: Any, running: Any) -> None:
    began = time.monotonic()
    assert running.stop(10)
    assert running.returncode == 0
    assert time.monotonic() - began < 10
    assert not any(one["up"] for one in processes(gateway).values())
    log = (gateway.directory / "gateway.log").read_text()
    assert log.index("intake INFO stopped") < log.index("writer INFO stopped")
    assert log.index("intake INFO stopped") < log.index("web INFO stopped")


def test_the_processes_end_when_their_parent_is_killed(gateway: Any, running: Any) -> None:
    pids = [one["pid"] for one in processes(gateway).values()]
    os.kill(running.pid, signal.SIGKILL)
    assert wait_until(lambda: not any(alive(pid) for pid in pids), DEADLINE_S)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            return stat.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except FileNotFoundError:
        return False
