"""Everything that a round kills, running: broker, InfluxDB, gateway, and a fleet that loads them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simulators.bench.rig import Rig, Store
from simulators.demo.points import Unit
from simulators.fleet import Options, devices_file
from simulators.servers import accounts, influxdb
from simulators.servers.broker import Kind
from simulators.servers.process import Child, Children, wait_until
from simulators.sweep.kill.plan import BROKER, GATEWAY, INFLUXDB

STOP_S = 15.0
COMMAND_S = 300.0


class StandError(Exception):
    """A part did not do what it must for the sweep to go on; the text has its last words."""

    code = "sweep-stand"


class Stand:
    """The parts by name; each can be killed, frozen and brought back."""

    def __init__(self, directory: Path, children: Children, kind: Kind, options: Options) -> None:
        self.directory = directory
        self.ledger = directory / "fleet.tsv"
        self._children = children
        self._files = 0
        self._options = options
        self._rig = Rig(directory, children, kind=kind)
        self.access = self._rig.bucket("sweep")
        self.store: Store = self._rig.store("gateway", self.access, options)
        self._gateway = self._rig.gateway(self.store)
        try:
            self._rig.subscribed(self.store, self._gateway)
        except RuntimeError as error:
            raise StandError(str(error)) from error
        self.fleet = self._start_fleet()

    @property
    def units(self) -> dict[str, Unit]:
        """What goes into the tags of each device's points."""
        devices = devices_file(self._options)["devices"]
        return {device["id"]: Unit(device["unit"], device.get("site", "")) for device in devices}

    def points(self) -> int:
        """Points that InfluxDB has been asked to write since it started."""
        return self._rig.points()[0]

    def count(self) -> int:
        """Distinct points in the bucket."""
        return self._rig.count(self.access)

    def kill(self, names: Iterable[str]) -> None:
        """`kill -9` of all of these, one right after the other."""
        for name in names:
            self._signal(name, signal.SIGKILL)

    def pause(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def pause_fleet(self) -> None:
        self.fleet.pause()

    def resume_fleet(self) -> None:
        self.fleet.resume()

    def forget(self) -> None:
        """Delete what the broker has saved; it must not be running."""
        for file in (self.directory / "broker").glob("mosquitto.db*"):
            file.unlink()

    def revive(self) -> None:
        """Start again what of the servers is down; the gateway's processes are its own parent's to start."""
        if not _running(self._gateway):
            self._gateway = self._rig.gateway(self.store)
        if not _running(self._rig.broker.child):
            self._rig.broker.start()
        if not _running(self._rig.influx.child):
            self._rig.influx.start(influxdb.find() or influxdb.build())

    def fresh_file(self, name: str) -> Path:
        """A path in the stand's directory where nothing is yet."""
        self._files += 1
        return self.directory / f"{self._files:03}-{name}"

    def stop_gateway(self) -> bool:
        """Whether it stopped cleanly, and in time."""
        stopped = self._gateway.stop(STOP_S)
        return stopped and self._gateway.returncode == 0

    def huishou(self, *arguments: str | Path) -> str:
        """What a command of `huishou` with this gateway's configuration prints. Raises StandError."""
        done = self.run(*arguments)
        if done.returncode:
            raise StandError(
                f"huishou {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr}"
            )
        return done.stdout

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The same, whatever its exit code."""
        command = [sys.executable, "-m", "gateway", *map(str, arguments), "--config", str(self.store.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)

    def stop_fleet(self, deadline_s: float) -> Mapping[str, Any]:
        """No more records are made; what is held is delivered. The fleet's own summary. Raises StandError."""
        self._rig_signal(self.fleet, signal.SIGTERM)
        if not self.fleet.wait(deadline_s):
            raise StandError(f"the fleet did not drain within {deadline_s:g} s:\n{self.fleet.last_words()}")
        for line in reversed(self.fleet.log.read_text().splitlines()):
            if line.startswith("{"):
                return dict(json.loads(line))
        raise StandError(f"the fleet ended without a summary:\n{self.fleet.last_words()}")

    def close(self) -> None:
        """End what no child of ours guards: processes of a gateway whose parent was killed."""
        for pid, _ in self._gateway_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _start_fleet(self) -> Child:
        options = self._options
        argv: list[str | Path] = [sys.executable, "-m", "gateway", "sim", "fleet", "--json"]
        argv += ["--broker", f"{self._rig.broker.host}:{self._rig.broker.port}", "--user", accounts.FLEET]
        argv += ["--ledger", self.ledger]
        for name in ("prefix", "seed", "devices", "records", "rate", "window"):
            argv += [f"--{name}", str(getattr(options, name))]
        argv += ["--per-connection", str(options.per_connection), "--poisson"]
        argv += ["--drain", str(options.drain_s), "--stall", str(options.stall_s)]
        for name, chance in vars(options.faults).items():
            if chance:
                argv += ["--fault", f"{name}={chance}"]
        env = os.environ | {"HUISHOU_FLEET_PASSWORD": self._rig.passwords[accounts.FLEET]}
        return self._children.start("fleet", argv, log=self.directory / "fleet.log", env=env)

    def _signal(self, name: str, number: signal.Signals) -> None:
        if name == BROKER:
            self._rig_signal(self._rig.broker.child, number)
        elif name == INFLUXDB:
            self._rig_signal(self._rig.influx.child, number)
        elif name == GATEWAY:
            self._rig_signal(self._gateway, number)
        else:
            for pid, process in self._gateway_processes():
                if process == name:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)

    def _rig_signal(self, child: Child | None, number: signal.Signals) -> None:
        if child is None or not child.running:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)
        if number is signal.SIGKILL:
            child.wait(10.0)

    def _gateway_processes(self) -> list[tuple[int, str]]:
        """Process id and name of each process of this gateway but its parent, those just starting too."""
        config = os.fsencode(self.store.config)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if config in words and words[2:4] == [b"gateway", b"gateway"]:
                    name = words[4].decode()
                    if not name.startswith("-"):
                        found.append((int(entry.name), name))
        return found


def _running(child: Child | None) -> bool:
    return child is not None and child.running


def wait_for_count(stand: Stand, wanted: int, deadline_s: float) -> int:
    """Wait until the bucket holds so many points; how many it holds then, or at the deadline."""
    found = 0

    def there() -> bool:
        nonlocal found
        with contextlib.suppress(OSError):
            found = stand.count()
        return found >= wanted

    wait_until(there, deadline_s, step_s=1.0)
    return found
