"""Running indicators for the tests: a real server in a loop, a real station in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from gateway.modbus.config import StationConfig
from gateway.modbus.station import Station
from simulators.peers.weighbridge import Weighbridge
from simulators.peers.weighbridge_server import WeighbridgeServer

Transport = Literal["tcp", "rtu"]
TRANSPORTS: tuple[Transport, ...] = ("tcp", "rtu")
SERIAL = 0xA1B2C3D4
LOG = "a1b2c3d4"
DEVICE = "weighbridge-1"
NOW_MS = 1_795_000_000_000
DEADLINE_S = 20.0


class Line:
    """An indicator that answers at `address`."""

    def __init__(self, server: WeighbridgeServer, address: str) -> None:
        self._server = server
        self.bridge = server.bridge
        self.address = address
        self.faults = server.faults

    def replace(self, bridge: Weighbridge) -> None:
        """Another indicator takes this one's place."""
        self._server.bridge = self.bridge = bridge


@contextmanager
def line(
    transport: Transport,
    bridge: Weighbridge,
    *,
    port: int = 0,
    link: Path | None = None,
    beside: dict[int, Weighbridge] | None = None,
) -> Iterator[Line]:
    """Serve `bridge` as unit 1, and those `beside` it, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[WeighbridgeServer, str]:
        server = WeighbridgeServer(bridge, beside=beside)
        address = await (
            server.start_tcp(port=port) if transport == "tcp" else server.start_rtu(link, baud=115_200)
        )
        return server, address

    try:
        server, address = asyncio.run_coroutine_threadsafe(start(), loop).result(DEADLINE_S)
        try:
            yield Line(server, address)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(DEADLINE_S)
            asyncio.run_coroutine_threadsafe(_settle(), loop).result(DEADLINE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


async def _settle() -> None:
    """Let what a closed connection left behind run out."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Intake:
    """Stands for intake: journals in memory by the journal's rules for one (device, log)."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.firsts: list[int] = []
        self.refuse: Exception | None = None
        self.mark: int | None = None
        self.changed = threading.Condition()

    def hwm(self, device: str, log: str) -> int | None:
        assert (device, log) == (DEVICE, LOG)
        return self.mark

    def submit(self, device: str, log: str, records: list[bytes], first: int) -> None:
        assert (device, log) == (DEVICE, LOG)
        with self.changed:
            self.changed.notify_all()
            if self.refuse is not None:
                raise self.refuse
            for raw in records:
                record = json.loads(raw)
                expected = first if self.mark is None else max(self.mark + 1, first)
                assert record["seq"] == expected, f"{record['seq']} after {self.mark}, first {first}"
                self.mark = record["seq"]
                self.records.append(record)
                self.raw.append(raw)
            self.firsts.append(first)


def new_station(address: str, transport: Transport, intake: Intake, timeout_ms: int = 150) -> Station:
    config = StationConfig(DEVICE, address, transport, baud=115_200, poll_ms=10, timeout_ms=timeout_ms)
    return Station(config, intake.hwm, intake.submit, lambda: NOW_MS)


@contextmanager
def running(station: Station) -> Iterator[Station]:
    """Run the station in a thread until the block ends; fails if it does not stop."""
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=(stop,))
    thread.start()
    try:
        yield station
    finally:
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def wait_for(what: Callable[[], object], why: str) -> None:
    """Wait until `what()` holds. Fails at the deadline, saying what was awaited."""
    pause = threading.Event()
    for _ in range(int(DEADLINE_S / 0.005)):
        if what():
            return
        pause.wait(0.005)
    raise AssertionError(f"not within {DEADLINE_S} s: {why}")


def loaded(count: int, **kwargs: Any) -> Weighbridge:
    """An indicator with `count` weighings, no two alike."""
    bridge = Weighbridge(SERIAL, **kwargs)
    for i in range(count):
        weigh(bridge, i)
    return bridge


def weigh(bridge: Weighbridge, i: int) -> int:
    ident = ("", "津A·12345", f"A{i:05d}", "X" * 32)[i % 4]
    return bridge.weigh(
        18_000_000 + 37 * i, 9_000_000 + 11 * i, ident, NOW_MS + 60_000 * i, stable=i % 5 != 0
    )
