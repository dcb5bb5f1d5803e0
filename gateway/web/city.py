"""The city as the page and the API see it: devices, their states, what is counted, and the live updates."""

import asyncio
import contextlib
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.commands.reader import CommandReader, Mark
from gateway.config import Config
from gateway.devices import Device, Devices
from gateway.journal import JournalReader, Refusal
from gateway.logs import ERROR, Event
from gateway.metrics import look
from gateway.metrics.freshness import Heard
from gateway.web.cached import Cached
from gateway.web.health import Facts, Rates, warnings
from gateway.web.i18n import known
from gateway.web.live import MAX_EVENTS, Hub, Message, Told
from gateway.web.projection.concerns import Level, Status, concerns, level, status
from gateway.web.projection.model import DeviceState
from gateway.web.projection.projector import FILE, Change, Projector
from gateway.web.projection.store import Recent, StateReader
from gateway.web.view import View, describe, device_name, summary

_REVIEW = Event(
    "review-failed",
    "devices could not be looked at; trying again in {wait_s:g} s",
    level=ERROR,
    doc="A fault of the page: what changes by time alone is not told for a moment. Report it.",
)

DAY_MS = 86_400_000
MAX_DAYS = 50  # sums kept, each for another midnight
LOOK_S = 1.0  # how often commands.db is looked at
REVIEW = 10  # each so many looks: devices are looked at for what changes by time alone (late)
MARKS = 200  # newest commands that are compared
STEADY_KINDS = ("position", "reading")  # seen on the map and in the list; as lines they would bury the rest
LOOK_BACK = 10  # records looked through for each line of news
LATE_RECORD_MS = 10 * 60_000  # a record that is older than this when it arrives was sent later


def is_news(came: Recent) -> bool:
    """Whether a record is a line among what comes in: readings, positions, a door's usual moves are not."""
    if came.outcome == "quarantined" or came.kind != "door":
        return came.kind not in STEADY_KINDS
    return any(word in came.record for word in (b'"forced"', b'"jammed"'))


class Look(NamedTuple):
    """What is counted of a device."""

    status: Status
    level: Level


