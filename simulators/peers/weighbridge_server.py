"""Puts a weighbridge on a line: Modbus TCP, or RTU on a pseudo-terminal, with faults on demand.

Served by pymodbus; runs in the caller's asyncio loop. A fault is done to the bytes of an answer, below
everything that pymodbus knows, so that the master sees what a worn cable or a busy indicator would do to
it.
"""

import asyncio
import contextlib
import os
import tty
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.peers.weighbridge import Weighbridge

_REGISTERS = 256


@dataclass(frozen=True)
class Fault:
    """What happens to one answer.

    `late`: it comes `ms` later than it should. `silent`: it never comes. `corrupt`: one byte of it is
    wrong. `cut`: its second half is missing. `twice`: it comes again `ms` later. `foreign`: another unit's
    answer comes before it.
    """

    kind: Literal["late", "silent", "corrupt", "cut", "twice", "foreign"]
    ms: int = 0


@dataclass
class Faults:
    """The knobs. `script`: what happens to the next answers, one each (None: nothing); then `always`."""

    script: deque[Fault | None] = field(default_factory=deque)
    always: Fault | None = None
    answered: int = 0

    def next(self) -> Fault | None:
        """The fault of this answer."""
        self.answered += 1
        return self.script.popleft() if self.script else self.always


class WeighbridgeServer:
    """One indicator on one line: `await start_tcp(...)` or `start_rtu(...)`, in the end `await stop()`."""

    def __init__(
        self,
        bridge: Weighbridge,
        *,
        unit_id: int = 1,
        faults: Faults | None = None,
        beside: Mapping[int, Weighbridge] | None = None,
    ) -> None:
        """`beside`: further units on the same line, by their unit numbers."""
        self._units = {**(beside or {}), unit_id: bridge}
        self.faults = faults if faults is not None else Faults()
        self._unit_id = unit_id
        self._server: _TcpServer | _SerialServer | None = None
        self._line: _Line | None = None

    @property
    def bridge(self) -> Weighbridge:
        """The indicator; another may be put in its place."""
        return self._units[self._unit_id]

    @bridge.setter
    def bridge(self, bridge: Weighbridge) -> None:
        self._units[self._unit_id] = bridge

    async def start_tcp(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port when `port` is 0, and return the address as `host:port`.

        Raises RuntimeError when the port is taken.
        """
        self._server = _TcpServer(self._devices(), address=(host, port))
        self._server.faults = self.faults
        await self._server.serve_forever(background=True)
        listener: Any = self._server.transport
        return f"{host}:{listener.sockets[0].getsockname()[1]}"

    async def start_rtu(self, link: Path | None = None, baud: int = 9600) -> str:
        """Open a serial line and return the path of the master's end; `link`: a symlink to make to it."""
        self._line = _Line(link)
        self._server = _SerialServer(
            self._devices(), port=self._line.far, baudrate=baud, ignore_missing_devices=True
        )
        self._server.faults = self.faults
        await self._server.serve_forever(background=True)
        return str(link or self._line.near)

    async def stop(self) -> None:
        """Leave the line."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None
        if self._line is not None:
            self._line.close()
            self._line = None

    def _devices(self) -> list[SimDevice]:
        blank = SimData(0, count=_REGISTERS, values=0, datatype=DataType.REGISTERS)
        return [SimDevice(unit, [blank], action=partial(self._access, unit)) for unit in self._units]

    async def _access(
        self,
        unit: int,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: Any,
    ) -> ExcCodes | None:
        """pymodbus asks before each access: fill in what is read now, take what is written."""
        bridge = self._units[unit]
        if values is not None and function in (6, 16):
            return bridge.write(address, list(values))
        if function not in (3, 4):
            return ExcCodes.ILLEGAL_FUNCTION
        words = bridge.read(address, count)
        if isinstance(words, ExcCodes):
            return words
        registers[address - start : address - start + count] = words
        return None


class _Handler(ServerRequestHandler):
    """One master's connection, whose answers suffer the faults."""

    faults: Faults

    def send(self, data: bytes, addr: Any = None) -> None:
        fault = self.faults.next()
        match fault:
            case None:
                super().send(data, addr)
            case Fault("late", ms):
                self.loop.call_later(ms / 1000, self._send_if_open, data)
            case Fault("corrupt"):
                at = len(data) // 2
                super().send(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :], addr)
            case Fault("cut"):
                super().send(data[: len(data) // 2], addr)
            case Fault("twice", ms):
                super().send(data, addr)
                self.loop.call_later(ms / 1000, self._send_if_open, data)
            case Fault("foreign"):
                super().send(self._from_another_unit() + data, addr)

    def _send_if_open(self, data: bytes) -> None:
        if self.transport is not None:
            super().send(data)

    def _from_another_unit(self) -> bytes:
        pdu = self.last_pdu
        if pdu is None:
            return b""
        return self.framer.encode(bytes([3, 2, 0x12, 0x34]), pdu.dev_id + 1, pdu.transaction_id)


class _TcpServer(ModbusTcpServer):
    faults: Faults

    def callback_new_connection(self) -> ServerRequestHandler:
        return _handler(self)


class _SerialServer(ModbusSerialServer):
    faults: Faults

    def callback_new_connection(self) -> ServerRequestHandler:
        return _handler(self)


def _handler(server: _TcpServer | _SerialServer) -> ServerRequestHandler:
    handler = _Handler(server, server.trace_packet, server.trace_pdu, server.trace_connect)  # type: ignore[no-untyped-call]
    handler.faults = server.faults
    return handler


class _Line:
    """A serial cable: two pseudo-terminals whose masters pass on what the other receives."""

    def __init__(self, link: Path | None) -> None:
        self._loop = asyncio.get_running_loop()
        near_master, near_slave = os.openpty()
        far_master, far_slave = os.openpty()
        self._masters = (near_master, far_master)
        self._slaves = (near_slave, far_slave)  # kept open: a line stays up while nobody has it open
        for slave in self._slaves:
            tty.setraw(slave)
        self.near, self.far = os.ttyname(near_slave), os.ttyname(far_slave)
        for source, target in (self._masters, self._masters[::-1]):
            os.set_blocking(source, False)
            self._loop.add_reader(source, self._pass_on, source, target)
        self._link = link
        if link is not None:
            fresh = link.with_name(link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.near)
            fresh.replace(link)

    def _pass_on(self, source: int, target: int) -> None:
        with contextlib.suppress(
            BlockingIOError
        ):  # nobody reads at the far end: a cable does not wait either
            os.write(target, os.read(source, 4096))

    def close(self) -> None:
        for master in self._masters:
            self._loop.remove_reader(master)
        for fd in (*self._masters, *self._slaves):
            os.close(fd)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
