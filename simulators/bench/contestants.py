"""Who takes a backlog from the broker to InfluxDB: the gateway, and Telegraf with either of its buffers."""

import socket
from pathlib import Path
from typing import Protocol

from simulators.bench.rig import Rig
from simulators.fleet import Options, wire
from simulators.servers import accounts
from simulators.servers.influxdb import Access
from simulators.servers.process import Child
from simulators.servers.telegraf import Buffer, build, telegraf_config

FILTER = "huishou/1/+/up/#"
BATCH = 5_000
UNDELIVERED = 20_000


class Contestant(Protocol):
    """`client`: its session at the broker; `slow`: gets a tenth of the backlog, since its rate is steady."""

    name: str
    slow: bool

    def client(self, run: str) -> str: ...

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> dict[str, Child]:
        """Its processes by name, running."""


class Gateway:
    """Intake and writer, each started by its own command; fsync before every acknowledgement."""

    name = "huishou"
    slow = False

    def client(self, run: str) -> str:
        return f"huishou-{run}"

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> dict[str, Child]:
        store = rig.store(run, access, fleet)
        return {process: rig.gateway(store, process) for process in ("intake", "writer")}


class Telegraf:
    """Telegraf with one of its buffers."""

    def __init__(self, buffer: Buffer) -> None:
        self.name = f"telegraf-{buffer}"
        self.slow = buffer is Buffer.DISK
        self._buffer = buffer
        self._binary: Path | None = None

    def client(self, run: str) -> str:
        return f"telegraf-{run}"

    def start(self, rig: Rig, run: str, access: Access, fleet: Options) -> dict[str, Child]:  # noqa: ARG002
        self._binary = self._binary or build()
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
        argv: list[str | Path] = [self._binary, "--config", file]
        return {"telegraf": rig.children.start("telegraf", argv, log=directory / "telegraf.log")}


def contestants() -> dict[str, Contestant]:
    """All by name."""
    all_: list[Contestant] = [Gateway(), Telegraf(Buffer.MEMORY), Telegraf(Buffer.DISK)]
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
