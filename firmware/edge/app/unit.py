"""What every unit is made of: settings, flash log, clock, board, link, supervisor."""

import os
import sys
from struct import unpack

from esp32 import Partition

from edge import VERSION
from edge.app.commands import Commands
from edge.app.desired import Desired, key_of
from edge.app.orders import Orders
from edge.app.power import Power
from edge.board import Board
from edge.clock import Clock
from edge.drivers.flash import Flash
from edge.errors import EdgeError
from edge.link.network import bearer
from edge.link.uplink import Uplink
from edge.log import Log, plain
from edge.measure.supply import may_write
from edge.measure.trust import FLOOR_MS
from edge.store.ring import Ring
from edge.store.state import State
from edge.supervisor import Supervisor
from edge.unload import unload

if False:  # for types
    from collections.abc import Callable
    from typing import Any


SETTINGS = "store.settings app.overlay"  # modules that are needed where settings are read or changed


def partition(label: str) -> Flash:
    """A data partition of the flash. Errors: `partition-missing`."""
    found = Partition.find(Partition.TYPE_DATA, label=label)
    if not found:
        raise EdgeError(
            "partition-missing", "no data partition %s; flash the partition table of this board" % label
        )
    return Flash(label, found[0])


def record_boot(log: Log, supervisor: Supervisor, hw: str) -> None:
    """Record this start, and why it came about."""
    crumb = plain(supervisor.crumb)
    log.write("boot", [("reason", supervisor.cause), ("fw", VERSION), ("hw", hw), ("breadcrumb", crumb)])


def log_id() -> int:
    return unpack("<I", os.urandom(4))[0]


NO_BOARD: "dict[str, Any]" = {"id": "none", "parts": {}}


def _nobody() -> bool:
    return False


class Unit:
    """`supervisor` has started already, so that it can name what fails here. `attended`: whether somebody is
    being served; the app sets it. `bare`: without a board, for safe mode when the one in the settings is what
    failed.
    """

    def __init__(self, supervisor: Supervisor, bare: bool = False) -> None:
        self.supervisor = supervisor
        self.box, self.keep = supervisor.box, supervisor.keep
        self._state: "State | None" = None
        self._state_told = False
        self.attended: "Callable[[], bool]" = _nobody
        self.desired = Desired(partition("settings"), self._memory, self.may_write)
        self.board = Board(NO_BOARD if bare else self.desired.board)  # first: it measures the supply
        self.desired.begin(supervisor.cause == "deep-sleep")
        unload(SETTINGS)
        self.settings: "dict[str, Any]" = self.desired.settings
        self.clock = Clock(self.keep)
        self.power = Power(self.settings, self.board, self.clock, self.keep)
        self.log = Log(Ring(partition("log"), log_id, self.may_write), self.clock, self.keep)
        if self.keep.fresh:
            self.log.recall()
        self.clock.floor(max(FLOOR_MS, self.keep.data.get("known_ms", 0)))  # TLS needs a time near the truth
        modem = self.board.part("modem") if self.board.fitted("modem") else None
        radio = bearer(self.settings.get("network", {}), modem, self.keep)
        self.uplink = Uplink(self.settings, self.log, self.keep, radio)
        self.uplink.extra += self.power.tells()
        self.box.now = self.clock.now
        self.box.may_write = self.may_write
        self.box.flush()
        supervisor.fault, self.log.noted = self.log.fault, supervisor.noted
        self.desired.listen(self.log.fault)
        key = key_of(self.settings.get("key"))
        self.commands = Commands(self.device, key, lambda: self.state, self.clock)
        self.uplink.commands, self.uplink.desired = self.commands, self.desired
        self.orders = Orders(self)
        self.commands.say = self.say

    @property
    def device(self) -> str:
        return self.settings["device"]

    @property
    def state(self) -> State:
        """What outlives any power cut and changes often. Read when first asked for."""
        state = self._memory()
        if not self._state_told:
            self._state_told = True
            lost = "nothing could be read; the zero of each scale is its calibration's again"
            self.log.fault("state", "state-damaged", state.damaged, lost)
        return state

    def _memory(self) -> State:
        """The same, before there is a log to tell anything."""
        if self._state is None:
            self._state = State(partition("state"), self.may_write)
        return self._state

    def boot_record(self) -> str:
        """Record the start unless it is the end of a planned sleep; why the unit started."""
        if self.supervisor.cause != "deep-sleep" or self.keep.fresh:
            record_boot(self.log, self.supervisor, self.board.id)
            self.keep.save()
        return self.supervisor.cause

    def say(self, level: int, text: str) -> None:
        """A line on the console for whoever watches: 0 error, 1 warning (as it comes), 2 info, 3 debug; the
        command `log-level` says how much.
        """
        if level <= self.keep.data.get("level", 1):
            sys.stdout.write("# " + text + "\r\n")

    # The running visit, durable: from before the first bolt moves until every session has its record.

    def visit(self) -> "dict[str, Any] | None":
        found: "dict[str, Any] | None" = self.state.get("visit")
        return found

    def remember_visit(self, note: "dict[str, Any]") -> None:
        self.state.put("visit", note)

    def forget_visit(self) -> None:
        self.state.put("visit", None)

    def may_write(self) -> bool:
        """Whether flash may be written now: the radio or a motor may pull the supply down at this moment."""
        return may_write(self.millivolts("battery"))

    def millivolts(self, name: str) -> "int | None":
        return self.board.part(name).read_mv() if self.board.fitted(name) else None

    def surroundings(self, battery_mv: "int | None") -> "list[tuple[str, int | None]]":
        """Temperature, battery, sun, radio: the fields of a reading that belong to the whole unit."""
        temperature = self.millivolts("temperature")
        voltage, current = self.millivolts("solar_voltage"), self.millivolts("solar_current")
        return [
            ("temp_dc", tmp36_dc(temperature)),
            ("battery_mv", battery_mv),
            ("solar_mw", None if voltage is None or current is None else voltage * current // 1000),
            ("rssi_dbm", self.uplink.bearer.signal_dbm()),
        ]


def tmp36_dc(mv: "int | None") -> "int | None":
    """0.1 °C of a TMP36 (10 mV/°C, 500 mV at 0 °C); None outside -40 to 125 °C: not connected."""
    return mv - 500 if mv is not None and 100 <= mv <= 1750 else None
