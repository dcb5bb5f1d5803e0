"""The bin: asleep but for looks at itself, visits, and uploads.

Deep sleep is a reset: `run` is one wake. What the next one must know is in `keep`: `due_ms` (next look),
`looks` (since power came on), `fails` and `retry_ms` (the link's back-off), `rssi` (of the last connection,
reported once).
"""

import asyncio
import os
from binascii import crc32

import esp32
import machine

from edge.app import text
from edge.app.admission import FULL_PCT, BayState
from edge.app.bay import Bay
from edge.app.entry import Entry
from edge.app.recovery import settle
from edge.app.senses import THERMOSTAT, feel, raised, too_hot
from edge.app.session import Visit
from edge.app.unit import Unit
from edge.console import Console
from edge.drivers.display import Display
from edge.drivers.line import Line
from edge.errors import EdgeError
from edge.measure.supply import Supply

PLUG_MS = 5000
TOKEN_MS = 15_000
VISIT_MS = 2 * 3_600_000  # no visit is longer: a crew at four bays, each left open
LOOK_WEIGH_MS = 3000
UPLOAD_MS = 30_000  # for sending; joining the network comes before
UPLOAD_HARD_MS = 75_000  # whatever the link does
RETRY_LIMIT_MS = 6 * 3_600_000
HELD_WAKES = 3
BACKLOG = 60  # records that make an upload worth its energy
URGENT = ("deposit", "collect", "fault", "boot", "forced")
BATTERY_LOW_MV = 3400  # no visits, no radio: their peaks would brown the chip out
BATTERY_DEAD_MV = 3100  # no flash writes either
DEAD_SLEEP_MS = 3_600_000


