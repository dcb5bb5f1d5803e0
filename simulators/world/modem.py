"""A Cat-1 modem of the EC800 and Air780 kind, as its pins and its UART show it.

PWRKEY, boot, unsolicited lines, SIM, search, registration, AT dialogue, dial, and a PPP end of its own; so
the firmware's dialogue meets what it meets in the street, byte by byte. IP packets do not go through the
line: while `carries` says so, sockets of virtual time do.

Times are typical of the families' hardware guides and of networks in a city: 2 s until it answers, 1 to 2 s
more until the card is read, 2 to 9 s of search. Power: `[parts.modem.mw]` of the board file.
"""

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from simulators.scene import PowerCut, UartBytes
from simulators.world.kernel import Kernel, Part
from simulators.world.modem_at import answers, card
from simulators.world.modem_faults import FAULTS

PRESS_ON_MS, PRESS_OFF_MS, RESET_MS = 500, 650, 300
BOOT_MS = (1_800, 2_600)
SIM_MS = (600, 1_800)
SEARCH_MS = (2_000, 9_000)
LEAVE_MS = (900, 2_000)
GUARD_MS = 1_000
_THINKING_MS = (8, 40)
_AGAIN_MS = 3_000  # PPP's restart timer
_REBOOT_MS = 400  # from a brown-out to the boot
_HANGS_AFTER_MS = 20_000  # of data
_ADDRESS, _OURS = (10, 64, 64, 64), (10, 84, 17, 3)
_BURST_MA = 600  # of the power amplifier at full power, at 3.8 V


def _ppp() -> Any:
    """The PPP end that the chip's stand-in uses too: it runs inside the VM, so it is in no package."""
    path = Path(__file__).parents[1] / "board" / "vm" / "_ppp.py"
    loader = SourceFileLoader("simulated_ppp", str(path))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    return module


_END = _ppp().End


