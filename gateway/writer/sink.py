"""One database that everything is written to: its own thread, connections and progress."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from msgspec import Struct

from gateway.config import SinkConfig
from gateway.devices import Device
from gateway.journal import JournalError, JournalReader
from gateway.journal.readers import announce
from gateway.logs import ERROR, Event
from gateway.processes import Facts
from gateway.writer import victoriametrics
from gateway.writer.delivery import Answer, Kind
from gateway.writer.http import Server
from gateway.writer.lanes import Lanes, Work
from gateway.writer.line import Encoder
from gateway.writer.store import WriterStore
from gateway.writer.telling import Telling, now_ms

POLL_S = 0.25
BACKOFF_S = (0.25, 0.5, 1.0)  # short to the end: data is to be live soon after the database is back
STOPPED_S = 10.0  # between attempts while the server says no; a changed token is tried at once
REQUESTS = 20  # of one batch that is being parted, before the next lane has its turn
ANNOUNCE_S = 5.0
INSPECT_S = 30.0

_REFUSED = Event(
    "line-refused",
    "{sink}: {device} {log} {seq}: {status} {words}",
    level=ERROR,
    doc="A database does not take a record; `huishou gateway refused` lists them.",
)
_DAMAGED = Event(
    "row-not-written",
    "{sink}: journal row {row} ({device}, {log} {first}..{last}) is damaged and was not written",
    level=ERROR,
    doc="A row of the journal fails its check sum.",
)
_BUCKET = Event("bucket-made", "{sink}: bucket {bucket} made on {url}", doc="`create_bucket` was asked for.")
_BROKEN = Event(
    "sink-broken",
    "{sink}: {why}",
    level=ERROR,
    doc="A fault of the gateway itself; it goes on from what was kept. Please report it with the traceback.",
)


class _Flight(Struct, frozen=True):
    """Work that is being sent."""

    work: Work
    server: Server
    sent: Future[Answer | None]
    began_s: float


class Sink:
    """`start`, then `stop` and `join`. `facts` and `conditions` may be asked for at any time.

    `device` looks up devices for unit and site; `told` is called when the state has changed.
    """

    def __init__(
        self,
        config: SinkConfig,
        store: Path,
        device: Callable[[str], Device | None],
        told: Callable[[], None] = lambda: None,
        stopped_s: float = STOPPED_S,
    ) -> None:
        self.config = config
        self._path = store
        self._stopped_s = stopped_s
        self._servers = (Server(config), Server(config))  # for live rows; for all others
        self._inspector = Server(config)
        self._senders = ThreadPoolExecutor(len(self._servers), f"sink {config.name}")
        self._flights: list[_Flight] = []
        self._resting = False  # nothing is owed, as far as was known
        self._encoder = Encoder(config.kind, device)
        self._store = WriterStore(store, config.name)
        self._journal = JournalReader(store)
        self._lanes = Lanes(
            self._journal,
            self._store,
            self._encoder,
            config.batch_lines,
            settles=config.kind == "victoriametrics",
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sink {config.name}", daemon=True)
        self._telling = Telling(config.name, told)
        self._versions = (-1, -1)
        self._new_devices = threading.Event()
        self._connections = dict.fromkeys(self._servers, 0)
        self._announced_s = self._inspected_s = -1e9
        self._page: victoriametrics.Page | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; a request in flight is cut off."""
        self._stop.set()
        self.watch()

    def join(self, deadline_s: float) -> bool:
        """Whether it has ended within `deadline_s`."""
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def watch(self) -> None:
        """To be called about once a second: a request that takes too long is ended."""
        for server in (*self._servers, self._inspector):
            server.end_late(0.0 if self._stop.is_set() else None)

    def devices_changed(self) -> None:
        """Unit or site of a device is another one now: what is encoded from now on has it."""
        self._new_devices.set()

    def facts(self) -> Facts:
        """For people and for metrics."""
        progress = self._lanes.progress
        return {
            "kind": self.config.kind,
            **self._telling.facts(),
            "cursor": progress.cursor,
            "backlog_rows": sum(span.upto - span.after for span in progress.plan.backlog),
            "lines": progress.lines,
            "refused": progress.refused,
        }

    def conditions(self) -> list[Facts]:
        """What a person should know now (see gateway.alarms)."""
        return self._telling.conditions()

    def _run(self) -> None:
        try:
            with self._journal:
                while not self._stop.is_set():
                    try:
                        if not self._turn():
                            self._stop.wait(POLL_S)
                    except JournalError as err:
                        self._trouble("journal-failed", str(err))
                    except (sqlite3.Error, OSError) as err:
                        self._lanes.go_back()
                        self._trouble("store-failed", f"writer.db: {err}. Check the free space and the disk.")
                    except Exception as err:  # noqa: BLE001 - a fault of ours must end neither this sink nor others
                        _BROKEN(sink=self.config.name, why=f"{type(err).__name__}: {err}", error=err)
                        self._lanes.go_back()
                        self._trouble("failed", f"{type(err).__name__}: {err}", self._stopped_s)
        finally:
            self._senders.shutdown()
            for server in (*self._servers, self._inspector):
                server.close()
            self._lanes.close()
            self._store.close()

    def _turn(self) -> bool:
        """Send what can be sent, take in what has been; whether there was anything to do."""
        self._upkeep()
        if not self._news() and self._resting:
            return False
        if self._new_devices.is_set():
            self._new_devices.clear()
            self._encoder.forget()
            self._lanes.drop()
        self._depart()
        self._resting = not self._flights and self._lanes.idle
        if self._resting:
            self._telling.works("up to date")
        if not self._flights:
            return False
        wait([flight.sent for flight in self._flights], POLL_S, FIRST_COMPLETED)
        self._land()
        return True

    def _depart(self) -> None:
        """Send live rows and something else, each on its own connection, unless that is at work."""
        for server, make in zip(self._servers, (self._lanes.live, self._lanes.other), strict=True):
            if any(flight.server is server for flight in self._flights):
                continue
            work = make()
            if work is not None:
                sent = self._senders.submit(work.delivery.run, server.write, REQUESTS)
                self._flights.append(_Flight(work, server, sent, time.monotonic()))

    def _land(self) -> None:
        """Take in what was sent; after a failure all of it, so that nothing is under way in a pause."""
        failed: tuple[Answer, Server] | None = None
        for flight in list(self._flights):
            if failed is None and not flight.sent.done():
                continue
            self._flights.remove(flight)
            answer = flight.sent.result()
            if self._forgotten(flight.server):
                self._lanes.go_back()
            elif answer is not None:
                failed = failed or (answer, flight.server)
            elif self._lanes.holds(flight.work) and flight.work.delivery.done:
                self._finish(flight.work, time.monotonic() - flight.began_s)
        if failed is not None:
            self._failed(*failed)

    def _finish(self, work: Work, took_s: float) -> None:
        at_ms = now_ms()
        for row in work.batch.damaged:
            _DAMAGED(
                sink=self.config.name,
                row=row.id,
                device=row.device,
                log=row.log,
                first=row.first,
                last=row.last,
            )
            self._telling.stand("row-damaged", f"journal row {row.id} of {row.device}")
        refused = self._lanes.finish(work, at_ms, took_s)
        for line in refused:
            _REFUSED(
                sink=self.config.name,
                device=line.device,
                log=line.log,
                seq=line.seq,
                status=line.status,
                words=line.words,
            )
        if refused or work.retried:
            self._say_refused()
        if work.lane in ("live", "backlog"):
            self._telling.delay.observe_all((at_ms - row.received_ms) / 1000 for row in work.batch.rows)
        if self._lanes.progress.plan.backlog:
            self._telling.works("catching up")
        else:
            self._telling.works("up to date" if self._telling.state == "up to date" else "writing")

    def _failed(self, answer: Answer, server: Server) -> None:
        url = self.config.url
        if answer.status == 404 and self.config.create_bucket and self._make_bucket():
            return
        if answer.kind is Kind.STOP:
            self._lanes.drop()  # with more rows beside it, or other devices, the batch may be another one
            text = f"{url} says no ({answer.status}): {answer.words} Check token, org and bucket."
            self._trouble("stopped", text, self._stopped_s, server.token)
        elif answer.status:
            self._trouble("waiting", f"{url} is busy ({answer.status}): {answer.words}", answer.after_s)
        else:
            self._trouble("waiting", f"{url} cannot be reached: {answer.words}")

    def _make_bucket(self) -> bool:
        from gateway.writer import buckets  # its library takes long to import, and most never need it

        problem = buckets.make(self.config)
        if problem:
            self._telling.stand("bucket-missing", f"bucket {self.config.bucket} could not be made: {problem}")
            return False
        self._telling.settle("bucket-missing")
        _BUCKET(sink=self.config.name, bucket=self.config.bucket, url=self.config.url)
        return True

    def _forgotten(self, server: Server) -> bool:
        """Whether the server may have lost what it took: it was another one, or the line to it was."""
        if self.config.kind != "victoriametrics":
            return False
        before, now = self._connections[server], server.connections
        self._connections[server] = now
        return before not in (0, now)

    def _trouble(
        self, state: str, detail: str, pause_s: float | None = None, token: str | None = None
    ) -> None:
        """Say it, and wait before the next attempt; another token than this one ends the wait."""
        self._lanes.fell_behind()
        self._telling.fails(state, detail)
        if pause_s is None:
            pause_s = BACKOFF_S[min(self._telling.failures, len(BACKOFF_S)) - 1]
        end_s = time.monotonic() + pause_s
        while not self._stop.wait(max(0.0, min(POLL_S, end_s - time.monotonic()))):
            if time.monotonic() >= end_s or (state == "stopped" and self.config.secret() != token):
                return

    def _news(self) -> bool:
        """Whether anything was committed to the journal or asked of writer.db since the last look."""
        versions = (self._journal.data_version(), self._store.data_version())
        changed, before, self._versions = versions != self._versions, self._versions, versions
        if versions[1] != before[1]:
            self._say_refused()
        return changed

    def _upkeep(self) -> None:
        now_s = time.monotonic()
        if now_s - self._announced_s >= ANNOUNCE_S:
            self._announced_s = now_s
            kept = self._lanes.kept()
            with contextlib.suppress(OSError):  # retention then waits for it
                if epoch := kept.plan.epoch:
                    announce(self._path, self.config.name, epoch, kept.cursor + 1, kept.revision + 1)
            self._lanes.settle()
        if self.config.kind == "victoriametrics" and now_s - self._inspected_s >= INSPECT_S:
            self._inspected_s = now_s
            self._inspect()

    def _inspect(self) -> None:
        text = self._inspector.get("/metrics")
        if text is None:
            return
        page = victoriametrics.read(text)
        before, self._page = self._page, page
        if problem := victoriametrics.wrong(before, page):
            self._telling.stand("sink-drops", problem)

    def _say_refused(self) -> None:
        count, newest = self._store.refused()
        if newest is None:
            self._telling.settle("line-refused")
        else:
            words = f"{newest.device} {newest.log} {newest.seq}: {newest.status} {newest.words}"
            self._telling.stand("line-refused", f"{count} kept, the newest: {words}", newest.at_ms)
