"""Who takes a backlog from the broker to its destination: the gateway, Telegraf with either of its buffers,
thingsboard-gateway.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simulators.bench.rig import Rig
from simulators.fleet import Options, wire
from simulators.servers import accounts
from simulators.servers.broker import mosquitto
from simulators.servers.errors import ServerError
from simulators.servers.influxdb import Access
from simulators.servers.ports import free_port, is_free
from simulators.servers.process import Child, wait_until
from simulators.servers.telegraf import Buffer, build, telegraf_config
from simulators.servers.thingsboard import install, write_config

FILTER = "huishou/1/+/up/#"
BATCH = 5_000
UNDELIVERED = 20_000


@dataclass(frozen=True)
class Started:
    """A contestant at work.

    `taken`: readings that its destination has taken, and in how many writes, since any moment before;
    `stored`: readings that are there in the end, and some that are there twice;
    `others`: processes that are not its own;
    `began_s`: when its own were started, where those others came first (`time.monotonic`).
    """

    processes: dict[str, Child]
    taken: Callable[[], tuple[int, int]]
    stored: Callable[[], tuple[int, list[str]]]
    others: tuple[Child, ...] = ()
    began_s: float | None = None

    def stop(self) -> None:
        for child in (*self.processes.values(), *self.others):
            child.stop()


class Contestant(Protocol):
    """`client`: its session at the broker; `slow`: gets a tenth of the backlog, since its rate is steady."""

    name: str
    slow: bool
    to_influxdb: bool

    def prepare(self) -> None:
        """Have what it runs: built, installed."""

    def client(self, run: str) -> str: ...

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> Started:
        """Its processes, running."""


class Gateway:
    """Intake and writer, each started by its own command; fsync before every acknowledgement."""

    name = "huishou"
    slow = False
    to_influxdb = True

    def prepare(self) -> None:
        """It is here."""

    def client(self, run: str) -> str:
        return f"huishou-{run}"

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> Started:
        store = rig.store(run, access, fleet)
        processes = {process: rig.gateway(store, process) for process in ("intake", "writer")}
        return Started(
            processes, rig.points, lambda: rig.stored(access, (fleet.messages or 0) * fleet.records)
        )


class Telegraf:
    """Telegraf with one of its buffers."""

    to_influxdb = True

    def __init__(self, buffer: Buffer) -> None:
        self.name = f"telegraf-{buffer}"
        self.slow = buffer is Buffer.DISK
        self._buffer = buffer

    def prepare(self) -> None:
        """Build it, unless that was done."""
        build()

    def client(self, run: str) -> str:
        return f"telegraf-{run}"

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> Started:
        directory = rig.directory / run
        directory.mkdir()
        file = directory / "telegraf.conf"
        file.write_text(
            telegraf_config(
                broker=(rig.broker.host, rig.broker.port),
                username=accounts.GATEWAY,
                password=rig.passwords[accounts.GATEWAY],
                client=self.client(run),
                influxdb=access,
                buffer=self._buffer,
                directory=directory,
                batch=BATCH,
                undelivered=UNDELIVERED,
            )
        )
        argv: list[str | Path] = [build(), "--config", file]
        child = rig.children.start("telegraf", argv, log=directory / "telegraf.log")
        return Started(
            {"telegraf": child}, rig.points, lambda: rig.stored(access, (fleet.messages or 0) * fleet.records)
        )


class Thingsboard:
    """thingsboard-gateway, with its memory storage, to a stand-in for its platform."""

    name = "thingsboard-gateway"
    slow = True
    to_influxdb = False

    def prepare(self) -> None:
        """Install it, unless that was done."""
        install()

    def client(self, run: str) -> str:
        return f"thingsboard-{run}"

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> Started:  # noqa: ARG002
        directory = rig.directory / run
        directory.mkdir()
        port = free_port()
        broker = directory / "platform.conf"
        broker.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        file = directory / "platform.json"
        others = [
            rig.children.start("platform broker", [_mosquitto(), "-c", broker], log=directory / "b.log")
        ]
        wait_until(lambda: not is_free(port), 10)
        platform = [sys.executable, "-m", "simulators.servers.thingsboard.platform", str(port), str(file)]
        others.append(rig.children.start("platform", platform, log=directory / "platform.log"))
        wait_until(file.is_file, 10)
        env = write_config(
            directory / "config",
            broker=(rig.broker.host, rig.broker.port),
            username=accounts.GATEWAY,
            password=rig.passwords[accounts.GATEWAY],
            client=self.client(run),
            platform_port=port,
        )
        log = directory / "thingsboard.log"
        command = install()
        began_s = time.monotonic()
        child = rig.children.start(
            "thingsboard", [command], log=log, cwd=directory, env={**os.environ, **env}
        )

        def taken() -> tuple[int, int]:
            facts = json.loads(file.read_bytes())
            return facts["readings"], facts["messages"]

        return Started({"thingsboard": child}, taken, lambda: (taken()[0], []), tuple(others), began_s)


def _mosquitto() -> Path:
    found = mosquitto()
    if found is None:
        raise ServerError("broker-missing", "No `mosquitto` on PATH or in /usr/sbin for the platform.")
    return found


def contestants() -> dict[str, Contestant]:
    """All by name."""
    all_: list[Contestant] = [Gateway(), Telegraf(Buffer.MEMORY), Telegraf(Buffer.DISK), Thingsboard()]
    return {one.name: one for one in all_}


def keep_session(rig: Rig, client: str, topic_filter: str = FILTER) -> None:
    """Have the broker keep messages for a client that is not there yet: connect, subscribe, leave."""
    _session(rig, client, clean=False, packets=[(wire.subscribe(1, [topic_filter]), 5)])


def drop_session(rig: Rig, client: str) -> None:
    """Have the broker forget a client."""
    _session(rig, client, clean=True, packets=[])


def _session(rig: Rig, client: str, *, clean: bool, packets: list[tuple[bytes, int]]) -> None:
    hello = bytearray(wire.connect(client, 60, accounts.GATEWAY, rig.passwords[accounts.GATEWAY]))
    if not clean:
        hello[hello.index(b"MQTT") + 5] &= ~0x02  # clean session is bit 1 of the connect flags (3.1.2.3)
    with socket.create_connection((rig.broker.host, rig.broker.port), 10) as link:
        link.settimeout(10)
        for packet, answer in [(bytes(hello), 4), *packets]:
            link.sendall(packet)
            got = b""
            while len(got) < answer:
                more = link.recv(answer - len(got))
                if not more:
                    raise RuntimeError(f"the broker ended the session of {client}: it answered {got.hex()}")
                got += more
        link.sendall(wire.DISCONNECT_PACKET)
