"""InfluxDB: where its binary is found, that what it acknowledged outlives a kill, and what is said without
one."""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from simulators.servers import influxdb
from simulators.servers.errors import ServerError
from simulators.servers.influxdb import binary
from simulators.servers.process import Children


@pytest.fixture
def children() -> Iterator[Children]:
    with Children() as running:
        yield running


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return path


def test_the_binary_on_path_comes_before_the_cached_one(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": str(tmp_path / "bin")}
    assert influxdb.find(env) is None
    cached = _program(binary.cache_directory(env) / "influxd")
    assert influxdb.find(env) == cached
    on_path = _program(tmp_path / "bin" / "influxd")
    assert influxdb.find(env) == on_path


def test_a_machine_that_cannot_build_is_told_what_is_missing_and_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(ServerError) as caught:
        influxdb.build(env={"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path)})
    assert caught.value.code == "influxd-cannot-build"
    for hint in ("Go", "Rust", "HUISHOU_INFLUXDB_URL", "PATH"):
        assert hint in str(caught.value)


def test_a_failed_build_shows_the_compilers_words_and_leaves_no_binary(tmp_path: Path) -> None:
    for tool in ("go", "cargo", "cc", "pkg-config"):
        _program(tmp_path / "bin" / tool).write_text("#!/bin/sh\necho the compiler is unwell; exit 3\n")
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    with pytest.raises(ServerError, match="the compiler is unwell") as caught:
        influxdb.build(env=env)
    assert caught.value.code == "influxd-build-failed"
    assert influxdb.find(env) is None


def test_a_second_builder_waits_for_the_first_and_shows_its_progress(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path)}  # it could not build by itself
    directory = binary.cache_directory(env)
    directory.mkdir(parents=True)
    (directory / "progress.json").write_text('{"stage":"Go","done":3,"total":9,"started_unix_s":0}')
    seen: list[influxdb.Progress] = []
    with (directory / "lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)

        def report(step: influxdb.Progress) -> None:
            seen.append(step)
            _program(directory / "influxd")  # the first builder finishes
            fcntl.flock(first, fcntl.LOCK_UN)

        result: list[Path] = []
        second = threading.Thread(target=lambda: result.append(influxdb.build(report, env, deadline_s=20)))
        second.start()
        second.join(20)
    assert result == [directory / "influxd"]
    assert [(step.stage, step.done, step.total) for step in seen] == [("Go", 3, 9)]


def test_a_configured_server_needs_its_token() -> None:
    assert influxdb.configured({}) is None
    access = influxdb.configured({"HUISHOU_INFLUXDB_URL": "http://db:8086", "HUISHOU_INFLUXDB_TOKEN": "t"})
    assert access == influxdb.Access("http://db:8086", "t")
    with pytest.raises(ServerError) as caught:
        influxdb.configured({"HUISHOU_INFLUXDB_URL": "http://db:8086"})
    assert caught.value.code == "influxdb-token-missing"


def test_what_the_server_acknowledged_outlives_a_kill(tmp_path: Path, children: Children) -> None:
    server = influxdb.InfluxServer(tmp_path, children)
    program = influxdb.find()
    assert program is not None, "no influxd here: run `make influxd` (about four minutes)"
    server.start(program)
    _write(server.access, b"reading,device=bin-001 mass_g=1240i 1000000")
    assert server.child is not None
    server.child.kill()
    assert not server.healthy()
    server.start(program)
    assert _values(server.access) == [1240]
    assert server.stop()

    again = influxdb.InfluxServer(tmp_path, children)
    assert again.access == server.access
    again.start(program)
    assert _values(again.access) == [1240]


def test_a_server_that_cannot_start_says_why(tmp_path: Path, children: Children) -> None:
    broken = _program(tmp_path / "influxd")
    broken.write_text("#!/bin/sh\necho no such shard; exit 1\n")
    with pytest.raises(ServerError, match="no such shard") as caught:
        influxdb.InfluxServer(tmp_path / "data", children).start(broken)
    assert caught.value.code == "influxdb-no-start"


def _write(access: influxdb.Access, line: bytes) -> None:
    with InfluxDBClient(access.url, access.token, org=access.org) as client:
        client.write_api(write_options=SYNCHRONOUS).write(access.bucket, record=line)


def _values(access: influxdb.Access) -> list[object]:
    with InfluxDBClient(access.url, access.token, org=access.org) as client:
        tables = client.query_api().query(f'from(bucket:"{access.bucket}") |> range(start: 0)')
        return [record.get_value() for table in tables for record in table.records]
