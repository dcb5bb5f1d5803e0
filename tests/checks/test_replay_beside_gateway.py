"""The real thing: intake runs on a real broker, a device was not listed, then it is; replay puts it right."""

import json
from pathlib import Path

import msgspec
from click.testing import CliRunner

from gateway.cli.journal import journal
from gateway.journal import JournalReader, Outcome
from simulators.servers.broker import Broker
from simulators.servers.process import Children, wait_until
from tests.checks.examples import deposit, reading
from tests.intake.conftest import Device, Gateway

LOG = "0000abcd"


def test_a_device_that_is_listed_while_intake_runs_loses_nothing(
    tmp_path: Path, mosquitto: Broker, children: Children
) -> None:
    gateway = Gateway(tmp_path, mosquitto, children)
    file = tmp_path / "devices.json"
    listed = json.loads(file.read_text())
    without = {"devices": [one for one in listed["devices"] if one["id"] != "bin-001"]}
    file.write_text(json.dumps(without))
    gateway.start_intake()
    device = Device("bin-001", mosquitto)
    try:
        texts = [msgspec.json.encode(reading(seq=n)) for n in range(1, 21)]
        texts.append(msgspec.json.encode(deposit(seq=21, before=0)))
        device.deliver(LOG, texts, first=1)  # acknowledged, though quarantined: the device may go on
        with JournalReader(gateway.store) as reader:
            assert {entry.code for entry in reader.quarantine()} == {"unknown-device"}

            file.write_text(json.dumps(listed))
            runner = CliRunner()
            said = runner.invoke(journal, ["replay", "--config", str(gateway.config), "--apply"])
            assert said.exit_code == 0, said.output
            assert "21 entries judged" in said.output
            revised = {one.seq: one.outcome for one in reader.revisions(0, 100)}
            assert revised == dict.fromkeys(range(1, 22), Outcome.ACCEPTED)

            def refused_again() -> str:
                """A second deposit of the visit that was just released; intake takes news in its own time."""
                number = (reader.hwm("bin-001", LOG) or 0) + 1
                again = msgspec.json.encode(deposit(seq=number))
                device.deliver(LOG, [again], first=number)
                return reader.quarantine(limit=1)[0].code

            assert wait_until(lambda: refused_again() == "session-twice", 20)
            counters = reader.counters()
        assert counters.received == sum(counters.outcomes.values())
        # One may be taken in the instant before intake notices; all later ones are compared with it.
        assert counters.outcomes["accepted", ""] in (21, 22)
    finally:
        device.close()
