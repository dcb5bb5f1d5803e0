"""The writer against a real InfluxDB 2.

What is journaled is what a query returns, through conflicts and kills.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from gateway.writer.store import read_progress, read_refused
from simulators.servers.influxdb import binary
from simulators.servers.influxdb.server import Access, InfluxServer
from simulators.servers.process import Children, wait_until

NOW = 1_763_715_600_000
DEADLINE_S = 30.0
# What leaves one value each of a point's fields; times as nanoseconds, which the client would round.
QUERY = (
    'from(bucket: "{bucket}") |> range(start: 0) |> map(fn: (r) => ({{'
    "ns: uint(v: r._time), field: r._field, value: string(v: r._value), device: r.device}})) |> group()"
)


class Bucket:
    """A bucket of a test's own."""

    def __init__(self, access: Access, name: str) -> None:
        self.name = name
        self._access = access
        with self._client() as client:
            client.buckets_api().create_bucket(bucket_name=name, org=access.org)

    def write(self, line: str) -> None:
        with self._client() as client:
            client.write_api(write_options=SYNCHRONOUS).write(bucket=self.name, record=line)

    def points(self) -> dict[tuple[str, int], dict[str, str]]:
        """Fields as text by (device, nanoseconds); a field that is there twice fails."""
        found: dict[tuple[str, int], dict[str, str]] = {}
        with self._client() as client:
            for table in client.query_api().query(QUERY.format(bucket=self.name)):
                for record in table.records:
                    fields = found.setdefault((record["device"], record["ns"]), {})
                    assert record["field"] not in fields
                    fields[record["field"]] = record["value"]
        return found

    def _client(self) -> InfluxDBClient:
        access = self._access
        return InfluxDBClient(url=access.url, token=access.token, org=access.org, timeout=20_000)


@pytest.fixture
def bucket(influxdb: Access, tmp_path: Path) -> Bucket:
    return Bucket(influxdb, tmp_path.name)


@pytest.fixture
def bench(make_bench: Callable[..., Any], influxdb: Access, bucket: Bucket) -> Iterator[Any]:
    return make_bench(influxdb.url, token=influxdb.token, bucket=bucket.name)  # type: ignore[no-any-return]


def expected(*numbers: int, **more: int) -> dict[tuple[str, int], dict[str, str]]:
    fields = {name: str(value) for name, value in more.items()}
    return {
        ("bin-001", (NOW + seq) * 1_000_000 + seq): {"log": "0000abcd", "seq": str(seq), "clock": "ntp"}
        | fields
        for seq in numbers
    }


def test_a_query_returns_each_record_once_with_all_its_fields_and_its_exact_time(
    bench: Any, bucket: Bucket
) -> None:
    for first in (1, 101, 201):
        bench.journal_readings(*range(first, first + 100), temp_dc=-15, battery_mv=3700)
    bench.start()
    bench.wait("up to date")
    assert bucket.points() == expected(*range(1, 301), temp_dc=-15, battery_mv=3700)


def test_writing_again_from_the_start_changes_nothing(bench: Any, bucket: Bucket) -> None:
    bench.journal_readings(*range(1, 101), temp_dc=-15)
    for _ in range(2):
        bench.start()
        bench.wait("up to date")
        bench.stop()
        for file in bench.config.store.path.glob("writer.db*"):
            file.unlink()
    assert bucket.points() == expected(*range(1, 101), temp_dc=-15)


def test_a_point_of_another_type_costs_itself_alone(bench: Any, bucket: Bucket) -> None:
    # Somebody else has made temp_dc a float of this series, where ours is an integer.
    bucket.write(f"reading,device=bin-001,site=nankai,unit=bin temp_dc=1.5 {NOW * 1_000_000}")
    bench.journal_readings(1, 2, 3)
    bench.journal_readings(4, temp_dc=215)
    bench.journal_readings(5, 6)
    bench.start()
    bench.wait("up to date")
    (refused,) = read_refused(bench.config.store.path)
    assert refused.seq == 4
    assert refused.status == 422
    assert "conflict" in refused.words
    points = bucket.points()
    assert {int(fields["seq"]) for fields in points.values() if "seq" in fields} >= {1, 2, 3, 5, 6}


def test_a_wrong_token_is_refused_by_the_real_server_too(
    make_bench: Callable[..., Any], influxdb: Access, bucket: Bucket
) -> None:
    bench = make_bench(influxdb.url, token="wrong", bucket=bucket.name)
    bench.journal_readings(1)
    bench.start()
    assert "(401)" in bench.wait("stopped")
    bench.token_file.write_text(influxdb.token)
    bench.wait("up to date")
    assert bucket.points() == expected(1)


def test_a_bucket_that_is_not_there_stops_the_writer_until_it_is(
    make_bench: Callable[..., Any], influxdb: Access, tmp_path: Path
) -> None:
    bench = make_bench(influxdb.url, token=influxdb.token, bucket=f"{tmp_path.name}-later")
    bench.journal_readings(1)
    bench.start()
    assert "(404)" in bench.wait("stopped")
    bucket = Bucket(influxdb, f"{tmp_path.name}-later")
    bench.wait("up to date")
    assert bucket.points() == expected(1)


def test_a_writer_killed_in_mid_stream_loses_and_doubles_nothing(
    bench: Any, bucket: Bucket, children: Children, tmp_path: Path
) -> None:
    count = 20_000
    for first in range(1, count + 1, 100):
        bench.journal_readings(*range(first, first + 100))
    argv = [sys.executable, "-m", "gateway", "gateway", "writer", "--config", str(tmp_path / "huishou.toml")]

    def start() -> Any:
        return children.start("writer", argv, log=tmp_path / "writer.log", env=dict(os.environ))

    def written() -> int:
        return read_progress(bench.config.store.path).lines

    for share in (0.2, 0.6):
        writer = start()
        assert wait_until(lambda share=share: written() >= count * share, DEADLINE_S)  # type: ignore[misc]
        writer.kill()
    start()
    assert wait_until(lambda: read_progress(bench.config.store.path).cursor == count // 100, DEADLINE_S)
    assert bucket.points() == expected(*range(1, count + 1))


def test_a_server_that_goes_away_is_caught_up_with_when_it_returns(
    make_bench: Callable[..., Any], children: Children, tmp_path: Path
) -> None:
    server = InfluxServer(tmp_path / "influxdb", children)
    executable = binary.find() or binary.build()
    server.start(executable)
    bucket = Bucket(server.access, "own")
    bench = make_bench(server.access.url, token=server.access.token, bucket="own")
    bench.journal_readings(1)
    bench.start()
    bench.wait("up to date")
    assert server.child is not None
    server.child.kill()
    bench.journal_readings(2)
    bench.wait("waiting")
    bench.journal_readings(3)
    server.start(executable)
    bench.wait("up to date")
    assert bucket.points() == expected(1, 2, 3)
