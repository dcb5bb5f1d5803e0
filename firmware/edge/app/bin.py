"""The bin: asleep but for looks at itself, visits, and uploads.

Deep sleep is a reset: `run` is one wake. What the next one must know is in `keep`: `due_ms` (next look),
`looks` (since power came on), `quiet` (looks since the last upload), `lost_ms` and `retry_ms` (the link's
back-off), `rssi` (of the last connection, reported once). How often it looks and uploads is the settings'
word, stretched by the level of the battery (`measure/policy.py`).
"""

import asyncio
from binascii import crc32

import esp32
import machine

from edge.app.bay import Bay
from edge.app.desired import RETRY_MS
from edge.app.senses import THERMOSTAT, feel, too_hot
from edge.app.unit import Unit
from edge.cause import short
from edge.drivers.display import Display
from edge.drivers.line import Line
from edge.errors import EdgeError
from edge.unload import unload

if False:  # for types
    from typing import Any

VISIT = (  # modules that only a visit needs
    "app.reception app.entry app.admission app.token app.spent app.session app.judging app.text app.recovery "
    "measure.hours measure.deposit"
)
LOOK = "measure.fill measure.heat"  # and those that only a look needs
COMMANDS = "unlock lock zero hold-awake"
PLUG_MS = 5000
VISIT_MS = 2 * 3_600_000  # no visit is longer: a crew at four bays, each left open
LOOK_WEIGH_MS = 3000
UPLOAD_MS = 30_000  # for sending; joining the network comes before
UPLOAD_HARD_MS = 55_000  # whatever the link does, once the bearer had its time
LISTEN_MS = 1000  # for commands that wait at the broker, also when there is nothing to send
ORDERS_MS = 1000
RETRY_LIMIT_MS = 6 * 3_600_000
HELD_WAKES = 3
BACKLOG = 60  # records that make an upload worth its energy
BATTERY_LOW_MV = 3400  # no radio: its peaks would brown the chip out
DEAD_SLEEP_MS = 3_600_000  # when not even flash may be written