class Bin:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._keep = unit.keep.data
        settings = unit.settings
        self._wake_ms = settings.get("wake_s", 600) * 1000
        self._upload_looks = settings.get("upload_looks", 6)
        self._entry = Entry(unit)
        self._supply = Supply(settings.get("battery", {}))
        self.bays = [Bay(unit, bay) for bay in settings["bays"]]
        self._button: Line = unit.board.part("wake")
        self._service: Line = unit.board.part("service")
        self._display: "Display | None" = unit.board.part("display") if unit.board.fitted("display") else None
        self._news = asyncio.ThreadSafeFlag()  # a record, a press, a plug, the end of an upload
        self._pressed = False
        self._visiting = False
        slept = machine.reset_cause() == machine.DEEPSLEEP_RESET
        self._attended = not slept or machine.wake_reason() != machine.TIMER_WAKE  # somebody may stand there
        self._urgent = False
        unit.log.wrote = self._wrote

    def _wrote(self, kind: str) -> None:
        if kind in URGENT:
            self._urgent = True
            self._news.set()
        self.unit.uplink.poke()

    # One wake

    async def run(self) -> None:
        """From waking up to going to sleep; does not return."""
        unit, supervisor = self.unit, self.unit.supervisor
        battery = self._battery_mv = unit.millivolts("battery")
        if battery is not None and battery < BATTERY_DEAD_MV:
            self._sleep(DEAD_SLEEP_MS)
        supervisor.start("watch", supervisor.watch)
        unit.boot_record()
        self._low = battery is not None and battery < BATTERY_LOW_MV
        unit.log.fault("battery", "battery-low", self._low, "%s mV" % battery)
        if too_hot(unit):
            await feel(unit)
        self._look_at_button()
        self._button.on_fall(self._press)
        self._service.on_fall(self._news.set)
        self._entry.tell()
        await self._keep_doors()
        while True:
            self._news.clear()
            self._offer_console()
            if self._pressed:
                self._pressed = False
                supervisor.check_in("visit", VISIT_MS)
                await self._attend()
                supervisor.check_out("visit")
            elif self._due() <= 0:
                await self._look()
            elif self._wants_upload():
                self._urgent = False
                supervisor.start("uplink", self._upload)
            elif self._service.level() == 0:
                await self._pause(PLUG_MS)  # a plug that is pulled makes no edge that is listened to
            elif supervisor.running("uplink"):
                await self._pause(UPLOAD_HARD_MS)
            else:
                break
        for bay in self.bays:
            await bay.keeper.rest()  # no bolt is left between its ends
        self._sleep(max(1000, self._due()))

    def _offer_console(self) -> None:
        if self._service.level() == 0:
            self.unit.supervisor.start("console", Console(self.unit).run)

    async def _pause(self, ms: int) -> None:
        try:
            await asyncio.wait_for_ms(self._news.wait(), min(self._due(), ms))
        except asyncio.TimeoutError:
            pass

    def _due(self) -> int:
        """Milliseconds until the next look; the clock may have been stepped, so never more than one
        interval.
        """
        left = self._keep.get("due_ms", 0) - self.unit.clock.local_ms()
        return 0 if left > self._wake_ms else left

    def _look_at_button(self) -> None:
        """Pressed already when the chip came up? Held down at several wake-ups in a row is no visitor."""
        held = self._keep.get("held", 0) + 1 if self._button.level() == 0 else 0
        self._keep["held"] = held
        self.unit.log.fault("wake", "button-stuck", held >= HELD_WAKES, "down at %d wake-ups" % held)
        woken = (
            machine.reset_cause() == machine.DEEPSLEEP_RESET and machine.wake_reason() == machine.EXT0_WAKE
        )
        if woken or 0 < held < HELD_WAKES:
            self._press()

    def _press(self) -> None:
        if not self._visiting:
            self._pressed = True
            self._news.set()

    def _sleep(self, ms: int) -> None:
        self.unit.uplink.bearer.off()
        if self._button.level() == 1:  # a stuck button must not wake the bin again at once
            self._keep["held"] = 0  # it was let go meanwhile: a visitor, however many come in a row
            esp32.wake_on_ext0(self._button.pin, False)
        self.unit.supervisor.good()
        self.unit.keep.save()
        pins = [self._service.pin]
        if self.unit.board.fitted(THERMOSTAT) and not too_hot(self.unit):  # once it has, the timer is enough
            pins.append(self.unit.board.part(THERMOSTAT).pin)
        esp32.wake_on_ext1(tuple(pins), esp32.WAKEUP_ALL_LOW)  # any of them, on the S3
        machine.deepsleep(ms)

    # Looking at itself

    async def _look(self) -> None:
        """One reading a bay; the first also tells the unit's own state."""
        self._keep["due_ms"] = self.unit.clock.local_ms() + self._wake_ms
        self._keep["looks"] = (
            self._keep.get("looks", crc32(self.unit.device.encode()) % self._upload_looks) + 1
        )
        for bay in self.bays:
            if bay.keeper.state == "jammed" and not self._attended:
                await bay.keeper.lock(None)  # nobody stands there now: every try is free
        await feel(self.unit)
        around = self.unit.surroundings(self._battery_mv)
        temp_dc = dict(around)["temp_dc"]
        rest: "list[tuple[str, object]]" = list(around)
        rssi = self._keep.pop("rssi", None)
        if rssi is not None:
            rest.append(("rssi_dbm", rssi))
        for bay in self.bays:
            mass_g = await self._mass(bay)
            well_g = None if raised(self.unit, bay.scale.name) else mass_g
            fill_pct = await bay.fill.look(well_g, bay.scale.min_g, temp_dc)
            fields = [("bay", bay.number), ("mass_g", mass_g), ("fill_pct", fill_pct)]
            self.unit.log.write("reading", fields + rest)
            rest = []
        if self.unit.log.room():
            self.unit.log.fault("log", "log-full", False)
        if self._keep["looks"] % self._upload_looks == 0 or self.unit.log.backlog >= BACKLOG:
            self._urgent = True

    async def _mass(self, bay: Bay) -> "int | None":
        return (await bay.scale.look(LOOK_WEIGH_MS)).grams if bay.keeper.closed else None

    # Doors

    async def _keep_doors(self) -> None:
        """Find out how each door stands, keep it from now on, and end the visit that a restart broke off."""
        unit, supervisor = self.unit, self.unit.supervisor
        visit = unit.visit()
        offered = [number for number, _grams in visit["bays"]] if visit else []
        for bay in self.bays:
            bay.keeper.begin("power" if unit.keep.fresh else None, bay.number in offered)
            supervisor.start("keeper-" + bay.keeper.name, bay.keeper.run)
            await bay.keeper.rest()
        if visit:
            self._visiting = True
            supervisor.check_in("visit", VISIT_MS)
            await settle(unit, visit, self.bays, self._show)
            supervisor.check_out("visit")
            self._visiting = False
        for bay in self.bays:
            if bay.keeper.closed:
                unit.log.fault(bay.keeper.name, "door-left-open", False)

    # Visits

    def _show(self, *lines: str) -> None:
        if self._display:
            self._display.show(*lines)

    async def _attend(self) -> None:
        """Somebody pressed the button: one token, one visit."""
        reader = self.unit.board.part("reader")
        self._visiting = self._attended = True
        self._offer_console()
        try:
            self._show(*text.lines("show-token"))
            token = await reader.token(TOKEN_MS)
            await self._admit(token, reader.noise)
        finally:
            reader.drop()
            self._visiting = False

    async def _admit(self, token: "str | None", noise: int) -> None:
        """Let them in, or say why not."""
        admission = self._entry.judge(
            token, noise, [self._state(bay) for bay in self.bays], self._can_serve()
        )
        if admission is None:
            self._show("")
            return
        ticket = admission.ticket
        bays = [bay for bay in self.bays if bay.number in admission.bays]
        if not bays:
            log = self.unit.log
            fields = [("session", "%s-%d" % (log.ring.log, log.ring.head + 1)), ("bay", self.bays[0].number)]
            fields += [("outcome", "refused"), ("code", admission.code), ("user", ticket.user)]
            log.write("session", fields)
            self._show(*self._entry.refusal(admission))
            return
        self._entry.spend(ticket)
        await Visit(
            self.unit, bays, self._show, ticket.user or "", ticket.crew, tuple(admission.unweighed)
        ).run()
        self._keep["due_ms"] = self.unit.clock.local_ms()  # what the visit changed is looked at now

    def _state(self, bay: Bay) -> BayState:
        settings = bay.settings
        parts = (settings["scale"], settings["lock"], settings.get("ranger", ""))
        full_pct = settings.get("full_pct", FULL_PCT)
        keeper, secure = bay.keeper, bay.keeper.state != "jammed"
        return BayState(
            bay.number, parts, keeper.closed, bay.fill.last_pct, full_pct, bay.scale.ready, secure
        )

    def _can_serve(self) -> bool:
        """Whether the battery can finish a visit that begins now."""
        unit = self.unit
        surroundings = dict(unit.surroundings(None))
        return not self._low and self._supply.can_serve(
            unit.millivolts("battery"), surroundings["temp_dc"], len(self.bays)
        )

    # Uploads

    def _wants_upload(self) -> bool:
        if self._low or not self._urgent or self.unit.supervisor.running("uplink"):
            return False
        wait = self._keep.get("retry_ms", 0) - self.unit.clock.local_ms()
        if 0 < wait <= RETRY_LIMIT_MS:  # more: the clock was stepped
            self._urgent = False
            return False
        return True

    async def _upload(self) -> None:
        unit = self.unit
        clock, ring, acked = unit.clock, unit.log.ring, unit.log.ring.acked
        start = clock.mono_ms()

        def done() -> bool:
            return (unit.log.backlog == 0 and not self._visiting) or clock.mono_ms() - start > UPLOAD_MS

        def back_ms() -> int:
            return clock.local_ms() + max(0, self._due())

        try:
            await asyncio.wait_for_ms(unit.uplink.session(done, back_ms), UPLOAD_HARD_MS)
            self._keep["rssi"] = unit.uplink.bearer.signal_dbm()
        except (EdgeError, OSError, asyncio.TimeoutError) as error:
            unit.uplink.error = str(error) or "timeout"
        unit.uplink.bearer.off()
        if ring.acked > acked or unit.log.backlog == 0:
            self._keep["fails"] = 0
            self._keep.pop("retry_ms", None)
        else:
            fails = self._keep["fails"] = self._keep.get("fails", 0) + 1
            longest = min(self._wake_ms << min(fails, 8), RETRY_LIMIT_MS)
            self._keep["retry_ms"] = (
                clock.local_ms() + longest // 2 + os.urandom(1)[0] * (longest // 2) // 255
            )
        self._news.set()
