"""The writer against a real InfluxDB 2.

What is journaled is what a query returns, through conflicts and kills.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource

from gateway.config import SinkConfig
from gateway.writer.delivery import Answer, Delivery
from gateway.writer.http import Server
from gateway.writer.store import read_progress, read_refused, retry_refused
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

    def __init__(self, access: Access, name: str, *, make: bool = True, keep_s: int = 0) -> None:
        self.name = name
        self._access = access
        if make:
            rules = [_rule(keep_s)] if keep_s else []
            with self._client() as client:
                client.buckets_api().create_bucket(bucket_name=name, org=access.org, retention_rules=rules)

    def keep(self, seconds: int) -> None:
        """Change how long points are kept; 0: for ever."""
        with self._client() as client:
            found = client.buckets_api().find_bucket_by_name(self.name)
            found.retention_rules = [_rule(seconds)]
            client.buckets_api().update_bucket(found)

    def kept_s(self) -> int:
        with self._client() as client:
            (rule,) = client.buckets_api().find_bucket_by_name(self.name).retention_rules
            return int(rule.every_seconds)

    def token(self) -> str:
        """A token that may write to this bucket and do nothing else."""
        with self._client() as client:
            found = client.buckets_api().find_bucket_by_name(self.name)
            resource = PermissionResource(type="buckets", id=found.id, org_id=found.org_id)  # type: ignore[no-untyped-call]
            permission = Permission(action="write", resource=resource)  # type: ignore[no-untyped-call]
            made = client.authorizations_api().create_authorization(
                org_id=found.org_id, permissions=[permission]
            )
            return str(made.token)

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


def _rule(seconds: int) -> BucketRetentionRules:
    return BucketRetentionRules(type="expire", every_seconds=seconds)  # type: ignore[no-untyped-call]


@pytest.fixture
def bucket(influxdb: Access, tmp_path: Path) -> Bucket:
    return Bucket(influxdb, tmp_path.name)


@pytest.fixture
def bench(make_bench: Callable[..., Any], influxdb: Access, bucket: Bucket) -> Iterator[Any]:
    return make_bench(influxdb.url, token=influxdb.token, bucket=bucket.name)  # type: ignore[no-any-return]


def expected(*numbers: int, **more: int) -> dict[tuple[str, int], dict[str, str]]:
    fields = {name: str(value) for name, value in more.items()}
    return {("bin-001", (NOW + seq) * 1_000_000 + seq): {"seq": str(seq)} | fields for seq in numbers}


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
    count = 6_000
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


def test_a_bucket_is_made_when_that_is_asked_for(
    make_bench: Callable[..., Any], influxdb: Access, tmp_path: Path
) -> None:
    name = f"{tmp_path.name}-made"
    more = "create_bucket = true\nretention_days = 36500\n"
    bench = make_bench(influxdb.url, token=influxdb.token, bucket=name, more=more)
    bench.journal_readings(1)
    bench.start()
    bench.wait("up to date")
    bucket = Bucket(influxdb, name, make=False)
    assert bucket.points() == expected(1)
    assert bucket.kept_s() == 36500 * 86_400


def test_a_bucket_that_may_not_be_made_is_told_of(
    make_bench: Callable[..., Any], influxdb: Access, bucket: Bucket, tmp_path: Path
) -> None:
    """The token may write to another bucket only."""
    name = f"{tmp_path.name}-missing"
    bench = make_bench(influxdb.url, token=bucket.token(), bucket=name, more="create_bucket = true\n")
    bench.journal_readings(1)
    bench.start()
    bench.wait("stopped")
    bench.wait_for(lambda _: "bucket-missing" in bench.conditions() or "sink-stopped" in bench.conditions())
    bench.token_file.write_text(influxdb.token)
    bench.wait("up to date")
    assert "bucket-missing" not in bench.conditions()
    assert Bucket(influxdb, name, make=False).points() == expected(1)


def test_points_older_than_the_bucket_keeps_are_refused_alone_and_written_when_it_keeps_more(
    make_bench: Callable[..., Any], influxdb: Access, tmp_path: Path
) -> None:
    bucket = Bucket(influxdb, tmp_path.name, keep_s=3600 * 24)
    bench = make_bench(influxdb.url, token=influxdb.token, bucket=bucket.name)
    today = time.time_ns() // 1_000_000 - 60_000  # a query sees nothing that is in the future
    bench.journal_readings(*range(1, 41))  # of years ago
    bench.journal_texts(
        41,
        [b'{"seq":%d,"t":%d,"clock":"ntp","kind":"reading"}' % (seq, today + seq) for seq in range(41, 61)],
    )
    bench.start()
    bench.wait("up to date")
    refused = read_refused(bench.config.store.path)
    assert sorted(one.seq for one in refused) == list(range(1, 41))
    assert {one.status for one in refused} == {422}
    assert "outside retention policy" in refused[0].words
    assert {int(fields["seq"]) for fields in bucket.points().values()} == set(range(41, 61))
    bucket.keep(0)
    assert retry_refused(bench.config.store.path) == 40
    bench.wait_for(lambda facts: facts["lines"] == 60)
    assert {int(fields["seq"]) for fields in bucket.points().values()} == set(range(1, 61))


def test_a_line_that_the_server_cannot_read_is_quoted_and_convicted(influxdb: Access, bucket: Bucket) -> None:
    """Our encoder makes none, so it is put among good ones by hand."""
    config = SinkConfig(
        name="x", url=influxdb.url, org=influxdb.org, bucket=bucket.name, token=influxdb.token
    )
    lines = [f"reading,device=d{n} seq={n}i {n}" for n in range(1, 1001)]
    for place in (3, 500, 999):
        lines[place] = f"reading,device=d{place} seq=x{place} {place}"
    requests = 0
    server = Server(config)

    def write(body: bytes) -> Answer:
        nonlocal requests
        requests += 1
        return server.write(body)

    delivery = Delivery(lines)
    assert delivery.run(write) is None
    server.close()
    assert [(convict.place, convict.status) for convict in delivery.convicts] == [
        (3, 400),
        (500, 400),
        (999, 400),
    ]
    assert "x3" in delivery.convicts[0].words
    assert len(bucket.points()) == 997
    assert requests == 3


def test_a_conflict_in_one_of_many_weeks_costs_few_requests(influxdb: Access, bucket: Bucket) -> None:
    """5,000 lines over a year; in one week somebody has made temp_dc a float."""
    week_ns = 7 * 86_400 * 10**9
    start = NOW * 1_000_000 // week_ns * week_ns
    bucket.write(f"reading,device=d temp_dc=1.5 {start + 20 * week_ns + 1}")
    lines = [f"reading,device=d seq={n}i,temp_dc=1i {start + n * week_ns // 100 + 7}" for n in range(5000)]
    config = SinkConfig(
        name="x", url=influxdb.url, org=influxdb.org, bucket=bucket.name, token=influxdb.token
    )
    server = Server(config)
    requests = 0

    def write(body: bytes) -> Answer:
        nonlocal requests
        requests += 1
        return server.write(body)

    delivery = Delivery(lines)
    assert delivery.run(write) is None
    server.close()
    guilty = sorted(convict.place for convict in delivery.convicts)
    assert 90 <= len(guilty) <= 100
    assert guilty == list(range(guilty[0], guilty[-1] + 1))
    assert requests < 60
    seqs = {int(fields["seq"]) for fields in bucket.points().values() if "seq" in fields}
    assert seqs == set(range(5000)) - set(guilty)
