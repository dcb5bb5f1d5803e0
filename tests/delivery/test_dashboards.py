"""The Grafana dashboards: the files are what the code makes, and every query in them has an answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gateway.metrics.prometheus
from gateway.dashboards.__main__ import HERE, files
from simulators.servers.influxdb.server import Access
from tests.delivery.test_flux_docs import Asked

FILES = files()
# As Grafana fills it in: a week that ends with the known city's last record.
WINDOW = (
    "option v = {timeRangeStart: 2025-11-14T09:00:00Z,"
    " timeRangeStop: 2025-11-21T09:00:00Z, windowPeriod: 1h}\n"
)
SOURCE = Path(gateway.metrics.prometheus.__file__).read_text()


def panels(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in json.loads(FILES[name])["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def flux_queries() -> list[tuple[str, str, str]]:
    found = [
        (name, title, target["query"])
        for name in ("en/city.json", "en/device.json")
        for title, target in panels(name)
    ]
    (variable,) = [
        one for one in json.loads(FILES["en/device.json"])["templating"]["list"] if one["name"] == "device"
    ]
    return [*found, ("en/device.json", "variable device", variable["query"])]


def test_the_files_are_what_the_code_makes() -> None:
    written = {str(path.relative_to(HERE)): path.read_text() for path in HERE.glob("*/*.json")}
    assert written == FILES, "run `python -m gateway.dashboards`"


@pytest.fixture(scope="module")
def asked(influxdb_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    access: Access = influxdb_server.access
    return Asked(access, tmp_path_factory.mktemp("dashboards").name)


@pytest.mark.parametrize(("name", "title", "query"), flux_queries(), ids=lambda value: str(value)[:40])
def test_every_flux_query_has_an_answer(asked: Asked, name: str, title: str, query: str) -> None:
    device = "truck-001" if title == "Way" else "bin-002" if title == "Collections" else "bin-001"
    query = query.replace("${bucket}", "huishou").replace("${timezone}", "Asia/Shanghai")
    query = query.replace("${device}", device)
    assert "${" not in query
    rows = asked.rows(WINDOW + query, "_value", "lat", "lon", "_time")
    assert rows, title
    if title in ("Trucks, last position", "Way"):
        assert rows[-1][1:3] == (39.1, 117.2)


def test_the_numbers_of_the_city_are_right(asked: Asked) -> None:
    values = {}
    for title, target in panels("en/city.json"):
        query = target["query"].replace("${bucket}", "huishou").replace("${timezone}", "Asia/Shanghai")
        values[title] = [row[0] for row in asked.rows(WINDOW + query, "_value")]
    assert values["Deposited"] == [2.6]
    assert values["Deposits"] == [6]
    assert values["Collected"] == [19.0]
    assert values["Bays over 80 %"] == [1]
    assert values["Devices heard in 24 h"] == [3]
    assert values["Faults standing"] == [1]


def test_every_metric_that_is_asked_for_is_told_by_the_gateway() -> None:
    told = set(re.findall(r'"(huishou_[a-z_]+)"', SOURCE))
    asked_for = set()
    for _, target in panels("en/gateway.json"):
        asked_for |= set(re.findall(r"huishou_[a-z_]+", target["expr"]))
    assert asked_for
    assert {re.sub(r"_(total|bucket)$", "", name) for name in asked_for} <= told


def test_both_languages_show_the_same() -> None:
    for name in ("city", "device", "gateway"):
        en, zh = (json.loads(FILES[f"{language}/{name}.json"]) for language in ("en", "zh-CN"))
        assert en["uid"] != zh["uid"]
        assert [panel["type"] for panel in en["panels"]] == [panel["type"] for panel in zh["panels"]]
        for a, b in zip(en["panels"], zh["panels"], strict=True):
            assert [t.get("query", t.get("expr")) for t in a["targets"]] == [
                t.get("query", t.get("expr")) for t in b["targets"]
            ]
            assert re.search("[\u4e00-\u9fff]", b["title"]), b["title"]