class Bin:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._keep = unit.keep.data
        settings = unit.settings
        self._power = unit.power
        self._policy = unit.power.policy
        self._set_ms: int = settings.get("wake_s", 600) * 1000
        self._upload_looks = settings.get("upload_looks", 6)
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
        self.lent: "list[Bay]" = []  # bays that a command has unlocked, until each is shut again
        unit.attended = lambda: self._visiting or bool(self.lent)
        obey = self._obey
        for name in COMMANDS.split():
            unit.commands.handlers[name] = obey

    @property
    def visiting(self) -> bool:
        """Somebody with a token is being served."""
        return self._visiting

    def _wrote(self, kind: str) -> None:
        self.unit.say(3, "record " + kind)
        if self._policy.is_news(kind):
            self._urgent = True
            self._news.set()
        self.unit.uplink.poke()

    def _obey(self, name: str, args: "dict[str, Any]") -> "Any":
        """Carry out one of COMMANDS (a handler of `Commands`)."""
        from edge.app import bin_orders

        return getattr(bin_orders, name.replace("-", "_"))(self, args)

    # One wake

    async def run(self) -> None:
        """From waking up to going to sleep; does not return."""
        battery = self._power.feel()
        if not self.unit.may_write():
            self._sleep(DEAD_SLEEP_MS)
        try:
            await self._wake(battery)
            rest_ms = max(1000, self._due())
        except EdgeError as error:
            if error.code != "supply-low":
                raise
            rest_ms = DEAD_SLEEP_MS  # what could not be kept is done again once the battery bears it
        for bay in self.bays:
            await bay.keeper.rest()  # no bolt is left between its ends
        self._sleep(rest_ms)

    async def _wake(self, battery: "int | None") -> None:
        """What this wake has to do. Errors: `supply-low`, wherever something must be kept."""
        unit, supervisor = self.unit, self.unit.supervisor
        supervisor.allow(self._policy.awake_ms, self._overrun)
        supervisor.start("watch", supervisor.watch)
        if unit.boot_record() != "deep-sleep" or unit.keep.fresh:
            self._check_rules()
        self._low = battery is not None and battery < BATTERY_LOW_MV
        unit.log.fault("battery", "battery-low", self._low, "%s mV" % battery)
        if too_hot(unit):
            await feel(unit)
        self._look_at_button()
        self._button.on_fall(self._press)
        self._service.on_fall(self._news.set)
        if unit.clock.source() != "none":
            unit.log.fault("hours", "hours-held", False)
        await self._keep_doors()
        unit.commands.recover()
        while True:
            self._news.clear()
            self._offer_console()
            if self._pressed:
                self._pressed = False
                supervisor.check_in("visit", VISIT_MS)
                supervisor.allow(VISIT_MS)
                await self._attend()
                supervisor.allow(self._policy.awake_ms)
                supervisor.check_out("visit")
            elif self._due() <= 0:
                await self._look()
            elif self._wants_upload():
                self._urgent = False
                supervisor.start("uplink", self._upload)
            elif self._service.level() == 0:
                supervisor.allow(self._policy.awake_ms)
                await self._pause(PLUG_MS)  # a plug that is pulled makes no edge that is listened to
            elif supervisor.running("uplink"):
                await self._pause(UPLOAD_HARD_MS)
            elif unit.orders.busy or self._kept_awake():
                supervisor.allow(self._policy.awake_ms)
                await self._pause(ORDERS_MS)
            else:
                break
        unit.log.check()  # what the last write met would be forgotten in sleep

    def _check_rules(self) -> None:
        """Tell what is wrong with the rules of who may come in, and when: they are those of this start."""
        from edge.app.entry import Entry

        Entry(self.unit).tell()
        unload(VISIT)

    def _overrun(self, why: str) -> None:
        """This wake has used up its time, whatever still runs: the supervisor ends it."""
        self.unit.uplink.error = why
        self._keep["due_ms"] = self.unit.clock.local_ms() + self._wake_ms  # not the same again at once
        self._sleep(self._wake_ms)

    def _offer_console(self) -> None:
        if self._service.level() == 0:
            from edge.console import Console  # on the heap only while somebody is plugged in

            self.unit.supervisor.start("console", Console(self.unit).run)

    async def _pause(self, ms: int) -> None:
        try:
            await asyncio.wait_for_ms(self._news.wait(), min(self._due(), ms))
        except asyncio.TimeoutError:
            pass

    @property
    def _wake_ms(self) -> int:
        return self._policy.wake_ms(self._set_ms)

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
            self._call()

    def _press(self) -> None:
        """Pressed while awake. What the reader has by then was shown by somebody who may have gone since: it
        must not let in who stands there now.
        """
        if not self.unit.attended():
            self.unit.board.part("reader").drop()
            self._call()

    def _call(self) -> None:
        if not self.unit.attended():
            self._pressed = True
            self._news.set()

    def _sleep(self, ms: int) -> None:
        self.unit.uplink.off()
        if self._button.level() == 1:  # a stuck button must not wake the bin again at once
            self._keep["held"] = 0  # it was let go meanwhile: a visitor, however many come in a row
            esp32.wake_on_ext0(self._button.pin, False)
        self._power.sleep()
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
        around = self.unit.surroundings(self._power.battery_mv)
        known = dict(around)
        temp_dc = known["temp_dc"]
        if await self._power.look(temp_dc, known["solar_mw"]):
            self._urgent = True  # so that everybody knows when to expect the next word
        self._keep["due_ms"] = self.unit.clock.local_ms() + self._wake_ms
        wrong = self._power.controller_error
        self.unit.log.fault("mppt", "mppt-silent", bool(wrong), wrong)
        self._keep["quiet"] = self._keep.get("quiet", 0) + 1
        if self._keep["looks"] % self._policy.thin == 0 or self._attended:
            await self._read_bays(list(around), temp_dc)
        unload(LOOK)
        self.unit.log.check()
        if self._looks_to_upload() <= 0 or (not self._policy.radio_ms and self.unit.log.backlog >= BACKLOG):
            self._urgent = True

    def _looks_to_upload(self) -> int:
        """How many looks are left until the next upload that no news brings about."""
        quiet: int = self._keep.get("quiet", 0)
        if self._policy.radio_ms:
            return -(-self._policy.radio_ms // self._wake_ms) - quiet
        if quiet == 0:  # just sent
            return self._upload_looks - self._keep.get("looks", 0) % self._upload_looks
        return -self._keep["looks"] % self._upload_looks

    def _back_ms(self) -> int:
        """When the gateway hears of this bin next, at the latest."""
        later = max(0, self._looks_to_upload() - 1) * self._wake_ms
        return self.unit.clock.local_ms() + max(0, self._due()) + later

    async def _read_bays(self, rest: "list[tuple[str, object]]", temp_dc: "int | None") -> None:
        """What each bay weighs and holds."""
        rssi = self._keep.pop("rssi", None)
        if rssi is not None:
            rest.append(("rssi_dbm", rssi))
        for bay in self.bays:
            mass_g = await self._mass(bay)
            well_g = None if bay.scale.raised() else mass_g
            fill_pct = await bay.fill.look(well_g, bay.scale.min_g, temp_dc)
            fields = [("bay", bay.number), ("mass_g", mass_g), ("fill_pct", fill_pct)]
            self.unit.log.write("reading", fields + rest)
            rest = []

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
            supervisor.allow(VISIT_MS)
            from edge.app.recovery import settle

            await settle(unit, visit, self.bays, self.show)
            unload(VISIT)
            supervisor.allow(self._policy.awake_ms)
            supervisor.check_out("visit")
            self._visiting = False
        for bay in self.bays:
            if bay.keeper.closed:
                unit.log.fault(bay.keeper.name, "door-left-open", False)

    # Visits

    def show(self, *lines: str) -> None:
        if self._display:
            self._display.show(*lines)

    async def _attend(self) -> None:
        """Somebody pressed the button. What serves them is on the heap until they have gone."""
        self._visiting = self._attended = True
        self._offer_console()
        try:
            from edge.app.reception import attend

            await attend(self)
        finally:
            self._visiting = False
            unload(VISIT)

    def can_serve(self) -> bool:
        """Whether the battery can finish a visit that begins now."""
        self._power.temp_dc = dict(self.unit.surroundings(None))["temp_dc"]
        return self._power.can_serve(len(self.bays))

    # Uploads

    def can_hold(self) -> bool:
        """Whether the battery allows to stay awake because somebody asks."""
        return not self._low

    def _kept_awake(self) -> bool:
        """Asked to stay connected, or finding out whether new settings carry the link."""
        return self.can_hold() and (self.unit.orders.held_ms() > 0 or self.unit.desired.trying)

    def _wants_upload(self) -> bool:
        self._urgent = self._urgent or self._kept_awake()
        if self._low or not self._urgent or self.unit.supervisor.running("uplink"):
            return False
        wait = self._keep.get("retry_ms", 0) - self.unit.clock.local_ms()
        if 0 < wait <= RETRY_LIMIT_MS:  # more: the clock was stepped
            self._urgent = False
            return False
        return True

    async def _ask_again(self, after_ms: int) -> None:
        """Have the session ask once more whether it is done: time has passed, nothing else would stir it."""
        await asyncio.sleep_ms(after_ms)
        self.unit.uplink.poke()

    async def _upload(self) -> None:
        unit = self.unit
        clock, ring, acked = unit.clock, unit.log.ring, unit.log.ring.acked
        asked: "list[int]" = []  # first when the session stood: a modem may need a minute until then

        def done() -> bool:
            if not asked:
                asked.append(clock.mono_ms())
                asyncio.create_task(self._ask_again(LISTEN_MS))
            connected_ms = clock.mono_ms() - asked[0]
            if connected_ms > UPLOAD_MS + held_ms:
                return True
            quiet = not self._visiting and not unit.commands.busy and not unit.orders.held_ms()
            return unit.log.backlog == 0 and quiet and connected_ms >= LISTEN_MS

        held_ms = unit.orders.held_ms()
        self._power.radio(True)
        quiet, self._keep["quiet"] = self._keep.get("quiet", 0), 0
        try:
            limit = unit.uplink.bearer.up_ms + UPLOAD_HARD_MS + held_ms
            unit.supervisor.allow(limit)
            await asyncio.wait_for_ms(unit.uplink.session(done, self._back_ms), limit)
            self._keep["rssi"] = unit.uplink.bearer.signal_dbm()
        except (EdgeError, OSError, asyncio.TimeoutError) as error:
            unit.uplink.error = str(error) or "timeout"
            unit.say(1, "link: " + unit.uplink.error)
            unit.box.note("link-failed", short(error))
        await unit.uplink.leave()
        self._power.radio(False)
        if ring.acked > acked or unit.log.backlog == 0:
            self._keep.pop("lost_ms", None)
            self._keep.pop("retry_ms", None)
        else:
            self._keep["quiet"] = quiet  # it is as if it had not been tried
            from edge.link.backoff import Backoff
            from edge.link.stay import draw

            now, first, limit = clock.local_ms(), self._wake_ms, RETRY_LIMIT_MS
            if self._kept_awake():
                first = limit = RETRY_MS
            backoff = Backoff(draw, first, limit, lost_ms=self._keep.get("lost_ms"))
            self._keep["retry_ms"] = now + backoff.failed(now)
            self._keep["lost_ms"] = backoff.lost_ms
        self._news.set()
