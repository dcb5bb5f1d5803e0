"""A line and its arbiter: one exchange at a time, with a deadline, over TCP or a serial device.

A thin shell over pymodbus for what pymodbus leaves open: an RTU answer carries neither an address nor a
transaction number, so one that comes after its time-out would be taken for the answer to the next request.
Therefore, after any exchange that went wrong, the line is *dirty*: before the next request a TCP connection
is made anew, and a serial line is drained until it has been silent for a whole time-out. What arrives
without having been asked for is never decoded. What no master can see on a serial line is an answer that
comes when the next request is already on its way; so callers read groups of different lengths and check the
identity of what they read (see `registers` and `weighings`), which holds however late an answer comes.

Stations at the same address share one bus: several units on one RS-485 line, or behind one converter.
"""

import logging
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU
from serial import Serial

from gateway.modbus.config import StationConfig

# pymodbus reports each time-out as an error of its own; the station says it once, in its own words.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

DRAIN_LIMIT = 5  # time-outs that a serial line may go on talking, unasked, before it counts as unusable
TURN_S = 60.0  # how long one station waits for the others on its bus

Master = ModbusTcpClient | ModbusSerialClient
T = TypeVar("T")


class ExchangeError(Exception):
    """An exchange that gave nothing.

    `code` is stable: `unreachable` (no connection or no serial device), `no-answer` (silence until the
    deadline), `wrong-answer` (something else than what was asked for), `refused` (the device answered with
    an exception), `line-noise` (the line does not fall silent), `bus-busy` (other stations held the bus all
    the time).
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Bus:
    """One line. Get it with `join`, give it back with `leave`; any thread may use it in between."""

    def __init__(self, config: StationConfig) -> None:
        self.users = 0
        self._transport, self._address = config.transport, config.address
        self._lock = threading.Lock()
        self._dirty = True
        self._timeout_s = config.timeout_ms / 1000
        self._master: Master
        if config.transport == "tcp":
            host, _, port = config.address.rpartition(":")
            self._master = ModbusTcpClient(host.strip("[]"), port=int(port), retries=0)
        else:
            self._master = ModbusSerialClient(config.address, baudrate=config.baud, retries=0)

    def exchange(
        self, timeout_s: float, request: Callable[[Master], ModbusPDU], use: Callable[[ModbusPDU], T]
    ) -> T:
        """Make a request and return what `use` makes of its answer. Raises ExchangeError, as may `use`."""
        with self._turn(timeout_s):
            self._make_clean()
            try:
                answer = request(self._master)
            except ModbusException as error:
                raise ExchangeError("no-answer", str(error)) from error
            except OSError as error:  # pyserial's errors among them: the device was pulled
                self._hang_up()
                raise ExchangeError("unreachable", str(error)) from error
            result = use(answer)
            self._dirty = False
            return result

    def distrust(self) -> None:
        """What was read last was an answer to something else: clean up before the next request."""
        with self._lock:
            self._dirty = True

    def close(self) -> None:
        """Hang up; for `leave`."""
        with self._lock:
            self._hang_up()

    @contextmanager
    def _turn(self, timeout_s: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=TURN_S):
            raise ExchangeError("bus-busy", f"{self._address} was in use for {TURN_S:g} s")
        try:
            self._timeout_s = self._master.comm_params.timeout_connect = timeout_s
            yield
        finally:
            self._lock.release()

    def _make_clean(self) -> None:
        """Leave nothing on the way that could be taken for an answer; dirty until an exchange went well."""
        if self._dirty or self._waiting():
            if self._transport == "tcp":
                self._hang_up()
                self._connect()
            else:
                self._connect()
                self._drain()
        self._dirty = True

    def _connect(self) -> None:
        if not self._master.connect():
            what = "connection to" if self._transport == "tcp" else "serial device at"
            raise ExchangeError("unreachable", f"no {what} {self._address}")

    def _hang_up(self) -> None:
        self._master.close()  # type: ignore[no-untyped-call]
        self._dirty = True

    def _waiting(self) -> bool:
        """Whether something arrived that nobody asked for, or the other side hung up."""
        socket = self._master.socket
        return socket is None or bool(select.select([socket], [], [], 0)[0])

    def _drain(self) -> None:
        """Throw away what arrives on the serial line until it was silent for a whole time-out."""
        line = self._master.socket
        if not isinstance(line, Serial):
            raise ExchangeError("unreachable", f"{self._address} is closed")
        end = time.monotonic() + DRAIN_LIMIT * self._timeout_s
        try:
            while select.select([line], [], [], self._timeout_s)[0]:
                line.read(max(1, line.in_waiting))  # raises when the device was pulled
                if time.monotonic() > end:
                    raise ExchangeError(
                        "line-noise", f"{self._address}: no silence in {DRAIN_LIMIT} time-outs"
                    )
        except OSError as error:
            self._hang_up()
            raise ExchangeError("unreachable", str(error)) from error


_buses: dict[tuple[str, str], Bus] = {}
_buses_lock = threading.Lock()


def join(config: StationConfig) -> Bus:
    """The bus at the station's address, made when it is the first one there."""
    with _buses_lock:
        bus = _buses.setdefault((config.transport, config.address), Bus(config))
        bus.users += 1
        return bus


def leave(bus: Bus) -> None:
    """Give a bus back; the last one hangs up."""
    with _buses_lock:
        bus.users -= 1
        if bus.users == 0:
            for key in [key for key, other in _buses.items() if other is bus]:
                del _buses[key]
            bus.close()