class Modem(Part):
    """`mode`: `off`, `boot`, `command`, `data`, or `hung`. `cell`: `off`, `search`, `home`.

    A card with a PIN (fault `sim-pin`) has 1234. `FAULTS` act on bytes that go to the unit, or by name.
    """

    LASTING = (
        *("mode", "cell", "supplied", "echo", "apn", "locked", "tries", "pressed_at", "heard_at", "plus"),
        *("stale", "struck", "draw_mw"),
    )
    FAULTS: ClassVar[dict[str, Callable[[Any, Any], Any]]] = FAULTS

    def __init__(self, world: Kernel, name: str, part: dict[str, Any]) -> None:
        super().__init__(world, name)
        self.uart: int = part["uart"]
        self._key: int = part["key"]
        self._power: int | None = part.get("power")
        self._status: int | None = part.get("status")
        self._reset: int | None = part.get("reset")
        self._mw: dict[str, float] = part["mw"]
        self.mode, self.cell = "off", "off"
        self.supplied = self._power is None
        self.echo = True
        self.apn = ""
        self.locked, self.tries = True, 3
        self.pressed_at = self.heard_at = -GUARD_MS
        self.plus = 0
        self.draw_mw = 0.0
        self._line = bytearray()
        self._peer: Any = None
        self.stale = False  # registered, and the network has forgotten us
        self.struck = False  # by a fault that comes once
        self.signal = 12 + world.rng("modem signal").randrange(16)
        self._show()

    # What the board sees

    def carries(self) -> bool:
        """Whether IP packets go through now."""
        return bool(self.mode == "data" and self._peer is not None and self._peer.up and not self.stale)

    def driven(self, pin: int, level: int) -> None:
        if pin == self._power:
            self.supplied = bool(level)
            if not level:
                self._go("off", "off")
        elif pin in (self._key, self._reset) and level:
            self.pressed_at = self.world.now
        elif pin == self._reset:
            if self.supplied and self.world.now - self.pressed_at >= RESET_MS:
                self._boot()
        elif pin == self._key and self.supplied and self.mode != "hung":
            held_ms = self.world.now - self.pressed_at
            if self.mode == "off" and held_ms >= PRESS_ON_MS:
                self._boot()
            elif self.mode not in ("off", "boot") and held_ms >= PRESS_OFF_MS:
                self.leave()

    def heard(self, data: bytes) -> None:
        """Bytes from the unit."""
        quiet_ms, self.heard_at = self.world.now - self.heard_at, self.world.now
        if self.mode == "data":
            # V.250: three plus signs alone between two silences; the second is looked at later.
            self.plus = 3 if data == b"+++" and quiet_ms >= GUARD_MS else 0
            if self.plus == 3:
                self.after(GUARD_MS, "escaped", self.world.now)
            elif self._peer is not None and self.fault != "no-ppp":
                self._say(self._peer.take(data))
                if self._peer.closed:
                    self._end_call()
        elif self.mode == "command":
            for byte in data:
                if byte == 13:
                    line, self._line = bytes(self._line), bytearray()
                    at = line.rfind(b"AT")  # V.250: what comes before the prefix is nobody's
                    if at >= 0:
                        self._obey(line[at:].decode("ascii", "replace").strip())
                elif byte != 10 and len(self._line) < 400:
                    self._line.append(byte)

    # Life

    def refresh(self) -> None:
        """A fault came or went."""
        self.struck = False
        running = self.mode in ("command", "data")
        if running and self.fault in ("no-signal", "searching", "denied"):
            self.cell = "search"
            self._end_call()
        elif running and self.fault == "no-data":
            self.stale = self.struck = True
        elif running and self.fault == "hangs":
            self.struck = True
            self._go("hung", self.cell)
        elif self.fault is None and self.cell == "search":
            self.search()

    def on_ready(self) -> None:
        """Booted."""
        if self.fault == "hangs" and not self.struck:
            self.struck = True
            self._go("hung", "off")
            return
        self._go("command", "off")
        self._say(b"\r\nRDY\r\n")
        self._later(SIM_MS, "card")

    def on_card(self) -> None:
        """The card was read."""
        if self.mode != "command":
            return
        state = card(self)
        self._say(f"\r\n{state}\r\n".encode())
        if state == "+CPIN: READY":
            self.search()

    def on_registered(self) -> None:
        """A cell was found."""
        if self.cell != "search" or self.fault in ("no-signal", "searching", "denied"):
            return
        if self._browns_out():
            return
        self.cell = "home"
        self.stale = self.fault == "no-data" and not self.struck
        self.struck = self.struck or self.stale
        self.count()

    def on_left(self) -> None:
        """Switched off in good order."""
        self._say(b"\r\nPOWERED DOWN\r\n")
        self._go("off", "off")

    def on_escaped(self, since: int) -> None:
        """The silence after +++ is over."""
        if self.mode == "data" and self.plus == 3 and self.heard_at == since:
            self._go("command", self.cell)
            self._say(b"\r\nOK\r\n")

    def on_hung(self) -> None:
        """See the fault `hang-in-data`."""
        if self.mode == "data" and self.fault == "hang-in-data":
            self._go("hung", self.cell)

    def on_say(self, said: str) -> None:
        """Bytes reach the unit."""
        if self.mode not in ("off", "hung"):
            self.world.emit(UartBytes(self.uart, bytes.fromhex(said)))

    def on_connected(self) -> None:
        """The call goes through."""
        if self.mode == "command":
            self._say(b"\r\nCONNECT 150000000\r\n")
            self._go("data", self.cell)
            self._peer = _END(_ADDRESS, _OURS)
            self.after(_THINKING_MS[1], "ask")
            self.after(_HANGS_AFTER_MS, "hung")

    def on_ask(self) -> None:
        """PPP asks, and asks again after its restart timer."""
        if self.mode == "data" and self._peer is not None and not self._peer.up and self.fault != "no-ppp":
            self._say(self._peer.open())
            self.after(_AGAIN_MS, "ask")

    def _boot(self) -> None:
        self._go("boot", "off")
        self.echo, self.locked, self._line = True, True, bytearray()
        self._later((8_500, 9_500) if self.fault == "slow" else BOOT_MS, "ready")

    def leave(self) -> None:
        """Switch off in good order."""
        self.cell = "off"
        self._later(LEAVE_MS, "left")

    def search(self) -> None:
        """Look for a cell."""
        self.cell = "search"
        self.count()
        self._later(SEARCH_MS, "registered")

    def _browns_out(self) -> bool:
        """The burst at registration pulls the cell down, and it the module; or the whole unit."""
        supply: Any = self.world.parts.get("supply")
        worn = getattr(supply, "fault", None) == "worn"
        if self.fault != "brown-out" and not worn:
            return False
        self.world.record("modem", state="brown-out", ma=_BURST_MA)
        if worn:
            self.world.emit(PowerCut(2_000))
            return True
        self._go("boot", "off")
        self.after(_REBOOT_MS, "ready")
        return True

    def _end_call(self) -> None:
        if self.mode == "data":
            self._say(b"\r\nNO CARRIER\r\n")
            self._go("command", self.cell)

    def _go(self, mode: str, cell: str) -> None:
        names = ("ready", "card", "registered", "left", "escaped", "hung", "connected", "ask", "say")
        self.world.cancel(f"{self.name}.ask")
        if mode in ("off", "boot"):
            self.world.cancel(*(f"{self.name}.{event}" for event in names))
            self._line = bytearray()
        self.mode, self.cell = mode, cell
        if mode != "data":
            self._peer = None
        self.count()
        self._show()

    def _show(self) -> None:
        if self._status is not None:
            self.world.set_pin(self._status, int(self.mode not in ("off", "boot")))

    def count(self) -> None:
        """Another state may draw another power."""
        supply: Any = self.world.parts.get("supply")
        if supply is not None and hasattr(supply, "count"):
            supply.count()  # what was drawn until now was drawn at the old rate
        state = self.mode if self.mode in ("off", "boot") else "search" if self.cell == "search" else "idle"
        if self.mode in ("data", "hung"):
            state = "data"
        self.draw_mw = float(self._mw[state])

    # Dialogue

    def _later(self, between: tuple[int, int], event: str, *args: Any) -> None:
        self.after(self.rng(event).uniform(*between), event, *args)

    def _say(self, data: bytes) -> None:
        data = self.broken(data) if data else data
        if data:
            slow = 220 if self.fault == "slow" else 0
            self.after(self.rng("thinking").uniform(*_THINKING_MS) + slow, "say", data.hex())

    def _obey(self, line: str) -> None:
        out = line + "\r" if self.echo else ""
        if self.fault == "chatty":
            out += '\r\n+QIND: "csq",21,99\r\n'
        out += "".join(f"\r\n{part}\r\n" for part in answers(self, line))
        self._say(out.encode())
