"""A Cat-1 modem on a UART (EC800 and Air780 families): its supply, its PWRKEY, its AT dialogue.

Pins of the board file: `key` drives a transistor that pulls PWRKEY low (1 = pressed); `power` (optional)
switches the module's 3.8 V supply (1 = on, pulled down, so it is off while the chip sleeps or resets);
`reset` (optional) pulls RESET_N low likewise; `status` (optional) is its STATUS output, 1 = running. A board
needs `power` or `reset`: a module that hangs hears no key. Times are the longest that the families'
hardware guides ask for: 1 s on PWRKEY switches either of them on, and off when it is on.
"""

import asyncio
import time

from machine import Pin

from edge.drivers.at import At
from edge.drivers.serial import Serial
from edge.errors import EdgeError

SETTLE_MS = 100  # the supply, before PWRKEY is pressed
PRESS_MS = 1_000
RESET_MS = 500
EMPTY_MS = 1_500  # off, so that the module's capacitors are empty and its reset is one
GUARD_MS = 1_100  # V.250 S12: 1 s of silence before and after +++
SOON_MS = 300  # an idle module answers within 50 ms
LEAVE_MS = 4_000  # to say goodbye to the network and close its files; 2 s are usual
RESTARTED = ("RDY", "^boot.rom'v'!", "APP RDY")


class Modem:
    """`quit`: the command that switches the module off in good order (`AT+QPOWD=1`, Air780: `AT+CPOWD=1`)."""

    def __init__(
        self,
        port: Serial,
        key: int,
        power: "int | None" = None,
        status: "int | None" = None,
        quit: str = "AT+QPOWD=1",
        reset: "int | None" = None,
    ) -> None:
        self._port = port
        self._key = Pin(key, Pin.OUT, value=0)
        self._power = None if power is None else Pin(power, Pin.OUT, value=0)
        self._reset = None if reset is None else Pin(reset, Pin.OUT, value=0)
        self._status = None if status is None else Pin(status, Pin.IN)
        self._quit = quit
        self._at = At()
        self.awaited = False  # it was switched on just now: that it starts is no surprise

    @property
    def uart(self) -> object:
        """For `network.PPP`. Afterwards `resume`."""
        return self._port.uart

    @property
    def switched(self) -> bool:
        """Whether this board can take the module's supply away."""
        return self._power is not None

    @property
    def powered(self) -> bool:
        """Whether the module has its supply, as far as this board knows."""
        return self._power is None or bool(self._power.value())

    @property
    def running(self) -> "bool | None":
        """What its STATUS pin says; None: not wired."""
        return None if self._status is None else bool(self._status.value())

    # Power

    def cut(self) -> None:
        """Take the supply away at once, where that can be done."""
        if self._power is not None:
            self._power.value(0)

    async def press(self) -> None:
        """Press PWRKEY: on when it was off, off when it was on."""
        self.awaited = True
        self._key.value(1)
        await asyncio.sleep_ms(PRESS_MS)
        self._key.value(0)

    async def start(self) -> None:
        """Give it its supply and switch it on. It answers some seconds later."""
        if self._power is not None:
            self._power.value(1)
            await asyncio.sleep_ms(SETTLE_MS)
        self._port.drop()
        await self.press()

    async def stop(self) -> None:
        """Switch it off in good order if it still listens, then take the supply away. Ends within
        `LEAVE_MS` + 1 s, whatever it does.
        """
        try:
            await self.command(self._quit, 1_000)
            end = time.ticks_add(time.ticks_ms(), LEAVE_MS)
            while self.running is not False and time.ticks_diff(end, time.ticks_ms()) > 0:
                self._at.feed(await self._port.read(SOON_MS))
                if [line for line in self._at.news if "POWER" in line]:
                    break
        except EdgeError:
            pass
        self._at.news = []
        self.cut()

    async def restart(self) -> None:
        """Start it anew, whatever state it is in: by its supply, else by its reset, else by its key."""
        if self._power is not None:
            self.cut()
            await asyncio.sleep_ms(EMPTY_MS)
            await self.start()
        elif self._reset is not None:
            self.awaited = True
            self._reset.value(1)
            await asyncio.sleep_ms(RESET_MS)
            self._reset.value(0)
            self._port.drop()
        else:
            await self.press()

    # Dialogue

    async def command(
        self, text: str, within_ms: int = SOON_MS, prefix: str = "", blind: bool = False
    ) -> "list[str]":
        """Send a command, return its answer's lines that begin with `prefix`.

        Errors: `modem-silent`, `modem-error` (its own result as detail), `modem-restarted`.
        """
        at = self._at
        self._port.write(at.start(text, prefix, blind))
        end = time.ticks_add(time.ticks_ms(), within_ms)
        while not at.done:
            left = time.ticks_diff(end, time.ticks_ms())
            if left <= 0:
                at.give_up()
                self._watch()
                raise EdgeError("modem-silent", "no answer to %s in %d ms" % (text[:16], within_ms))
            at.feed(await self._port.read(left))
        self._watch()
        if at.result not in ("OK", "CONNECT"):
            raise EdgeError("modem-error", at.result)
        return at.lines

    def _watch(self) -> None:
        news, self._at.news = self._at.news, []
        if not self.awaited and [line for line in news if line in RESTARTED]:
            self.awaited = True
            raise EdgeError("modem-restarted", "the modem started anew by itself")

    async def answers(self, tries: int = 2) -> bool:
        """Whether it is in command mode. Leaves echo on and errors with numbers."""
        for _ in range(tries):
            try:
                await self.command("ATE1", blind=True)
                await self.command("AT+CMEE=1")
                self.awaited = False
                return True
            except EdgeError:
                continue
        return False

    async def escape(self) -> bool:
        """Leave data mode, if it is still in one (the chip was reset, the modem was not): +++ between two
        silences, then hang up. Whether it answers now.
        """
        await asyncio.sleep_ms(GUARD_MS)
        self._port.write(b"+++")
        await asyncio.sleep_ms(GUARD_MS)
        self._port.drop()
        try:
            await self.command("ATH", 1_000, blind=True)
        except EdgeError:
            pass  # not in a call: what counts is whether it answers
        return await self.answers()

    def resume(self) -> None:
        """The line is ours again."""
        self._port.listen()
        self._port.drop()
