"""The fleet against real parts: a broker, the gateway's intake. What it wrote down is what is stored."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.journal import JournalReader, Outcome
from simulators.fleet import Faults, Fleet, Options, devices_file, read_ledger
from simulators.fleet.fleet import FleetError
from simulators.servers import accounts
from simulators.servers.broker import Broker, mosquitto
from simulators.servers.process import Children

OPTIONS = Options(
    devices=12, per_connection=5, records=5, messages=150, drain_s=25, stall_s=1.0, username=accounts.FLEET
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if mosquitto() is None:
        pytest.fail("no Mosquitto: see scripts/debian-packages")
    with Children() as children:
        one = Broker(tmp_path / "broker", children, {accounts.GATEWAY: "g", accounts.FLEET: "f"})
        one.start()
        yield one
        one.stop()


@pytest.fixture
def options(broker: Broker) -> Options:
    return replace(OPTIONS, host=broker.host, port=broker.port, password="f")


@pytest.fixture
def intake(tmp_path: Path, broker: Broker) -> Iterator[Path]:
    """The store of an intake that runs."""
    (tmp_path / "devices.json").write_text(json.dumps(devices_file(OPTIONS)))
    config = tmp_path / "huishou.toml"
    config.write_text(
        f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\nusername = "gateway"\npassword = "g"\n'
    )
    with Children() as children:
        argv = [sys.executable, "-m", "gateway", "gateway", "intake", "--config", str(config)]
        child = children.start("intake", argv, log=tmp_path / "intake.log")
        yield tmp_path / "store"
        child.stop()


def _stored(store: Path) -> tuple[dict[tuple[str, str, int], bytes], set[tuple[str, str, int]]]:
    """Every record of the journal by name, and the names of those that are quarantined."""
    found: dict[tuple[str, str, int], bytes] = {}
    refused = set()
    with JournalReader(store) as journal:
        for row in journal.read(0, 100_000):
            for record in row.records():
                name = (row.device, row.log, record.seq)
                assert name not in found
                found[name] = record.raw
                if record.outcome is Outcome.QUARANTINED:
                    refused.add(name)
    return found, refused


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(duplicate=0.1, reorder=0.1, resend=0.05, bad=0.05, garbage=0.05),
        Faults(lose=0.1, new_log=0.05, reorder=0.05),
    ],
    ids=["none", "noise", "losses"],
)
def test_what_the_ledger_says_is_in_the_journal(
    intake: Path, options: Options, tmp_path: Path, faults: Faults
) -> None:
    ledger = tmp_path / "ledger.tsv"
    summary = asyncio.run(Fleet(replace(options, faults=faults), ledger).run())
    assert summary["drained"], summary
    assert summary["false_acks"] == 0
    assert summary["made"] == summary["freed"] + summary["lost"] == 150 * 5
    made: dict[tuple[str, str, int], bytes] = {}
    bad, lost = set(), set()
    for entry in read_ledger(ledger):
        if entry.what in "RB":
            made[entry.device, entry.log, entry.seq] = entry.text
        if entry.what == "B":
            bad.add((entry.device, entry.log, entry.seq))
        if entry.what == "L":
            lost |= {(entry.device, entry.log, seq) for seq in range(entry.seq, entry.last + 1)}
    found, refused = _stored(intake)
    assert made.keys() - found.keys() <= lost
    assert found.items() <= made.items()
    assert refused == bad & found.keys()


def test_a_broker_that_is_killed_costs_time_and_no_record(
    intake: Path, options: Options, broker: Broker, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.tsv"

    async def run() -> dict[str, object]:
        fleet = Fleet(replace(options, rate=100.0, messages=300), ledger)
        running = asyncio.create_task(fleet.run())
        for _ in range(2):
            freed = fleet.told.freed
            async with asyncio.timeout(20):
                while fleet.told.freed < freed + 100:  # noqa: ASYNC110 (counts are no event)
                    await asyncio.sleep(0.02)
            assert broker.child
            broker.child.kill()
            await asyncio.to_thread(broker.start)
        return await running

    summary = asyncio.run(run())
    assert summary["drained"], summary
    assert summary["false_acks"] == 0
    assert summary["disconnects"] == 2 * 3  # connections of five, five and two devices
    made = {(e.device, e.log, e.seq): e.text for e in read_ledger(ledger) if e.what == "R"}
    assert len(made) == 300 * 5
    assert _stored(intake)[0] == made


def test_a_backlog_is_taken_by_the_broker_alone(options: Options) -> None:
    history = replace(options, acks=False, step_ms=60_000, start_ms=1_790_000_000_000)
    summary = asyncio.run(Fleet(history).run())
    assert summary["drained"]
    assert summary["pubacks"] == summary["messages"] == 150


def test_an_account_that_is_refused_is_said(options: Options) -> None:
    with pytest.raises(FleetError, match="refused the fleet's account"):
        asyncio.run(Fleet(replace(options, password="wrong")).run())
