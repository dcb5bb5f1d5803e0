"""Several databases at once: each at its own pace, from its own place; none holds up another."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.journal import Judged, Outcome
from gateway.writer import victoriametrics
from gateway.writer.store import read_all_progress, read_progress
from simulators.servers.influxdb.server import Access
from simulators.servers.process import Children
from simulators.servers.victoriametrics import VictoriaMetrics
from tests.delivery.conftest import ScriptedServer
from tests.delivery.test_writer_real_influxdb import Bucket, expected

NOW = 1_763_715_600_000


@pytest.fixture
def second() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


def sink(name: str, url: str, kind: str = "influxdb") -> str:
    return f'\n[[sinks]]\nname = "{name}"\nkind = "{kind}"\nurl = "{url}"\ntoken = "t2"\ntimeout_s = 60\n'


def test_a_sink_that_hangs_holds_up_no_other(make_bench: Any, server: Any, second: Any) -> None:
    freed = threading.Event()

    def hang(_: list[str]) -> tuple[int, dict[str, str], str]:
        freed.wait(30)
        return 204, {}, ""

    second.answer = hang
    bench = make_bench(server.url, "s3", more=sink("second", second.url))
    bench.journal_readings(1)
    bench.start()
    bench.wait("up to date")
    bench.journal_readings(2)
    bench.wait("up to date")
    assert len(server.taken) == 2
    assert second.taken == []
    assert read_progress(bench.config.store.path, "second").cursor == 0
    freed.set()
    bench.wait("up to date", sink="second")
    assert second.taken == server.taken
    assert set(second.tokens) == {"Token t2"}


def test_what_one_refuses_the_other_takes(make_bench: Any, server: Any, second: Any) -> None:
    bench = make_bench(server.url, "s3", more=sink("second", second.url))
    second.answer = lambda lines: (422, {}, f"no dropped={len(lines)}")
    bench.journal_readings(1, 2)
    bench.start()
    bench.wait("up to date")
    bench.wait("up to date", sink="second")
    progress = read_all_progress(bench.config.store.path)
    assert (progress["influxdb"].lines, progress["influxdb"].refused) == (2, 0)
    assert (progress["second"].lines, progress["second"].refused) == (0, 2)
    bench.wait_for(lambda _: "line-refused" in bench.conditions())
    (condition,) = bench.said[-1]["alarms"]
    assert condition["about"] == "second"


def test_a_changed_file_starts_and_ends_only_the_sinks_that_differ(
    make_bench: Any, server: Any, second: Any
) -> None:
    bench = make_bench(server.url, "s3")
    bench.journal_readings(1)
    bench.start()
    bench.wait("up to date")
    before = {thread.ident for thread in threading.enumerate() if thread.name == "sink influxdb"}
    text = bench.config.file.read_text()
    bench.config.file.write_text(text + sink("second", second.url))
    bench.wait("up to date", sink="second")
    assert second.taken == server.taken  # from the journal's start, without the other one's doing
    bench.config.file.write_text(text + sink("second", second.url).replace("t2", "t3"))
    bench.wait_for(lambda facts: facts.get("lines") == 1, sink="second")
    bench.journal_readings(2)
    bench.wait("up to date", sink="second")
    bench.config.file.write_text(text)
    bench.wait_for(lambda facts: not facts, sink="second")
    bench.journal_readings(3)
    bench.wait("up to date")
    assert len(server.taken) == 3
    assert len(second.taken) == 2
    assert {thread.ident for thread in threading.enumerate() if thread.name == "sink influxdb"} == before


def test_a_sink_that_comes_back_goes_on_where_it_was(make_bench: Any, server: Any, second: Any) -> None:
    bench = make_bench(server.url, "s3", more=sink("second", second.url))
    bench.journal_readings(1)
    bench.start()
    bench.wait("up to date", sink="second")
    text = bench.config.file.read_text()
    bench.config.file.write_text(text.replace("[[sinks]]", "[[sinks]]\nenabled = false"))
    bench.wait_for(lambda facts: not facts, sink="second")
    bench.journal_readings(2)
    bench.config.file.write_text(text)
    bench.wait("up to date", sink="second")
    assert [line.partition("seq=")[2][:1] for line in second.taken] == ["1", "2"]


def test_without_any_database_the_writer_says_so(make_bench: Any, server: Any) -> None:
    bench = make_bench(server.url, "s3", more="enabled = false\n")
    bench.start()
    with bench._news:
        assert bench._news.wait_for(lambda: bench.said and "no database" in bench.said[-1]["state"], 10)
    assert server.bodies == []


@pytest.fixture
def victoria(tmp_path: Path, children: Children) -> Iterator[VictoriaMetrics]:
    server = VictoriaMetrics(tmp_path / "victoria", children)
    server.start()
    yield server
    server.stop()


def test_influxdb_and_victoriametrics_hold_the_same_numbers(
    make_bench: Callable[..., Any], influxdb: Access, victoria: VictoriaMetrics, tmp_path: Path
) -> None:
    bucket = Bucket(influxdb, tmp_path.name)
    bench = make_bench(
        influxdb.url, influxdb.token, bucket.name, more=sink("vm", victoria.url, "victoriametrics")
    )
    bad = {5: Judged(5, Outcome.QUARANTINED, ("net-mismatch",))}
    bench.journal_readings(*range(1, 11), judged=bad, temp_dc=-15, battery_mv=3700)
    weighings = [
        b'{"seq":%d,"t":%d,"clock":"ntp","kind":"weigh","scale":"s 1","gross_g":%d,"tare_g":0,"net_g":%d,'
        b'"stable":true,"ident":"AB,1"}' % (seq, NOW, seq, seq)  # three in one millisecond
        for seq in (11, 12, 13)
    ]
    bench.journal_texts(11, [text.replace(b"s 1", b"s-1") for text in weighings])
    bench.start()
    bench.wait("up to date")
    bench.wait_for(lambda facts: facts.get("lines") == 12, sink="vm")
    numbers = [seq for seq in range(1, 11) if seq != 5]
    points = bucket.points()
    assert {k: points[k] for k in expected(*numbers)} == expected(*numbers, temp_dc=-15, battery_mv=3700)
    found = {
        dict(labels)["__name__"]: (dict(labels), samples)
        for labels, samples in victoria.samples('{device="bin-001"}').items()
    }
    assert set(found) == {
        *("reading_seq", "reading_temp_dc", "reading_battery_mv"),
        *("weigh_seq", "weigh_gross_g", "weigh_tare_g", "weigh_net_g", "weigh_stable"),
    }
    labels, samples = found["reading_temp_dc"]
    assert labels | {"db": ""} == {
        "__name__": "reading_temp_dc", "device": "bin-001", "site": "nankai", "unit": "bin", "db": "",
    }  # fmt: skip
    assert samples == [(NOW + seq, -15.0) for seq in numbers]
    assert found["weigh_net_g"][1] == [(NOW + seq, float(seq)) for seq in (11, 12, 13)]
    assert found["weigh_stable"][1] == [(NOW + seq, 1.0) for seq in (11, 12, 13)]
    assert victoria.value('sum(sum_over_time(weigh_net_g{device="bin-001"}[1h]))', NOW / 1000 + 60) == 36


def test_victoriametrics_killed_keeps_all_and_doubles_nothing(
    make_bench: Callable[..., Any], victoria: VictoriaMetrics, server: Any
) -> None:
    """It answers 204 before anything is on disk: what it took last is written again after a kill."""
    bench = make_bench(server.url, "s3", more=sink("vm", victoria.url, "victoriametrics"))
    for first in range(1, 301, 10):
        bench.journal_readings(*range(first, first + 10), temp_dc=1)
    bench.start()
    bench.wait_for(lambda facts: facts.get("lines") == 300, sink="vm")
    assert victoria.child is not None
    victoria.child.kill()
    bench.journal_readings(301, temp_dc=1)
    bench.wait("waiting", sink="vm")
    victoria.start()
    bench.wait_for(lambda facts: facts["state"] == "up to date", sink="vm")
    (samples,) = victoria.samples('{__name__="reading_seq"}').values()
    assert [value for _, value in samples] == [float(seq) for seq in range(1, 302)]


def test_a_victoriametrics_that_keeps_doubles_or_drops_is_told_of() -> None:
    page = (
        'flag{{name="dedup.minScrapeInterval", value="{dedup}", is_set="true"}} 1\n'
        'vm_rows_ignored_total{{reason="small_timestamp"}} {ignored}\n'
        'vm_rows_invalid_total{{type="influx"}} {invalid}\n'
    )
    good = victoriametrics.read(page.format(dedup="1ms", ignored=3, invalid=2))
    assert good == victoriametrics.Page(5, 1)
    assert victoriametrics.wrong(good, good) == ""
    assert "keeps what is written twice" in victoriametrics.wrong(None, victoriametrics.read(""))
    wide = victoriametrics.read(page.format(dedup="1m30s", ignored=0, invalid=0))
    assert wide.dedup_ms == 90_000
    assert "drops samples" in victoriametrics.wrong(None, wide)
    later = victoriametrics.read(page.format(dedup="1ms", ignored=8, invalid=2))
    assert "threw away 5" in victoriametrics.wrong(good, later)


def test_the_real_page_says_what_was_thrown_away(
    tmp_path: Path, children: Children, make_bench: Callable[..., Any], server: Any
) -> None:
    short = VictoriaMetrics(tmp_path / "short", children)
    short.start(dedup="0s", retention="1d")
    bench = make_bench(server.url, "s3", more=sink("vm", short.url, "victoriametrics"))
    bench.start()
    bench.wait_for(
        lambda _: "keeps what is written twice" in bench.conditions().get("sink-drops", ""), sink="vm"
    )
    short.stop()
