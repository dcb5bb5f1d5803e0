"""One run of the city: starts every part, keeps it running, lets go wrong what is asked for, stops in
order."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.processes import status as gateway_status
from simulators.demo import report
from simulators.demo.city import City
from simulators.demo.display import Display
from simulators.demo.drain import Drain
from simulators.demo.mishaps import PARTS, Mishap, What
from simulators.demo.rundir import USER, Plan, RunDir, opened
from simulators.demo.services import Event, Service
from simulators.demo.stations import Stations, planned
from simulators.demo.status import Status
from simulators.peers import ntp
from simulators.servers import influxdb
from simulators.servers.broker import Broker
from simulators.servers.errors import ServerError
from simulators.servers.ports import is_free, kept_port
from simulators.servers.process import Child, Children
from simulators.world.district import Links, district

_PAGE_PORT = 8080
_GATEWAY_STOP_S = 6.0
_SERVER_STOP_S = 3.0
_BUILD_S = 3600.0


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    plan: Plan
    directory: Path
    truck_hours: float = 1.5
    visits_per_minute: float = 15.0
    port: int | None = None
    seconds: float | None = None
    report: Path | None = None
    drain_s: float = 180.0
    mishaps: tuple[Mishap, ...] = ()
    quiet: bool = False


class Demo:
    """A run in the making. `run` does all of it and returns the exit code."""

    def __init__(self, options: Options, run: RunDir, children: Children) -> None:
        self._options = options
        self._run = run
        self._children = children
        self._began = time.monotonic()
        self._events: list[Event] = []
        self._took_s: dict[str, float] = {}
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        plan = options.plan
        self._district = district(plan.seed, plan.bins, plan.trucks)
        users = run.users([unit.device for unit in self._district.units], plan.seed)
        self._broker = Broker(run.broker, children, users)
        self._configured = influxdb.configured()
        self._influxdb = None if self._configured else influxdb.InfluxServer(run.influxdb, children)
        self._stations = Stations(planned(self._district), run.stations)
        self._services = {
            "broker": Service("broker", self._start_broker, self._say),
            "influxdb": Service("InfluxDB", self._start_influxdb, self._say, before=self._have_influxd),
            "gateway": Service("gateway", self._start_gateway, self._say),
        }
        self._display: Display | None = None
        self._failure: BaseException | None = None

    # The run

    async def run(self) -> int:
        """Until the time is over or someone stops it. Returns 0; 1 when the ledgers differ or a part
        failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        city, status, password = await self._set_up()
        self._display = Display(status.lines, quiet=self._options.quiet)
        with self._display:
            self._display.headline(
                f"The operators' page: {self._page}   user {USER}   password {password}",
                "A bin's console: huishou crew doctor --port "
                f"{self._run.units / 'bin-001' / 'console'}      Ctrl-C stops everything.",
            )
            try:
                for service in self._services.values():
                    self._start(service.run())
                city_task = self._start(city.run())
                self._start(city.keep_lively())
                for mishap in self._options.mishaps:
                    self._start(self._happen(mishap))
                self._start(self._refresh(self._display))
                await self._wait(city_task)
                if self._options.report is not None and not self._stop.is_set():
                    return await self._report(city, self._options.report)
                return 1 if self._failure is not None else 0
            finally:
                await self._shut_down(city)

    async def _set_up(self) -> tuple[City, Status, str]:
        """Everything that can be known before a server runs."""
        options, run = self._options, self._run
        ntp_port = kept_port(run.path, "ntp")
        self._ntp, _ = await ntp.serve(port=ntp_port)
        addresses = await self._stations.start()
        wanted = options.port or (_PAGE_PORT if is_free(_PAGE_PORT) else None)
        port = kept_port(run.path, "page", wanted)
        self._page = f"http://127.0.0.1:{port}"
        access = self._access()
        broker = (self._broker.host, self._broker.port)
        password = run.write_gateway_files(self._district, addresses, broker, access, port)
        city = City(
            self._district,
            run.units,
            Links(broker_host=broker[0], broker_port=broker[1], ntp_port=ntp_port),
            bin_days=options.plan.days,
            truck_hours=options.truck_hours,
            visits_per_minute=options.visits_per_minute,
            say=self._say,
            on_passage=self._stations.passage,
        )
        return city, Status(run, self._broker, self._services, city, self._stations, self._page), password

    async def _wait(self, city_task: asyncio.Task[None]) -> None:
        """Until someone stops the run, or its seconds are over and the whole city is live."""
        stop = self._start(self._stop.wait())
        waiting: set[asyncio.Task[Any]] = {stop, city_task}
        if self._options.seconds is not None:
            waiting.add(self._start(asyncio.sleep(self._options.seconds)))
        while not stop.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if city_task in done and self._failure is None:
                self._took_s["until all were live"] = time.monotonic() - self._began
                self._say("the whole city is live")
            if self._options.seconds is not None and waiting == {stop}:
                return

    async def _report(self, city: City, file: Path) -> int:
        """Let everything drain, compare the ledgers, write the report."""
        await self._have_influxdb_up()
        began = time.monotonic()
        self._say("the city stops; waiting until all that it logged has arrived")
        drain = self._start(Drain(city, self._stations, self._run.store).run(self._options.drain_s))
        await asyncio.wait({drain, self._start(self._stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if not drain.done() or self._failure is not None:
            self._say("stopped before the ledgers could be compared: no report")
            return 1
        left = drain.result()
        self._took_s["to drain"] = time.monotonic() - began
        for text in left:
            self._say(f"NOT DRAINED: {text}")
        began = time.monotonic()
        self._say("comparing what firmware logged, what the journal holds, what InfluxDB returns")
        comparison = await asyncio.to_thread(report.compare, self._run, city, self._stations, self._access())
        self._took_s["to compare"] = time.monotonic() - began
        self._took_s["in all"] = time.monotonic() - self._began
        document = report.document(
            comparison,
            plan=self._options.plan,
            left=left,
            mishaps=sorted(self._options.mishaps),
            events=self._events,
            restarts={name: service.restarts for name, service in self._services.items()},
            took_s=self._took_s,
        )
        report.write(file, document)
        counts = ", ".join(f"{count} in {ledger}" for ledger, count in document["records"].items())
        if document["equal"]:
            self._say(f"the three ledgers are equal: {counts}; report in {file}")
            return 0
        self._say(f"THE LEDGERS DIFFER: {document['first_difference']} ({counts}); report in {file}")
        return 1

    async def _have_influxdb_up(self) -> None:
        """A build that still goes on is none of the time that draining may take; it has an end of its own."""
        if not self._services["influxdb"].is_up:
            self._say("waiting for InfluxDB before the city stops")
            up, stop = self._start(self._services["influxdb"].up()), self._start(self._stop.wait())
            await asyncio.wait({up, stop}, timeout=_BUILD_S, return_when=asyncio.FIRST_COMPLETED)

    async def _shut_down(self, city: City) -> None:
        """Devices first, then the gateway, then the servers behind it; within 10 s."""
        self._say("stopping")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await city.stop()
        await self._services["gateway"].stop(_GATEWAY_STOP_S)
        await asyncio.gather(*(self._services[name].stop(_SERVER_STOP_S) for name in ("broker", "influxdb")))
        await self._stations.stop()
        self._ntp.close()

    # The parts

    def _access(self) -> influxdb.Access:
        if self._configured is not None:
            return self._configured
        assert self._influxdb is not None  # noqa: S101 (one of the two is there: see __init__)
        return self._influxdb.access

    def _start_broker(self) -> Child | None:
        self._broker.start()
        return self._broker.child

    def _start_gateway(self) -> Child:
        command = [sys.executable, "-m", "gateway", "gateway", "--config", str(self._run.config)]
        return self._children.start("gateway", command, log=self._run.logs / "gateway.log")

    async def _have_influxd(self) -> None:
        """Return when there is a server to start, building one if need be. The city does not wait for
        this."""
        if self._configured is not None or influxdb.find() is not None:
            return
        influxdb.check_can_build()
        self._say("no InfluxDB here yet: building one, which takes some minutes; the writer waits for it")
        command = [sys.executable, "-m", "simulators.servers.influxdb"]
        builder = self._children.start("influxd-build", command, log=self._run.logs / "influxd-build.log")
        try:
            while builder.running:  # noqa: ASYNC110 (the end of a `Popen` is no event)
                await asyncio.sleep(0.5)
        finally:
            builder.stop(1.0)
        if influxdb.find() is None:
            raise ServerError(
                "influxd-build-failed", f"InfluxDB could not be built: {builder.last_words(20)}"
            )

    def _start_influxdb(self) -> Child | None:
        if self._influxdb is None:
            return None
        binary = influxdb.find()
        if binary is None:
            raise ServerError("influxd-gone", "The influxd that was found or built is not there any more.")
        self._influxdb.start(binary)
        return self._influxdb.child

    # What goes wrong

    async def _happen(self, mishap: Mishap) -> None:
        await asyncio.sleep(mishap.at_s - (time.monotonic() - self._began))
        self._say(f"MISHAP: {mishap}")
        if mishap.name in PARTS:
            self._kill_part(mishap.name)
            return
        service = self._services[mishap.name]
        match mishap.what:
            case What.KILL if mishap.name == "gateway":
                for part in PARTS:
                    self._kill_part(part)
                service.kill()
            case What.KILL:
                service.kill()
            case What.PAUSE:
                await service.pause(mishap.for_s)
            case What.DOWN:
                await service.down(mishap.for_s)

    def _kill_part(self, name: str) -> None:
        """`kill -9` one process of the gateway, whose supervisor is to bring it back."""
        found = gateway_status(self._run.store, time.time_ns() // 1_000_000)[name]
        if found["up"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found["pid"], signal.SIGKILL)

    # Small things

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        task.add_done_callback(self._noticed)
        return task

    def _noticed(self, task: asyncio.Task[Any]) -> None:
        """No part of a run dies unseen."""
        if not task.cancelled() and (error := task.exception()) is not None:
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            self._failure = error
            self._say(f"FAILED: {type(error).__name__}: {error}")
            self._stop.set()

    async def _refresh(self, display: Display) -> None:
        while True:
            display.refresh()
            await asyncio.sleep(0.5)

    def _say(self, text: str) -> None:
        self._events.append(Event(time.monotonic() - self._began, text))
        if self._display is not None:
            self._display.say(text)


async def run(options: Options) -> int:
    """Run the city as asked. Raises `ServerError` for what is missing or wrong before it can start."""
    with opened(options.directory, options.plan) as directory, Children() as children:
        return await Demo(options, directory, children).run()
