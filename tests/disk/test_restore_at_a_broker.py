"""An older journal is put in place while devices, broker and database know more: what comes of it."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from gateway.journal import JournalReader
from simulators.servers.broker import Broker
from simulators.servers.influxdb.server import Access
from simulators.servers.process import Children, wait_until
from tests.intake.conftest import DEADLINE_S, Device, Gateway

BUCKET = "restored-journal"
A, B = "000000aa", "000000bb"


def readings(log: str, first: int, last: int) -> list[bytes]:
    """Records of a log; those of another log are of another time."""
    text = b'{"seq":%d,"t":%d,"clock":"ntp","kind":"reading","battery_mv":%d}'
    begin_ms = 1_763_715_600_000 + int(log, 16) * 1_000_000
    return [text % (seq, begin_ms + 1000 * seq, 3000 + seq) for seq in range(first, last + 1)]


def send(device: Device, log: str, first: int, last: int, holds: int) -> None:
    """Send records until they are acknowledged; the device holds those from `holds` on."""
    head = b'{"v":1,"log":"%b","first":%d,"sent":1,"recs":[' % (log.encode(), holds)
    device.publish("up/records", head + b",".join(readings(log, first, last)) + b"]}")
    assert device.wait_acked(log, last)


class Database:
    """A bucket of this test's own."""

    def __init__(self, access: Access) -> None:
        self._client = InfluxDBClient(url=access.url, token=access.token, org=access.org)
        self._client.buckets_api().create_bucket(bucket_name=BUCKET, org=access.org)

    def points(self) -> Counter[tuple[str, str, int]]:
        """How many points there are of each record."""
        query = (
            f'from(bucket: "{BUCKET}") |> range(start: 0) |> filter(fn: (r) => r._field == "seq") |> group()'
        )
        tables = self._client.query_api().query(query)
        return Counter(
            (str(point["device"]), str(point["log"]), int(point["_value"]))
            for table in tables
            for point in table.records
        )

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def database(influxdb: Access) -> Iterator[Database]:
    one = Database(influxdb)
    yield one
    one.close()


def names(device: str, log: str, *spans: tuple[int, int]) -> set[tuple[str, str, int]]:
    return {(device, log, seq) for first, last in spans for seq in range(first, last + 1)}


def test_after_a_restore_nothing_is_skipped_or_doubled_and_what_nobody_holds_is_declared_lost(
    tmp_path: Path, mosquitto: Broker, children: Children, influxdb: Access, database: Database
) -> None:
    gateway = Gateway(tmp_path, mosquitto, children)
    settings = gateway.config.read_text().split("[influxdb]")[0]
    gateway.config.write_text(
        f'{settings}[influxdb]\nurl = "{influxdb.url}"\norg = "{influxdb.org}"\n'
        f'token = "{influxdb.token}"\nbucket = "{BUCKET}"\n'
    )

    def huishou(*arguments: str) -> Any:
        argv = [sys.executable, "-m", "gateway", *arguments, "-c", str(gateway.config), "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout)

    def database_has(expected: set[tuple[str, str, int]]) -> bool:
        points = database.points()
        assert set(points.values()) <= {1}
        return points.keys() == expected

    one, two = Device("bin-001", mosquitto), Device("bin-002", mosquitto)
    processes = [gateway.start_intake(), gateway.start("writer")]
    send(one, A, 1, 20, holds=1)
    send(two, A, 1, 20, holds=1)
    copy = huishou("journal", "backup", str(tmp_path / "copy.db"))
    assert copy["cover"]["records"] == 40

    send(one, A, 21, 40, holds=21)
    send(one, B, 1, 10, holds=1)
    send(two, A, 21, 40, holds=21)
    before = names("bin-001", A, (1, 40)) | names("bin-001", B, (1, 10)) | names("bin-002", A, (1, 40))
    assert wait_until(lambda: database_has(before), DEADLINE_S)
    for process in processes:
        assert process.stop(DEADLINE_S)

    done = huishou("journal", "restore", copy["file"], "--yes")
    assert [(back["device"], back["log"], back["was"], back["now"]) for back in done["plan"]["set_back"]] == [
        ("bin-001", A, 40, 20),
        ("bin-001", B, 10, -1),
        ("bin-002", A, 40, 20),
    ]

    gateway.start_intake()
    gateway.start("writer")
    two.acked.clear()
    send(one, A, 41, 45, holds=41)  # freed all that was acknowledged
    send(one, B, 11, 12, holds=11)
    send(two, A, 31, 41, holds=31)  # has not heard of the last acknowledgement
    with JournalReader(gateway.store) as reader:
        held = {(row.device, row.log, one.seq) for row in reader.read(0, 1000) for one in row.records()}
        losses = reader.losses()
    assert held == (
        names("bin-001", A, (1, 20), (41, 45))
        | names("bin-001", B, (11, 12))
        | names("bin-002", A, (1, 20), (31, 41))
    )
    assert {(loss.device, loss.log, loss.first, loss.last, loss.cause) for loss in losses} == {
        ("bin-001", A, 21, 40, "restore"),
        ("bin-001", B, 1, 10, "restore"),
        ("bin-002", A, 21, 30, "restore"),
    }
    # What was written before the restore stands; what came after it is added; nothing is there twice.
    assert wait_until(lambda: database_has(before | held), DEADLINE_S)
    assert huishou("journal", "verify")["counts"] == {}
    assert huishou("journal", "stat")["losses"] == {"restore": 40}
    assert "records-lost" in {alarm["code"] for alarm in huishou("gateway", "status")["alarms"]}
    one.close()
    two.close()
