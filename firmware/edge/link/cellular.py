"""The bearer over a Cat-1 modem: AT dialogue until CONNECT, then PPP by the chip's own stack.

Order of a start: does it answer; SIM; registration and signal; APN; dial; PPP. A modem that is still in data
mode, since only the chip was reset, is a normal start. Failures in a row climb a ladder (`cell.rung`): its
count is in RTC memory and falls to 0 when the application was answered (`well`), since a modem can be
connected and carry nothing. Each wait has an end; `up` as a whole has one too.
"""

import asyncio
import time

import network

from edge.errors import EdgeError
from edge.keep import Keep
from edge.link import cell

if False:  # for types
    from typing import Any

    from edge.drivers.modem import Modem

BOOT_MS = 15_000  # from PWRKEY to the first answer: 2 to 13 s by family
SIM_MS = 8_000  # until a card has told its state
DENIED_LOOKS = 5  # a network may say no while it makes up its mind
DIAL_MS = 15_000
PPP_MS = 12_000
HANG_UP_MS = (
    7_000  # lwIP asks twice, 3 s each; until then the line is its own, and its end takes our interrupt
)
LOOK_MS = 500
ANSWER_MS = 2_000
RADIO_MS = 10_000  # AT+CFUN
_MAX_FAILS = 1 << 14


