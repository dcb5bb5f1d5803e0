"""The intake process: wires sources, commit thread and journal, and watches that data keeps moving."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from gateway.alarms import Condition
from gateway.commands.dispatch import Dispatch
from gateway.config import Config
from gateway.delays import Histogram
from gateway.devices import Devices
from gateway.intake import stations
from gateway.intake.committer import Committer, Parcel
from gateway.intake.decide import Decider
from gateway.intake.gaps import Requests
from gateway.intake.inbox import Inbox
from gateway.intake.link import Link
from gateway.intake.stations import Stations
from gateway.intake.watchdog import Seen, Watchdog
from gateway.journal import Appended, Arrival, JournalError, JournalReader, Records, SqliteJournal
from gateway.journal.retention import Limits
from gateway.logs import ERROR, WARNING, Event
from gateway.processes import Facts, ProcessError, Say
from gateway.reload import Change, Reload

LOOK_S = 0.5
GAPS_S = 5.0  # between two looks for what is missing
DRAIN_S = 1.5  # to commit what is queued when intake stops; all of `stop` stays below the parent's 4 s

_SILENT = Event("intake-silent", "{reason}", level=WARNING, doc="Connected, and nobody is heard.")
_LEFT = Event(
    "not-committed",
    "{count} messages not committed in time: they will be sent again",
    level=WARNING,
    doc="Intake stopped while the journal could not be written, or too slowly.",
)
_GAPS = Event(
    "gaps-unreadable", "gaps cannot be looked for: {problem}", level=ERROR, doc="The journal cannot be read."
)


class Intake:
    """All of intake but the process around it. `start`, `look` and `stop` from one thread."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._journal = SqliteJournal(
            config.store.path, limits=_limits(config), salvage=True, copy_beside=True
        )
        self._reader = JournalReader(config.store.path)
        self._devices = Devices(config.devices.file)
        self._inbox: Inbox[Parcel] = Inbox()
        self._link = Link(config.mqtt, self._inbox)
        self._decider = Decider(lambda name: self._devices.get(name), self._reader.before, config.checks)
        self._committer = Committer(self._inbox, self._journal, self._decider, self._settle, self._committed)
        self._stations = Stations(self._inbox, self._reader.hwm, _now_ms)
        self._watchdog = Watchdog()
        self._requests = Requests()
        self._dispatch = Dispatch(config.store.path, self._reader, self._link.post, _now_ms)
        self._gaps_s = 0.0
        self._open_gaps = 0
        self._sent_delays, self._own_delays = Histogram(), Histogram()
        self._revised = 0  # the last judgement that was made after its record had come

    def start(self) -> None:
        """Begin to receive."""
        self._committer.start()
        self._link.start()
        self._stations.use(self._config.stations)

    def stop(self) -> None:
        """Take nothing more in, commit and acknowledge what is queued, let go of everything.

        In 4 s at most, whatever the state of journal and broker.
        """
        self._inbox.close()
        self._committer.join(DRAIN_S)
        if self._committer.is_alive():
            _LEFT(count=len(self._inbox))
            self._committer.abandon()
            self._committer.join(0.3)
        self._link.stop()
        self._stations.stop(0.3)
        self._dispatch.close()
        self._reader.close()
        if not self._committer.is_alive():
            self._journal.close()

    def use(self, change: Change) -> None:
        """Take new settings in: only what differs is touched, and nothing that is queued is lost."""
        self._config = change.config
        if "mqtt" in change.sections:
            self._link.use(change.config.mqtt)
        if "stations" in change.sections:
            self._stations.use(change.config.stations)
        if "checks" in change.sections:
            self._decider.limits = change.config.checks
        if change.sections & {"journal", "influxdb", "sinks"}:
            self._journal.limits = _limits(change.config)
        if "devices" in change.sections:
            self._devices = Devices(change.config.devices.file)

    def _notice_judgements(self) -> None:
        """What `huishou journal replay` released is compared with from now on: a visit is paid once."""
        with suppress(JournalError):  # told by the journal's own conditions
            end = self._reader.revision_end()
            if end != self._revised:
                self._revised = end
                self._decider.forget()

    def look(self) -> Facts:
        """What to say of intake now; does on the way what is due.

        Raises ProcessError when intake cannot go on in this process.
        """
        self._devices.refresh()
        self._stations.tend()
        self._notice_judgements()
        for name, alive in (("commit", self._committer.is_alive()), ("broker", self._link.alive())):
            if not alive:
                raise ProcessError("thread-died", f"the {name} thread has ended; intake starts anew")
        alarms = [*self._watch(), *self._conditions()]
        self._ask()
        self._dispatch.look(ready=self._link.ready)
        problem = self._committer.problem
        state = self._journal.doing or (self._link.state if problem is None else str(problem))
        return {
            "state": state,
            "broker": {
                "connected": self._link.connected,
                "subscribed": self._link.ready,
                "protocol": self._link.protocol,
            },
            "reconnects": self._link.reconnects,
            "queue": len(self._inbox),
            "queue_bytes": self._inbox.held_bytes,
            "received_messages": self._link.received,
            "committed_messages": self._committer.committed,
            "deferred": self._committer.budget.deferred,
            "stalled_s": round(self._committer.stalled_s(), 1),
            "devices": len(self._devices),
            "gaps": {"open": self._open_gaps, "asked": self._requests.asked},
            "commands": {"open": self._dispatch.open},
            "journal": self._committer.upkeep.facts,
            "stations": self._stations.facts(),
            "delays": {
                "device_journal": self._sent_delays.facts(),
                "receive_journal": self._own_delays.facts(),
            },
            "alarms": [msgspec.to_builtins(alarm) for alarm in alarms],
        }

    def _watch(self) -> Sequence[Condition]:
        now_s = time.monotonic()
        orders = self._watchdog.look(
            Seen(
                now_s,
                self._link.ready,
                self._link.heard_s,
                self._link.received,
                len(self._devices),
                len(self._inbox),
                self._committer.stalled_s(),
                self._committer.stuck_s(),
                self._config.mqtt.silent_s,
                self._journal.doing != "",
            ),
            _now_ms(),
        )
        if orders.reconnect:
            _SILENT(reason=orders.reconnect)
            self._link.reconnect(orders.reconnect)
        if orders.end:
            raise ProcessError("intake-stalled", orders.end)
        return orders.conditions

    def _conditions(self) -> list[Condition]:
        """What is wrong here and now, beside what the watchdog finds."""
        found = self._link.conditions()
        problem = self._committer.problem
        if problem is not None:
            found.append(Condition(problem.code, str(problem), self._committer.problem_ms))
        found += [Condition(one.code, one.detail, one.since_ms) for one in self._committer.upkeep.conditions]
        now_s, now_ms = time.monotonic(), _now_ms()
        for device, flood in self._committer.budget.floods(now_s).items():
            detail = f"{flood.deferred} messages put off since it began"
            since_ms = now_ms - int((now_s - flood.since_s) * 1000)
            found.append(Condition("device-floods", detail, since_ms, device))
        return found

    def _ask(self) -> None:
        """Ask devices for what is missing in the middle of their logs."""
        now_s = time.monotonic()
        if now_s < self._gaps_s or not self._link.ready:
            return
        self._gaps_s = now_s + GAPS_S
        try:
            gaps = self._reader.gaps()
        except JournalError as err:
            _GAPS(problem=str(err))
            return
        self._open_gaps = len(gaps)
        if marks := self._requests.due(
            (gap for gap in gaps if gap.device not in self._stations.devices), now_s
        ):
            self._link.tell(marks)

    def _settle(self, parcels: Sequence[Parcel], appended: Appended) -> None:
        stations.settle(parcels)
        polled = self._stations.devices  # an indicator has no topic to be told on
        marks: Mapping[tuple[str, str], int] = appended.acks
        if polled:
            marks = {key: seq for key, seq in marks.items() if key[0] not in polled}
        self._link.settle(parcels, marks)

    def _committed(self, arrivals: Sequence[Arrival]) -> None:
        """Count how long messages were on their way, and how long they lay here."""
        now_ms = _now_ms()
        for arrival in arrivals:
            self._own_delays.observe((now_ms - arrival.received_ms) / 1000)
            if isinstance(arrival, Records):
                self._sent_delays.observe((now_ms - arrival.sent_ms) / 1000)


def run(config: Config, stop: threading.Event, say: Say) -> None:
    """The process body."""
    reload = Reload(config)
    intake = Intake(config)
    intake.start()
    try:
        while not stop.wait(LOOK_S):
            if change := reload.changed():
                intake.use(change)
            facts = intake.look()
            facts["alarms"] += reload.alarms()
            say(facts | {"config": reload.facts()})
    finally:
        intake.stop()


def _limits(config: Config) -> Limits:
    return config.journal.limits(sink.name for sink in config.all_sinks())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