class City:
    """What the web process knows. Reading methods may be called from any thread."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.devices = Devices(config.devices.file)
        self.hub = Hub()
        self.journal = JournalReader(config.store.path)
        self.projector = Projector(config.store.path, self._on_change)
        self.reader = StateReader(config.store.path / FILE)
        self.commands = CommandReader(config.store.path)
        self._marks: set[Mark] | None = None  # how commands stood at the last look
        self._touched: tuple[int, ...] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looks = Cached(self._look_at_all)
        self._reviewed: dict[str, Look] = {}
        self._deposits = Cached(lambda: self.reader.deposits_since(now_ms() - DAY_MS))
        self.rates = Rates()
        self._facts = Cached(self._look_at_gateway)
        self._tallies: dict[int, Cached[dict[str, int]]] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Project and review while the application runs."""
        self._loop = asyncio.get_running_loop()
        self.projector.start()
        await asyncio.to_thread(self._changed_by_asking)  # how it stands before anybody looks at a page
        review = asyncio.create_task(self._review(), name="review")
        try:
            yield
        finally:
            review.cancel()
            self.hub.stop()
            await asyncio.to_thread(self.projector.stop)
            self.journal.close()

    def state(self, device: str) -> DeviceState | None:
        return self.projector.states.get(device)

    def summary(self, device: Device, lang: str) -> View:
        deposits = self.deposits().get(device.id, (0, 0))
        return summary(device, self.state(device.id), deposits, now_ms(), lang)

    def summaries(self, lang: str) -> list[View]:
        """All devices, those that ask for something first."""
        found = [self.summary(device, lang) for device in self.devices]
        return sorted(found, key=lambda view: (-view["level"], view["unit"], view["name"], view["id"]))

    def deposits(self) -> dict[str, tuple[int, int]]:
        """Number and grams of the deposits of the last 24 hours, by device."""
        return self._deposits.get(self.projector.states)

    def counts(self, tz: str) -> dict[str, int]:
        """The numbers on top of the city page; days begin at the viewer's midnight."""
        states = self.projector.states
        tallies = self._tallies_since(day_start_ms(tz, now_ms())).get(states)
        looks = self._looks.get(states).values()
        return {
            "received": sum(tallies.get(name, 0) for name in ("accepted", "flagged", "quarantined")),
            "deposited_g": tallies.get("deposited_g", 0),
            "refused": tallies.get("quarantined", 0),
            "online": sum(look.status in ("online", "asleep", "heard") for look in looks),
            "late": sum(look.status in ("late", "offline") for look in looks),
            "alarms": sum(look.level == Level.ALARM for look in looks),
            "devices": len(looks),
        }

    def warnings(self, lang: str) -> list[View]:
        """What is to be told of the gateway itself."""
        return warnings(self.look(), lang)

    def look(self) -> Facts:
        """How the gateway itself is (gateway.metrics), a second old at most."""
        return self._facts.get(object())  # of no source that could be the same again

    def heard(self) -> list[Heard]:
        """When each device was last heard."""
        states = self.projector.states
        return [
            Heard(device.unit, (state.heard_ms or None) if (state := states.get(device.id)) else None)
            for device in self.devices
        ]

    def compose(self, told: Told) -> Message:
        """The next live message for a page."""
        wanted = [d for d in self.devices if told.whole or d.id in told.devices]
        counts = self.counts(told.tz)
        sums = (self._deposits, self._looks, self._tallies_since(day_start_ms(told.tz, now_ms())))
        events = [self.event(came, told.lang) for came in told.events]
        return {
            "now_ms": now_ms(),
            "whole": told.whole,
            "devices": [self.summary(device, told.lang) for device in wanted],
            "events": self.latest(told.lang) if told.whole else events,
            "counts": counts,
            "warnings": self.warnings(told.lang),
            "settled": all(one.is_of(self.projector.states) for one in sums),
        }

    def latest(self, lang: str, number: int = 30) -> list[View]:
        """The newest records, oldest first, for the list of what comes in."""
        return [
            self.event(record, lang)
            for record in [r for r in self.reader.events(LOOK_BACK * number) if is_news(r)][:number]
        ][::-1]

    def event(self, came: Recent | Refusal, lang: str) -> View:
        """A record or a refused message as one line."""
        device = self.devices.get(came.device)
        view: View = {
            "device": came.device,
            "name": device_name(device, lang) if device else came.device,
            "received_ms": came.received_ms,
        }
        if isinstance(came, Refusal):
            return view | {"outcome": "quarantined", "kind": "", "text": came.code, "late": False, "t": None}
        record = msgspec.json.decode(came.record) if came.outcome != "quarantined" else {}
        return view | {
            "outcome": came.outcome,
            "kind": came.kind or "",
            "kind_text": known(lang, "kind", came.kind or ""),
            "text": describe(record, lang) if record else " ".join(came.codes),
            "t": came.t,
            "late": came.t is not None and came.received_ms - came.t > LATE_RECORD_MS,
            "key": f"{came.device}/{came.log}/{came.seq}",
        }

    def _tallies_since(self, since_ms: int) -> Cached[dict[str, int]]:
        """The tallies of a day, which begins at one of few instants (the viewers' midnights)."""
        if since_ms not in self._tallies:
            if len(self._tallies) >= MAX_DAYS:
                self._tallies.clear()
            self._tallies[since_ms] = Cached(lambda: self.reader.tallies(since_ms))
        return self._tallies[since_ms]

    def _on_change(self, change: Change) -> None:
        """Called from the projector's thread."""
        if self._loop is not None and not self._loop.is_closed():
            whole_messages = [r for r in change.refusals if r.seq is None]  # the others are among the records
            happened = [r for r in change.records if is_news(r)]
            events = [*happened[-MAX_EVENTS:], *whole_messages[-MAX_EVENTS:]]
            with contextlib.suppress(RuntimeError):  # the loop ended just now
                self._loop.call_soon_threadsafe(self.hub.publish, change.devices, events)

    async def _review(self) -> None:
        """Tell pages of devices whose status changed because time passed, or of which something was asked,
        and take a new devices file.
        """
        for turn in itertools.count():
            try:
                self._tell(await asyncio.to_thread(self._changed_by_asking))
                if turn % REVIEW == 0:
                    await asyncio.to_thread(self.devices.refresh)
                    await asyncio.to_thread(self.look)  # so that rates are known when somebody looks
                    self._tell(await asyncio.to_thread(self._changed_by_time))
            except Exception as err:  # noqa: BLE001 - whatever it was, the next review must come
                _REVIEW(wait_s=LOOK_S, error=err)
            await asyncio.sleep(LOOK_S)

    def _tell(self, changed: set[str]) -> None:
        if changed:
            self.hub.publish(changed, [])

    def _changed_by_asking(self) -> set[str]:
        """Devices whose commands or settings stand otherwise than at the last look."""
        touched = self.commands.touched()
        if touched == self._touched:
            return set()
        with contextlib.suppress(sqlite3.Error):  # the device's page says so
            before, self._marks = self._marks, self.commands.marks(MARKS)
            self._touched = touched
            return set() if before is None else {mark[0] for mark in before ^ self._marks}
        return set()

    def _changed_by_time(self) -> set[str]:
        looks = self._looks.get(self.projector.states)
        changed = {name for name, look in looks.items() if self._reviewed.get(name, look) != look}
        self._reviewed = looks
        return changed

    def _look_at_gateway(self) -> Facts:
        facts = look(self.config.store.path, now_ms())
        self.rates.add(facts)
        return facts

    def _look_at_all(self) -> dict[str, Look]:
        now, looks = now_ms(), {}
        for device in self.devices:
            state = self.state(device.id)
            looks[device.id] = Look(status(state, now), level(concerns(state, device, now)))
        return looks


def now_ms() -> int:
    return int(time.time() * 1000)


def day_start_ms(tz: str, at_ms: int) -> int:
    """Midnight of the day of `at_ms` in the time zone named (IANA); UTC when that name is not known here."""
    zone: tzinfo = UTC
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo(tz)
    local = datetime.fromtimestamp(at_ms / 1000, zone)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(start.timestamp() * 1000)
