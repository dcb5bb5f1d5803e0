"""The gateway stops within ten seconds whatever is wrong around it, and starts again what dies."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.journal import Judged, Records, SqliteJournal
from gateway.journal.bodies import compose
from gateway.metrics import look
from gateway.processes import status
from simulators.servers import accounts
from simulators.servers.broker import Broker
from simulators.servers.ports import free_port
from simulators.servers.process import wait_until
from tests.intake.conftest import Device

STOP_S = 10.0
DEADLINE_S = 30.0
LOG = "0000abcd"
FULL = 512 * 1024  # bytes that a file may have where the disk is "full"


class Hanging:
    """A database that accepts connections and requests and never answers."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.2)
        self.port: int = self._server.getsockname()[1]
        self.asked = threading.Event()
        self._over = threading.Event()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                one, _ = self._server.accept()
            except TimeoutError:
                continue
            self._held.append(one)
            self.asked.set()

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        for one in (*self._held, self._server):
            one.close()


class Gateway:
    """All processes of one gateway."""

    def __init__(self, directory: Path, broker_port: int, influxdb_port: int) -> None:
        self.store = directory / "store"
        self.config = directory / "huishou.toml"
        self.log = directory / "gateway.log"
        self.settings = (
            f'[mqtt]\nport = {broker_port}\nusername = "{accounts.GATEWAY}"\n'
            f'password = "{accounts.GATEWAY}-secret"\n'
            f'[influxdb]\nurl = "http://127.0.0.1:{influxdb_port}"\ntoken = "t"\ntimeout_s = 60\n'
            f"[web]\nport = {free_port()}\n"
        )
        (directory / "devices.json").write_text('{"devices": [{"id": "bin-001", "unit": "bin"}]}')
        self.config.write_text(self.settings)

    def start(self, file_bytes: int | None = None) -> None:
        """`file_bytes`: no file of any of its processes may grow beyond (the disk is full)."""

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes or 0, file_bytes or 0))

        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "gateway", "-c", str(self.config)],
                stderr=log,
                stdout=log,
                preexec_fn=limit if file_bytes else None,
            )

    def until(self, found: Any, what: str) -> None:
        assert wait_until(found, DEADLINE_S), f"{what}:\n{self.log.read_text()[-4000:]}"

    def says(self, name: str, key: str) -> Any:
        return status(self.store, time.time_ns() // 1_000_000)[name].get(key)

    def all_up(self) -> bool:
        return all(self.says(name, "up") for name in ("intake", "writer", "web"))

    def alarms(self) -> set[tuple[str, str]]:
        found = look(self.store, time.time_ns() // 1_000_000)["alarms"]
        return {(one["code"], one["about"]) for one in found}

    def stop(self) -> float:
        """Seconds that it took."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(3 * STOP_S) == 0, self.log.read_text()[-4000:]
        took_s = time.monotonic() - began_s
        assert not any(self.says(name, "up") for name in ("intake", "writer", "web"))
        return took_s


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    found = Hanging()
    yield found
    found.close()


@pytest.fixture
def gateway(tmp_path: Path, mosquitto: Broker, hanging: Hanging) -> Iterator[Gateway]:
    found = Gateway(tmp_path, mosquitto.port, hanging.port)
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.wait()


def fill(store: Path, rows: int) -> None:
    """A backlog that the writer has not seen."""
    journal = SqliteJournal(store)
    text = b'{"seq":%d,"t":1800000000000,"clock":"ntp","kind":"reading","fill_pct":5}'
    batch = [
        Records(1, "bin-001", LOG, 1, 1, compose(LOG, 1, 1, [text % seq]), [Judged(seq)])
        for seq in range(1, rows)
    ]
    journal.append(batch)
    journal.close()


def test_with_a_database_that_hangs_in_the_middle_of_a_catch_up(gateway: Gateway, hanging: Hanging) -> None:
    fill(gateway.store, 3_000)
    gateway.start()
    gateway.until(hanging.asked.is_set, "the writer has asked the database")
    gateway.until(gateway.all_up, "all processes are up")
    assert gateway.stop() < STOP_S


def test_with_a_broker_that_is_gone(gateway: Gateway, mosquitto: Broker) -> None:
    gateway.start()
    gateway.until(lambda: (gateway.says("intake", "broker") or {}).get("subscribed"), "subscribed")
    mosquitto.stop()
    gateway.until(lambda: not (gateway.says("intake", "broker") or {}).get("subscribed"), "noticed")
    assert gateway.stop() < STOP_S


def test_with_a_disk_that_takes_nothing_more(gateway: Gateway, mosquitto: Broker) -> None:
    gateway.start(FULL)
    gateway.until(lambda: (gateway.says("intake", "broker") or {}).get("subscribed"), "subscribed")
    device = Device("bin-001", mosquitto)
    try:
        text = '{"seq":%d,"t":1800000000000,"clock":"ntp","kind":"boot","reason":"r","fw":"1","hw":"%s"}'
        for seq in range(1, 200):
            body = compose(LOG, 1, 1, [(text % (seq, "x" * 9)).encode().ljust(8_000)])
            device.publish("up/records", body)
        gateway.until(
            lambda: any(code.startswith("journal-") for code, _ in gateway.alarms()),
            "an alarm of the journal",
        )
        assert gateway.stop() < STOP_S
    finally:
        device.close()


def test_a_process_that_dies_again_and_again_is_an_alarm_and_the_settings_in_force_are_kept(
    gateway: Gateway,
) -> None:
    gateway.start()
    gateway.until(gateway.all_up, "all processes are up")
    gateway.config.write_text(
        gateway.settings + "prot = 1\n"
    )  # a mistake: must not keep anything from starting
    gateway.until(lambda: ("config-invalid", "") in gateway.alarms(), "the mistake is told")
    for _ in range(3):
        pid = gateway.says("web", "pid")
        os.kill(pid, signal.SIGKILL)
        gateway.until(
            lambda pid=pid: gateway.says("web", "pid") != pid and gateway.says("web", "cursor") is not None,
            "it is back",
        )
    gateway.until(lambda: ("process-restarts", "web") in gateway.alarms(), "the deaths are told")
    assert gateway.says("intake", "up")
    assert gateway.stop() < STOP_S
    log = gateway.log.read_text()
    assert log.count("web ended (killed by SIGKILL)") == 3
    assert (
        log.count("[config-invalid]") <= 8
    )  # once a process, and once each for the new ones: not once a look
