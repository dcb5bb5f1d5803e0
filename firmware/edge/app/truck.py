"""The truck: never asleep. Positions, fences and the cargo door that obeys them, lifter weighings, a link
that stays up.
"""

import asyncio

from edge.app.door import CargoDoor
from edge.app.lifter import Lifter
from edge.app.scale import Scale
from edge.app.unit import Unit
from edge.clock import STEP_MS
from edge.console import Console
from edge.drivers.nmea import IDLE_MS, Receiver
from edge.drivers.serial import Serial
from edge.link.stay import stay
from edge.measure.fix import Fix
from edge.measure.geofence import Fence, door_allowed
from edge.measure.thin import Thin
from edge.measure.trust import FLOOR_MS, plausible

if False:  # for types
    from typing import Any

SILENT_MS = 30_000
LINK_MS = 1_200_000  # a modem through all its cures, a look-up, each broker, a pause
TIME_EVERY_MS = 60_000
SEND_EVERY_MS = 3000
HOLD_MS = 120_000  # a receiver knows the time within a minute of a cold start


class Truck:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        settings = unit.settings
        gnss = settings.get("gnss", {})
        unit.clock.not_before_ms = gnss.get("not_before_ms", FLOOR_MS)
        self._thin = Thin(
            gnss.get("every_ms", 10_000),
            gnss.get("every_m", 100) * 100,
            gnss.get("turn_cdeg", 2500),
            gnss.get("still_ms", 120_000),
        )
        self._reading_ms = settings.get("reading_s", 300) * 1000
        inside = unit.keep.data.setdefault("inside", [])
        self._fences = [
            Fence(fence["id"], fence["rings"], fence.get("door"), fence["id"] in inside)
            for fence in settings.get("fences", [])
        ]
        self._door = CargoDoor(unit, settings.get("door", "lock0"))
        self._moved = asyncio.Event()  # a fix came: the door may have to follow
        self._timed_ms = -TIME_EVERY_MS
        self._heard = False  # a byte from the receiver, lately
        name = settings.get("lifter", "scale0")
        self._lifter = Lifter(unit, Scale(unit, name))
        self._gnss: Serial = unit.board.part("gnss")
        self._news = asyncio.Event()
        unit.log.wrote = lambda _kind: self._news.set()
        unit.commands.handlers["unlock"] = self._unlock
        unit.commands.handlers["lock"] = self._lock
        unit.uplink.hold_ms = HOLD_MS

    async def run(self) -> None:
        """For ever."""
        unit, supervisor = self.unit, self.unit.supervisor
        unit.boot_record()
        unit.commands.recover()
        self._door.begin()
        supervisor.start("gnss", self._follow)
        supervisor.start("silence", self._listen)
        supervisor.start("door", self._obey)
        supervisor.start("cargo", self._door.watch)
        supervisor.start("ident", self._lifter.read_tags)
        supervisor.start("lifter", self._lifter.weigh)
        supervisor.start("readings", self._readings)
        supervisor.start("uplink", self._uplink)
        supervisor.start("sender", self._send)
        supervisor.start("console", Console(unit).run)
        await supervisor.watch()

    # Where it is

    async def _follow(self) -> None:
        receiver = Receiver()
        while True:
            data = await self._gnss.read(IDLE_MS if receiver.pending else None)
            self._heard = self._heard or bool(data)
            for fix in receiver.feed(data) if data else receiver.idle():
                self._at(fix)

    async def _listen(self) -> None:
        """Notice a receiver that says nothing at all."""
        while True:
            self._heard = False
            self.unit.supervisor.check_in("silence", 4 * SILENT_MS)
            await asyncio.sleep_ms(SILENT_MS)
            self.unit.log.fault(
                "gnss", "gnss-silent", not self._heard, "no byte for %d s" % (SILENT_MS // 1000)
            )

    def _at(self, fix: Fix) -> None:
        log, clock = self.unit.log, self.unit.clock
        now = clock.mono_ms()
        utc = fix.utc_ms
        if utc is not None and not plausible(utc, clock.not_before_ms):
            utc = None  # the place is good, the date is not: a receiver's weeks have rolled over
        if utc is not None and (
            now - self._timed_ms >= TIME_EVERY_MS or abs(utc - clock.local_ms()) > 2 * STEP_MS
        ):
            if log.set_time(utc, "gnss"):
                self._timed_ms = now
            else:
                utc = None  # it contradicts the clock, and is its only witness so far
        place: "list[tuple[str, object]]" = [("lat_e7", fix.lat_e7), ("lon_e7", fix.lon_e7)]
        for fence in self._fences:
            event = fence.update(fix.lat_e7, fix.lon_e7, now)
            if event:
                log.write("fence", [("fence", fence.name), ("event", event)] + place, utc)
                self.unit.keep.data["inside"] = [other.name for other in self._fences if other.within]
                self.unit.keep.save()
        self._moved.set()
        if self._thin.wanted(fix, now):
            place += [("speed_cmps", fix.speed_cmps), ("course_cdeg", fix.course_cdeg)]
            log.write("position", place + [("hdop_c", fix.hdop_c), ("sats", fix.sats)], utc)

    async def _unlock(self, _name: str, _args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any]]":
        done, state = await self._door.command(True)
        return "done" if done else "failed", "" if done else "lock-jammed", {"door": state}

    async def _lock(self, _name: str, _args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any]]":
        done, state = await self._door.command(False)
        why = "door-open" if state in ("open", "forced") else "lock-jammed"
        return "done" if done else "failed", "" if done else why, {"door": state}

    async def _obey(self) -> None:
        """The bolt follows the fences; until a place is known it stays in."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            await self._door.obey(door_allowed(self._fences))

    # What it tells of itself

    async def _readings(self) -> None:
        while True:
            self.unit.log.write("reading", list(self.unit.surroundings(self.unit.millivolts("battery"))))
            self.unit.supervisor.check_in("readings", self._reading_ms + 4 * SILENT_MS)
            await asyncio.sleep_ms(self._reading_ms)

    # The link

    async def _send(self) -> None:
        """What was written within a few seconds goes in one message."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep_ms(SEND_EVERY_MS)
            self.unit.uplink.poke()

    async def _uplink(self) -> None:
        supervisor = self.unit.supervisor
        await stay(self.unit.uplink, self.unit.clock, lambda: supervisor.check_in("uplink", LINK_MS))
