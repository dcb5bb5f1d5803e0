"""The queries of docs/influxdb.md, as they stand there, against a real InfluxDB (and VictoriaMetrics)."""

import re
from pathlib import Path
from typing import Any

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from gateway.config import SinkConfig
from gateway.contract_types import KINDS
from gateway.writer.line import TAGS
from simulators.servers.influxdb.server import Access
from simulators.servers.process import Children
from simulators.servers.victoriametrics import VictoriaMetrics
from tests.delivery import known

PAGE = (Path(__file__).parents[2] / "docs" / "influxdb.md").read_text()
Blocks = dict[str, str]


def blocks(language: str) -> Blocks:
    """Code blocks of the page by the heading above."""
    parts = re.split(r"^#+ (.*)$", PAGE, flags=re.MULTILINE)[1:]
    found = {}
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL):
            found[heading] = code
    return found


class Asked:
    """A bucket with the known city in it, and one for daily sums."""

    def __init__(self, access: Access, name: str) -> None:
        self.name = name
        self._access = access
        with self._client() as client:
            for bucket in (name, f"{name}-daily"):
                client.buckets_api().create_bucket(bucket_name=bucket, org=access.org)
        known.write(
            SinkConfig(
                name="x", url=access.url, org=access.org, bucket=name, token=access.token, timeout_s=20
            )
        )

    def rows(self, flux: str, *columns: str) -> list[tuple[Any, ...]]:
        """What a query returns, at the known instant, times as text; ordered."""
        own = '"' + self.name  # of this test alone, also the buckets whose names begin so
        query = f"option now = () => {known.NOW}\n" + flux.replace('"huishou', own)
        query = _imports_first(query)
        with self._client() as client:
            tables = client.query_api().query(query)
        rows = [
            tuple(_plain(record.values.get(column)) for column in columns)
            for table in tables
            for record in table.records
        ]
        return sorted(rows, key=str)

    def _client(self) -> InfluxDBClient:
        access = self._access
        return InfluxDBClient(url=access.url, token=access.token, org=access.org, timeout=20_000)


def _imports_first(query: str) -> str:
    lines = query.splitlines()
    return "\n".join(sorted(lines, key=lambda line: not line.startswith("import")))


def _plain(value: Any) -> Any:
    return value.strftime("%d %H:%M") if hasattr(value, "strftime") else value


@pytest.fixture(scope="module")
def asked(influxdb_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(influxdb_server.access, tmp_path_factory.mktemp("flux").name)


EXPECTED: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]] = {
    "How many kilograms per category and day?": (
        ("_time", "category", "_value"),  # days of Tianjin begin at 16:00 UTC
        [("19 16:00", "paper", 0.48), ("20 16:00", "paper", 2.02), ("20 16:00", "plastic", 0.1)],
    ),
    "How full is each bay now?": (
        ("device", "bay", "site", "_value", "_time"),
        [
            ("bin-001", "1", "nankai", 55, "21 08:45"),
            ("bin-002", "1", "heping", 90, "21 07:05"),
            ("bin-003", "1", "heping", 10, "19 03:00"),
        ],
    ),
    "What was collected where?": (
        ("site", "category", "_value"),
        [("heping", "paper", 15_000), ("heping", "plastic", 4_000)],
    ),
    "Which devices are silent, since when?": (("device", "_time"), [("bin-003", "19 03:00")]),
    "Is any deposit counted twice?": (("device", "log", "seq", "points"), []),
    "How many weighings has each truck, and how much?": (
        ("device", "weighings", "kg"),
        [("truck-001", 2, 19.0)],
    ),
    "Which faults stand?": (
        ("device", "part", "code", "_time"),
        [("bin-002", "lock2", "jammed", "21 08:10")],
    ),
}


@pytest.mark.parametrize("question", EXPECTED)
def test_a_question_has_the_answer_that_is_known(asked: Asked, question: str) -> None:
    columns, rows = EXPECTED[question]
    assert asked.rows(blocks("flux")[question], *columns) == rows


def test_every_query_of_the_page_is_tested() -> None:
    assert set(blocks("flux")) == {*EXPECTED, "Keep and condense"}
    assert set(blocks("promql")) == {"VictoriaMetrics"}


def test_the_query_for_doubles_finds_one(asked: Asked) -> None:
    """A query whose answer is always empty would prove nothing."""
    double = "deposit,device=bin-001,log=0000abcd,site=elsewhere seq=1i 1763632800000000001"
    client = InfluxDBClient(
        url=asked._access.url, token=asked._access.token, org=asked._access.org, timeout=20_000
    )
    with client:
        client.buckets_api().create_bucket(bucket_name=f"{asked.name}-doubles", org=asked._access.org)
        for line in (double, double.replace("elsewhere", "other")):
            client.write_api(write_options=SYNCHRONOUS).write(bucket=f"{asked.name}-doubles", record=line)
    query = blocks("flux")["Is any deposit counted twice?"].replace('"huishou"', f'"{asked.name}-doubles"')
    assert asked.rows(query, "device", "seq", "points") == [("bin-001", 1, 2)]


def test_daily_sums_are_kept_in_a_bucket_of_their_own_and_may_be_made_twice(asked: Asked) -> None:
    for _ in range(2):
        asked.rows(blocks("flux")["Keep and condense"])
    kept = 'from(bucket: "huishou-daily") |> range(start: -7d) |> group()'
    assert asked.rows(kept, "_time", "device", "category", "_field", "_value") == [
        ("19 16:00", "bin-001", "paper", "net_g", 480)
    ]


def test_the_schema_table_names_every_tag_and_field() -> None:
    common = {"seq", "t", "clock"}
    for kind, cls in KINDS.items():
        (row,) = re.findall(rf"^\| `{kind}` \|([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
        names = set(cls.__struct_fields__) - common
        tags, fields = (set(re.findall(r"`(\w+)`", cell)) for cell in row[1:])
        assert tags == names & set(TAGS), kind
        assert fields == names - set(TAGS), kind


def test_victoriametrics_answers_the_same(tmp_path: Path, children: Children) -> None:
    server = VictoriaMetrics(tmp_path / "vm", children)
    server.start()
    known.write(SinkConfig(name="vm", kind="victoriametrics", url=server.url))
    at_s = known.ms("21 09:00") / 1000
    (query,) = blocks("promql").values()
    assert server.value(query.replace("deposit_net_g", 'deposit_net_g{category="paper"}'), at_s) == 2.5
    assert server.value(query.replace("deposit_net_g", 'deposit_net_g{category="plastic"}'), at_s) == 0.1
    server.stop()
