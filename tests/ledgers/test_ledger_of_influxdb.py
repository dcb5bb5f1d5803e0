"""The third ledger is what a real InfluxDB says: every field of every point, with its type, to the
nanosecond."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from simulators.demo import points_read, stored
from simulators.demo.points import Name, Point
from simulators.servers import influxdb
from simulators.servers.errors import ServerError
from simulators.servers.process import Children

LINES = [
    "reading,device=bin-001,log=0a0b0c0d,site=nankai,clock=ntp seq=1i,mass_g=124i 1760000000123000001",
    "reading,device=bin-001,log=0a0b0c0d,unit=bin,clock=ntp seq=2i,temp_dc=-15i 1760000000123000002",
    "reading,device=bin-002,log=0a0b0c0e,unit=bin,bay=1,clock=none seq=1i,mass_g=0i 1000000001",
    "weigh,device=truck-01,log=0a0b0c0f,scale=w1 seq=7i,stable=true,net_g=5i 1760000000000000007",
    r'fault,device=b,log=0a0b0c0d,part=a\ b\,c,code=cold seq=9i,detail="\"b\", \\c 站" 1760000000999999999',
    "stray,device=x value=1.5 1760000000000000000",
]

POINTS = [
    Point(
        "reading",
        {"device": "bin-001", "log": "0a0b0c0d", "clock": "ntp", "site": "nankai"},
        1760000000123000001,
        {
            "seq": ("long", 1),
            "mass_g": ("long", 124),
        },
    ),
    Point(
        "reading",
        {"device": "bin-001", "log": "0a0b0c0d", "clock": "ntp", "unit": "bin"},
        1760000000123000002,
        {
            "seq": ("long", 2),
            "temp_dc": ("long", -15),
        },
    ),
    Point(
        "reading",
        {"device": "bin-002", "log": "0a0b0c0e", "clock": "none", "unit": "bin", "bay": "1"},
        1000000001,
        {
            "seq": ("long", 1),
            "mass_g": ("long", 0),
        },
    ),
    Point(
        "weigh",
        {"device": "truck-01", "log": "0a0b0c0f", "scale": "w1"},
        1760000000000000007,
        {
            "seq": ("long", 7),
            "stable": ("boolean", True),
            "net_g": ("long", 5),
        },
    ),
    Point(
        "fault",
        {"device": "b", "log": "0a0b0c0d", "part": "a b,c", "code": "cold"},
        1760000000999999999,
        {"seq": ("long", 9), "detail": ("string", '"b", \\c 站')},
    ),
    Point("stray", {"device": "x"}, 1760000000000000000, {"value": ("double", 1.5)}),
]


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[influxdb.Access]:
    program = influxdb.find()
    assert program is not None, "no influxd here: run `make influxd` (about four minutes)"
    with Children() as children:
        server = influxdb.InfluxServer(tmp_path_factory.mktemp("influxdb"), children)
        server.start(program)
        with InfluxDBClient(server.access.url, server.access.token, org=server.access.org) as client:
            client.write_api(write_options=SYNCHRONOUS).write(server.access.bucket, record=LINES)
        yield server.access


def _sorted(points: list[Point]) -> list[Point]:
    return sorted(points, key=lambda point: (point.measurement, point.time_ns))


def test_every_point_comes_back_exactly(access: influxdb.Access) -> None:
    assert _sorted(list(points_read.influxdb(access))) == _sorted(POINTS)


def test_measurements_can_be_chosen(access: influxdb.Access) -> None:
    found = list(points_read.influxdb(access, ["weigh", "position"]))
    assert [point.name for point in found] == [Name("truck-01", "0a0b0c0f", 7)]


def test_a_query_that_is_refused_says_why(access: influxdb.Access) -> None:
    with pytest.raises(ServerError, match="401") as caught:
        list(points_read.influxdb(influxdb.Access(access.url, "wrong")))
    assert caught.value.code == "influxdb-query"


def test_the_kinds_are_those_of_the_contract() -> None:
    assert {"reading", "deposit", "position", "weigh", "boot"} <= set(points_read.kinds())


def test_the_ledger_of_an_empty_store_is_empty(tmp_path: Path) -> None:
    assert list(stored.journal(tmp_path)) == []