class Cellular:
    """`settings`: `{"apn", "user"?, "password"?, "pin"?}`. `code`: the last failure, "": there was none."""

    up_ms = 60_000  # what a cold start in a bad place may need

    def __init__(self, modem: "Modem", settings: "dict[str, Any]", keep: Keep) -> None:
        self._modem = modem
        self._apn = settings.get("apn", "")
        self._user = settings.get("user", "")
        self._password = settings.get("password", "")
        self._pin = str(settings.get("pin", ""))
        self._keep = keep.data
        self._ppp: "network.PPP | None" = None
        self._dbm: "int | None" = None
        self._end = time.ticks_ms()  # at which `up` must be done
        self.code = ""

    # The interface of a bearer

    def is_up(self) -> bool:
        return self._ppp is not None and self._ppp.isconnected()

    def signal_dbm(self) -> "int | None":
        """As it was when the modem last registered: in data mode it cannot be asked."""
        return self._dbm if self.is_up() else None

    def well(self) -> None:
        """Somebody at the other end has answered: the modem needs no cure."""
        self._keep.pop("cell", None)

    async def up(self, deadline_ms: int) -> None:
        """Connect. Errors, each by name: `modem-…`, `sim-…`, `cell-…`, `apn-refused`, `ppp-failed`."""
        if self.is_up():
            return
        self._end = time.ticks_add(time.ticks_ms(), deadline_ms)
        fails = self._keep.get("cell", 0)
        self._keep["cell"] = min(fails + 1, _MAX_FAILS)  # until `well`
        try:
            await self._hang_up()
            await self._awaken(cell.rung(fails))
            await self._unlock()
            await self._register()
            await self._dial()
        except EdgeError as error:
            self.code = error.code
            raise
        self.code = ""

    async def down(self) -> None:
        """Leave: the module is switched off where its supply can be, else it only hangs up. Within 16 s
        if it hangs, else 5 s.
        """
        if not self._modem.powered:
            return
        await self._hang_up()
        if self._modem.switched:
            await self._modem.stop()

    def off(self) -> None:
        """At once, before the chip sleeps; `down` is the good way."""
        self._modem.cut()

    # Steps

    def _left(self, at_most_ms: int) -> int:
        """Milliseconds that a step may take. At least 1, so that the step itself says what was missing."""
        return max(1, min(at_most_ms, time.ticks_diff(self._end, time.ticks_ms())))

    async def _ask(self, text: str, prefix: str = "") -> "list[str]":
        """A question that may be asked again: a disturbed line spoils one answer, seldom three; and a module
        that has just started may say ERROR to anything. Errors: `modem-silent`, `modem-error`,
        `modem-restarted`.
        """
        for left in (2, 1, 0):
            try:
                return await self._modem.command(text, self._left(ANSWER_MS), prefix)
            except EdgeError as error:
                meant = cell.error_number(error.detail) != ""
                if not left or error.code == "modem-restarted" or meant:
                    raise
        return []

    async def _awaken(self, rung: int) -> None:
        """Bring the module to command mode, by the gentlest means that works. Errors: `modem-silent`."""
        modem = self._modem
        if not modem.powered:
            await modem.start()
        elif rung == cell.SUPPLY:
            await modem.restart()
        elif rung >= cell.KEY:
            await modem.stop()
            await modem.start()
        elif await modem.answers():
            if rung == cell.RADIO:
                await self._cycle_radio()
            return
        elif await modem.escape():
            return
        else:
            await modem.press()
        if await self._booted():
            return
        # Pressed once, it may have been switched off; and what hangs hears no key, only its supply.
        await modem.restart()
        if not await self._booted():
            raise EdgeError("modem-silent", "no answer, neither after its key nor after a restart")

    async def _cycle_radio(self) -> None:
        try:
            await self._modem.command("AT+CFUN=0", self._left(RADIO_MS))
            await self._modem.command("AT+CFUN=1", self._left(RADIO_MS))
        except EdgeError as error:
            if error.code == "modem-silent":
                raise

    async def _booted(self) -> bool:
        start = time.ticks_ms()
        limit = self._left(BOOT_MS)
        while time.ticks_diff(time.ticks_ms(), start) < limit:
            if await self._modem.answers(1):
                return True
            await asyncio.sleep_ms(LOOK_MS)
        return False

    async def _unlock(self) -> None:
        """Wait for the card. Errors: `sim-missing`, `sim-pin`, `sim-puk`, `sim-failure`, `modem-…`."""
        start = time.ticks_ms()
        state = ""
        while state != "ready":
            error, lines = "", []
            try:
                lines = await self._ask("AT+CPIN?", "+CPIN")
            except EdgeError as refusal:
                if refusal.code != "modem-error":
                    raise
                error = refusal.detail
            state = cell.sim_state(lines, error)
            if state == "sim-pin" and not error and await self._tell_pin():
                state = ""
            # Just after a start a card that is there may be called missing.
            early = time.ticks_diff(time.ticks_ms(), start) < self._left(SIM_MS)
            if state in ("sim-pin", "sim-puk") or (state != "ready" and not early):
                raise EdgeError(state or "sim-failure", error or (lines[0] if lines else "no answer"))
            if state != "ready":
                await asyncio.sleep_ms(LOOK_MS)

    async def _tell_pin(self) -> bool:
        """Give the card its PIN, but only while all three tries are left: a wrong one in the settings must
        not lock it.
        """
        if not self._pin:
            return False
        try:
            if cell.pin_tries(await self._ask('AT+CPINR="SIM PIN"', "+CPINR")) < 3:
                return False
            await self._modem.command('AT+CPIN="%s"' % self._pin, 5_000)
        except EdgeError as error:
            if error.code != "modem-error":
                raise
            return False
        return True

    async def _register(self) -> None:
        """Wait for the network. Errors: `cell-denied`, `cell-no-signal`, `cell-not-registered`, `modem-…`."""
        denied = 0
        while True:
            state = cell.registration(await self._ask("AT+CEREG?", "+CEREG"))
            self._dbm = cell.signal_dbm(await self._ask("AT+CSQ", "+CSQ"))
            if state in (cell.HOME, cell.ROAMING):
                return
            denied = denied + 1 if state == cell.DENIED else 0
            if denied >= DENIED_LOOKS:
                raise EdgeError("cell-denied", "the network refuses this SIM")
            if time.ticks_diff(self._end, time.ticks_ms()) < DIAL_MS:
                if self._dbm is None:
                    raise EdgeError("cell-no-signal", "nothing received")
                raise EdgeError("cell-not-registered", "state %d at %d dBm" % (state, self._dbm))
            await asyncio.sleep_ms(LOOK_MS)

    async def _dial(self) -> None:
        """Open the data connection. Errors: `apn-refused`, `ppp-failed`, `modem-…`."""
        modem = self._modem
        try:
            await self._ask('AT+CGDCONT=1,"IP","%s"' % self._apn)
            await modem.command("ATD*99***1#", self._left(DIAL_MS))
        except EdgeError as error:
            if error.code != "modem-error":
                raise
            raise EdgeError("apn-refused", "%s: %s" % (self._apn, error.detail)) from None
        ppp = self._ppp = network.PPP(modem.uart)
        if self._user:
            ppp.connect(security=network.PPP.SEC_CHAP, user=self._user, key=self._password)
        else:
            ppp.connect()
        start = time.ticks_ms()
        limit = self._left(PPP_MS)
        while not ppp.isconnected():
            status = ppp.status()
            if status < 0 or time.ticks_diff(time.ticks_ms(), start) > limit:
                await self._hang_up()
                raise EdgeError("ppp-failed", "status %s" % status)
            await asyncio.sleep_ms(100)

    async def _hang_up(self) -> None:
        """End the data connection if there is one, and have the line again."""
        ppp, self._ppp = self._ppp, None
        if ppp is None:
            return
        if not ppp.isconnected() and not self.code:
            self.code = "ppp-lost"
        ppp.disconnect()
        start = time.ticks_ms()
        while ppp.status() > 0 and time.ticks_diff(time.ticks_ms(), start) < HANG_UP_MS:
            await asyncio.sleep_ms(50)
        self._modem.resume()
        if not await self._modem.answers(1):
            await self._modem.escape()
