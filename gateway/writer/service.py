"""The writer process: one sink per database, each at its own pace; none holds up another."""

import threading
import time
from typing import Any

from gateway.config import Config, SinkConfig
from gateway.devices import Devices
from gateway.processes import Facts, Say
from gateway.reload import Reload
from gateway.writer.sink import STOPPED_S, Sink

TICK_S = 0.5
SAY_S = 1.0
END_S = 6.0  # for all sinks to end; what is in flight is cut off, so it takes as long as one commit
_WORST = (
    "failed",
    "stopped",
    "store-failed",
    "journal-failed",
    "waiting",
    "catching up",
    "writing",
    "starting",
)


class Writer:
    """Follows one journal into any number of databases."""

    def __init__(self, config: Config, say: Say, stopped_s: float = STOPPED_S) -> None:
        self._say = say
        self._stopped_s = stopped_s
        self._store = config.store.path
        self._reload = Reload(config)
        self._devices = Devices(config.devices.file)
        self._sinks: dict[str, Sink] = {}
        self._news = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Write until `stop` is set."""
        said_s = 0.0
        try:
            self._apply(self._reload.config)
            while not stop.is_set():
                told = self._news.wait(TICK_S)
                self._news.clear()
                self._look()
                if told or time.monotonic() - said_s >= SAY_S:
                    said_s = time.monotonic()
                    self._say(self._facts())
        finally:
            self._end(list(self._sinks.values()))

    def _look(self) -> None:
        change = self._reload.changed()
        if change is not None and "devices" in change.sections:
            self._devices = Devices(change.config.devices.file)
        if (change is not None and "devices" in change.sections) or self._devices.refresh():
            for sink in self._sinks.values():
                sink.devices_changed()
        if change is not None and change.sections & {"influxdb", "sinks"}:
            self._apply(change.config)
        for sink in self._sinks.values():
            sink.watch()

    def _apply(self, config: Config) -> None:
        """End the sinks that are no longer wanted, or are other ones now; start those that are not there."""
        wanted: dict[str, SinkConfig] = {sink.name: sink for sink in config.all_sinks()}
        others = [sink for name, sink in self._sinks.items() if wanted.get(name) != sink.config]
        self._end(others)
        for sink in others:
            del self._sinks[sink.config.name]
        for name in wanted.keys() - self._sinks.keys():
            new = Sink(
                wanted[name],
                self._store,
                lambda device: self._devices.get(device),
                self._news.set,
                self._stopped_s,
            )
            self._sinks[name] = new
            new.start()

    def _end(self, sinks: list[Sink]) -> None:
        for sink in sinks:
            sink.stop()
        end_s = time.monotonic() + END_S
        while sinks and time.monotonic() < end_s:
            sinks = [sink for sink in sinks if not sink.join(0.05)]
            for sink in sinks:
                sink.watch()

    def _facts(self) -> dict[str, Any]:
        sinks: dict[str, Facts] = {name: sink.facts() for name, sink in sorted(self._sinks.items())}
        worst = next(
            ((name, one) for state in _WORST for name, one in sinks.items() if one["state"] == state), None
        )
        state, detail = ("up to date", "") if sinks else ("no database is configured", "")
        if worst is not None:
            state, detail = worst[1]["state"], worst[1]["detail"]
            if len(sinks) > 1:
                detail = f"{worst[0]}: {detail}" if detail else worst[0]
        conditions = [condition for sink in self._sinks.values() for condition in sink.conditions()]
        return {
            "state": state,
            "detail": detail,
            "sinks": sinks,
            "alarms": [*conditions, *self._reload.alarms()],
            "config": self._reload.facts(),
        }


def run(config: Config, stop: threading.Event, say: Say) -> None:
    """The process body."""
    Writer(config, say).run(stop)
