"""Settings are taken as a diff: equal ones touch nothing, bad ones change nothing and say so."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway import former, reload
from gateway.cli import main
from gateway.config import SECTIONS, Config, load
from gateway.processes import status
from gateway.reload import AT_START, SECRET, Reload, differences, hasten, sections
from simulators.servers.ports import free_port
from simulators.servers.process import wait_until

GOOD = [
    "",
    "[mqtt]\nport = 1884\n",
    '[mqtt]\nport = 1884\nusername = "gw"\npassword = "geheim"\n',
    '[influxdb]\nbucket = "other"\n',
    '[log]\nformat = "json"\n[web]\nport = 8081\n',
    "[mqtt]\n# only a comment more\nport = 1884\n",
    '[[stations]]\ndevice = "bridge-1"\naddress = "tcp://10.0.0.7:502"\n',
    '[store]\npath = "elsewhere"\n[mqtt]\nport = 1885\n',
]
BAD = [
    "[mqtt]\nport = 70000\n",
    "[mqtt]\nprot = 1884\n",
    "not TOML at all",
    '[mqtt]\ncert_file = "nowhere.pem"\ntls = true\n',
    "\x00",
]
DEVICES = '{"devices": []}'


def directory_with(path: Path, text: str = "") -> Path:
    (path / "devices.json").write_text(DEVICES)
    file = path / "huishou.toml"
    file.write_text(text)
    return file


def without_at_start(config: Config) -> list[object]:
    return [getattr(config, name) for name in SECTIONS if name not in AT_START]


class Edits(RuleBasedStateMachine):
    """Any sequence of edits: what is in force equals a fresh start with the last good file."""

    @initialize(text=st.sampled_from(GOOD))
    def begin(self, text: str) -> None:
        import tempfile

        self._place = tempfile.TemporaryDirectory()
        self.file = directory_with(Path(self._place.name), text)
        self.now_s = 0.0
        first = load(self.file)
        self.reload = Reload(first, lambda: self.now_s, lambda: int(self.now_s * 1000))
        self.store = first.store
        self.good = first
        self.bad = False

    def teardown(self) -> None:
        self._place.cleanup()

    @rule(text=st.sampled_from(GOOD))
    def good_edit(self, text: str) -> None:
        self.file.write_text(text)
        new = load(self.file)
        before = self.reload.config
        self.look()
        expected = sections(before, new) - AT_START
        if expected:
            assert self.change is not None
            assert self.change.sections == expected
            assert self.change.before is before
            assert self.change.config is self.reload.config
        else:
            assert self.change is None
            assert self.reload.config is before  # not even an equal copy
        self.good, self.bad = new, False

    @rule(text=st.sampled_from(BAD))
    def bad_edit(self, text: str) -> None:
        before = self.reload.config
        self.file.write_text(text)
        self.look()
        assert self.change is None
        assert self.reload.config is before
        self.bad = True

    @rule()
    def vanish(self) -> None:
        before = self.reload.config
        self.file.unlink()
        self.look()
        assert self.change is None
        assert self.reload.config is before
        self.file.write_text("oops = ")
        self.bad = True

    @rule()
    def break_and_repair_the_devices_file(self) -> None:
        """A good file is refused while what it names is wrong, and taken when that is mended."""
        devices = self.file.with_name("devices.json")
        devices.write_text("[")
        self.look()
        assert self.change is None
        assert self.reload.problem
        devices.write_text(DEVICES)
        self.look()
        assert bool(self.reload.problem) == self.bad

    @rule()
    def touch(self) -> None:
        before = self.reload.config
        os.utime(self.file)
        self.look()
        assert self.change is None
        assert self.reload.config is before

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        before = self.reload.config
        self.now_s += seconds
        self.change = self.reload.changed()
        assert self.change is None
        assert self.reload.config is before

    def look(self) -> None:
        self.now_s += 6
        self.change = self.reload.changed(at_once=True)

    @invariant()
    def equals_a_fresh_start_with_the_last_good_file(self) -> None:
        if not hasattr(self, "reload"):
            return
        assert without_at_start(self.reload.config) == without_at_start(self.good)
        assert self.reload.config.store == self.store
        codes = [alarm["code"] for alarm in self.reload.alarms()]
        pending = self.good.store != self.store
        assert codes == ["config-invalid"] * self.bad + ["config-restart"] * pending


Edits.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
test_edits = Edits.TestCase


def test_a_change_is_seen_by_time_alone_and_sighup_hastens_it(tmp_path: Path) -> None:
    file = directory_with(tmp_path)
    now_s = 100.0
    watched = Reload(load(file), lambda: now_s)
    assert watched.changed() is None
    file.write_text("[mqtt]\nport = 1884\n")
    assert watched.changed() is None  # looked a moment ago
    now_s += reload.LOOK_S
    change = watched.changed()
    assert change is not None
    assert change.sections == {"mqtt"}
    file.write_text("[mqtt]\nport = 1885\n")
    hasten()
    change = watched.changed()
    assert change is not None
    assert change.config.mqtt.port == 1885
    assert watched.changed() is None


def test_two_edits_within_the_clocks_grain_are_both_seen(tmp_path: Path) -> None:
    """Same size, same modification time: a file this young is read again."""
    file = directory_with(tmp_path, "[mqtt]\nport = 1881\n")
    now_s = 0.0
    watched = Reload(load(file), lambda: now_s)
    for port in range(1882, 1890):
        file.write_text(f"[mqtt]\nport = {port}\n")
        now_s += 1
        change = watched.changed()
        assert change is not None
        assert change.config.mqtt.port == port


def test_differences_name_keys_and_hide_secrets(tmp_path: Path) -> None:
    old = load(directory_with(tmp_path, '[mqtt]\nusername = "gw"\npassword = "old secret"\n'))
    new = load(directory_with(tmp_path, '[mqtt]\nusername = "gw"\npassword = "new secret"\nport = 1884\n'))
    shown = [str(one) for one in differences(old, new, "mqtt")]
    assert shown == [f"mqtt.password: {SECRET} → {SECRET}", "mqtt.port: 1883 → 1884"]
    assert differences(old, new, "web") == []


def test_the_last_good_settings_are_kept_for_a_restart(tmp_path: Path) -> None:
    file = directory_with(tmp_path, "[mqtt]\nport = 1884\n")
    good = load(file)
    good.store.path.mkdir()
    former.keep(good)
    kept = good.store.path / former.FILE
    assert kept.stat().st_mode & 0o077 == 0
    file.write_text("[mqtt]\nport = 99999\n")
    assert former.load_former(file, kept) == good
    kept.unlink()
    file.write_text("[mqtt]\nport = 1885\n")
    assert former.load_former(file, kept).mqtt.port == 1885


def test_what_would_change_is_said_without_asking_anybody(tmp_path: Path) -> None:
    file = directory_with(tmp_path)
    good = load(file)
    good.store.path.mkdir()
    former.keep(good)
    file.write_text('[mqtt]\nport = 1884\n[log]\nlevel = "debug"\n')
    told = CliRunner().invoke(main, ["gateway", "reload", "--dry-run", "-c", str(file)])
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        "[log]",
        '  log.level: "info" → "debug"',
        "[mqtt]",
        "  mqtt.port: 1883 → 1884",
    ]
    nobody = CliRunner().invoke(main, ["gateway", "reload", "-c", str(file)])
    assert nobody.exit_code == 1
    assert "No process of the gateway runs" in nobody.output
    file.write_text("[mqtt]\nport = 188400\n")
    wrong = CliRunner().invoke(main, ["gateway", "reload", "-c", str(file)])
    assert wrong.exit_code == 1
    assert "mqtt.port" in wrong.output


class Running:
    """The web process alone: it is quick to start, and the way of settings is the same in all."""

    def __init__(self, directory: Path) -> None:
        self.file = directory_with(directory)
        self.log = directory / "web.log"
        self.port = free_port()
        self.write(f"[web]\nport = {self.port}\n")
        self.config = load(self.file)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "gateway", "web", "-c", str(self.file)], stderr=log
            )
        self.until(lambda: f":{self.port}/" in self.text(), "serves")

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def text(self) -> str:
        return self.log.read_text("utf-8")

    def until(self, found: "object", what: str) -> None:
        assert callable(found)
        assert wait_until(found, 20), f"{what}:\n{self.text()}"

    def reload(self) -> dict[str, Any]:
        told = CliRunner().invoke(main, ["gateway", "reload", "--json", "-c", str(self.file)])
        found: list[dict[str, Any]] = json.loads(told.output)["processes"]
        assert len(found) == 1
        return found[0]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path)
    yield found
    found.process.send_signal(signal.SIGTERM)
    assert found.process.wait(15) == 0, found.text()


def test_a_running_process_takes_new_settings_and_keeps_the_old_ones_when_they_are_bad(
    running: Running,
) -> None:
    assert running.reload()["changes"] == []
    running.write(f'[web]\nport = {running.port}\n[log]\nformat = "json"\n')
    assert running.reload()["changes"] == ['log.format: "text" → "json"']
    running.write(f'[web]\nport = {running.port}\nprot = 1\n[log]\nformat = "json"\n')
    os.kill(running.process.pid, signal.SIGHUP)
    running.until(lambda: '"code": "config-invalid"' in running.text(), "refused, and logged as JSON")
    running.until(lambda: told(running, "alarms"), "raised")
    assert told(running, "alarms")[0]["code"] == "config-invalid"
    other = free_port()
    running.write(f"[web]\nport = {other}\n")
    running.until(lambda: f":{other}/" in running.text(), "serves at the new address")
    running.until(lambda: not told(running, "alarms"), "all is well again")
    assert running.process.poll() is None


def test_an_address_that_is_taken_leaves_the_page_where_it_was(running: Running) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        running.write(f"[web]\nport = {taken.getsockname()[1]}\n")
        running.until(lambda: "page-address-unusable" in running.text(), "refused")
        running.until(lambda: told(running, "alarms"), "raised")
    with socket.create_connection(("127.0.0.1", running.port), 5):
        pass
    assert running.process.poll() is None


def told(running: Running, key: str) -> Any:
    return status(running.config.store.path, 0)["web"].get(key)
