"""From an indicator's memory into the real intake process's journal, through kills: once each, as weighed."""

import json
import os
import sys
from pathlib import Path

import msgspec

from gateway.journal import JournalReader
from gateway.journal.model import Outcome
from simulators.peers.weighbridge import Weighbridge
from simulators.peers.weighbridge_server import Fault
from simulators.servers import accounts
from simulators.servers.broker import Broker
from simulators.servers.ports import free_port
from simulators.servers.process import Child, Children
from tests.modbus.lines import Transport, line, wait_for, weigh


def write_files(directory: Path, broker: Broker, stations: dict[str, tuple[Transport, str]]) -> Path:
    """A gateway's configuration with these stations: device id to transport and address."""
    devices = [{"id": device, "unit": "station", "site": "yard"} for device in stations]
    (directory / "devices.json").write_text(json.dumps({"devices": devices}))
    (directory / "mqtt-password").write_text(f"{accounts.GATEWAY}-secret\n")
    text = (
        f'[mqtt]\nport = {broker.port}\nusername = "{accounts.GATEWAY}"\npassword_file = "mqtt-password"\n'
        f'[influxdb]\nurl = "http://127.0.0.1:{free_port()}"\ntoken = "none listens there"\n'
    )
    for device, (transport, address) in stations.items():
        text += (
            f'[[stations]]\ndevice = "{device}"\ntransport = "{transport}"\naddress = "{address}"\n'
            "baud = 115200\npoll_ms = 20\ntimeout_ms = 100\n"
        )
    config = directory / "huishou.toml"
    config.write_text(text)
    return config


def start_intake(config: Path, children: Children) -> Child:
    argv = [sys.executable, "-m", "gateway", "gateway", "intake", "--config", str(config)]
    return children.start("intake", argv, log=config.with_name("intake.log"), env=dict(os.environ))


def journaled(reader: JournalReader, device: str) -> list[bytes]:
    rows = reader.read(0, 100_000, device)
    records = [record for row in rows for record in row.records()]
    assert {record.outcome for record in records} <= {Outcome.ACCEPTED, Outcome.FLAGGED}
    return [record.raw for record in records]


def test_weighings_are_journaled_once_each_through_kills(
    tmp_path: Path, mosquitto: Broker, children: Children
) -> None:
    bridges = {"scale-01": Weighbridge(0x57420001), "scale-02": Weighbridge(0x57420002)}
    with line("tcp", bridges["scale-01"]) as tcp, line("rtu", bridges["scale-02"]) as rtu:
        config = write_files(
            tmp_path, mosquitto, {"scale-01": ("tcp", tcp.address), "scale-02": ("rtu", rtu.address)}
        )
        for turn in range(3):
            for bridge in bridges.values():
                for i in range(40):
                    weigh(bridge, 40 * turn + i)
            for on in (tcp, rtu):
                on.faults.script.extend([None] * 11 + [Fault("late", 130), None, Fault("silent")])
            intake = start_intake(config, children)
            with JournalReader(tmp_path / "store") as reader:
                half = 40 * turn + 1  # killed while there is more to fetch, but for the last turn
                wanted = half if turn < 2 else 120
                wait_for(
                    lambda reader=reader, wanted=wanted: all(  # type: ignore[misc]
                        (reader.hwm(device, f"{bridge.serial:08x}") or 0) >= wanted
                        for device, bridge in bridges.items()
                    ),
                    f"weighing {wanted} of both in the journal: {intake.last_words()}",
                )
            intake.kill()
    with JournalReader(tmp_path / "store") as reader:
        for device, bridge in bridges.items():
            assert [msgspec.json.decode(raw) for raw in journaled(reader, device)] == bridge.records()
        counters = reader.counters()
        assert counters.received == sum(counters.outcomes.values()) >= 240
