"""One Modbus exchange at a time, with a deadline, over TCP or a serial line.

A thin shell over pymodbus for what pymodbus leaves open: an RTU answer carries neither an address nor a
transaction number, so one that comes after its time-out would be taken for the answer to the next request.
Therefore, after any exchange that went wrong, the connection is *dirty*: before the next request a TCP
connection is made anew, and a serial line is drained until it has been silent for a whole time-out. What
arrives without having been asked for is never decoded. Function code, length and echo of every answer are
checked here. What no master can see on a serial line is an answer that comes when the next request is
already on its way; so callers read groups of different lengths and check the identity of what they read
(see `registers` and `weighings`), which holds however late an answer comes.
"""

import logging
import select
import time
from collections.abc import Callable, Sequence
from typing import Literal

from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU
from serial import Serial

from gateway.modbus.config import StationConfig

# pymodbus reports each time-out as an error of its own; the station says it once, in its own words.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

# How many time-outs a line may go on talking, unasked, before it counts as unusable.
_DRAIN_LIMIT = 5

Table = Literal["holding", "input"]


class ExchangeError(Exception):
    """An exchange that gave nothing.

    `code` is stable: `unreachable` (no connection or no serial device), `no-answer` (silence until the
    deadline), `wrong-answer` (something else than what was asked for), `refused` (the device answered with
    an exception), `line-noise` (the line does not fall silent).
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Client:
    """The master's side of one station. Not thread-safe: one thread owns it. `close()` it in the end."""

    def __init__(self, config: StationConfig) -> None:
        self._config = config
        self._timeout_s = config.timeout_ms / 1000
        self._dirty = True
        self._pymodbus: ModbusTcpClient | ModbusSerialClient
        if config.transport == "tcp":
            host, _, port = config.address.rpartition(":")
            self._pymodbus = ModbusTcpClient(host, port=int(port), timeout=self._timeout_s, retries=0)
        else:
            self._pymodbus = ModbusSerialClient(
                config.address, baudrate=config.baud, timeout=self._timeout_s, retries=0
            )

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Read `count` registers from `address` on. Raises ExchangeError."""
        read = {
            "holding": self._pymodbus.read_holding_registers,
            "input": self._pymodbus.read_input_registers,
        }[table]
        what = f"{count} {table} registers from {address}"
        answer = self._exchange(
            what, {"holding": 3, "input": 4}[table], lambda unit: read(address, count=count, device_id=unit)
        )
        if len(answer.registers) != count:
            raise self._failed("wrong-answer", f"{what}: {len(answer.registers)} registers came")
        return list(answer.registers)

    def write(self, address: int, words: Sequence[int]) -> None:
        """Write holding registers from `address` on (function code 16). Raises ExchangeError."""
        what = f"writing {len(words)} registers from {address}"
        answer = self._exchange(
            what, 16, lambda unit: self._pymodbus.write_registers(address, list(words), device_id=unit)
        )
        if (answer.address, answer.count) != (address, len(words)):
            raise self._failed("wrong-answer", f"{what}: {answer.count} from {answer.address} were confirmed")

    def distrust(self) -> None:
        """What was read last was an answer to something else: clean up before the next request."""
        self._dirty = True

    def close(self) -> None:
        """Give the connection or the serial device back."""
        self._pymodbus.close()  # type: ignore[no-untyped-call]
        self._dirty = True

    def _exchange(self, what: str, function: int, request: Callable[[int], ModbusPDU]) -> ModbusPDU:
        self._make_clean()
        try:
            answer = request(self._config.unit_id)
        except ModbusException as error:
            raise self._failed("no-answer", f"{what}: {error}") from error
        except OSError as error:  # pyserial's errors among them: the device was pulled
            self.close()
            raise self._failed("unreachable", str(error)) from error
        if answer.isError():
            raise ExchangeError("refused", f"{what}: {answer}")
        if answer.function_code != function:
            raise self._failed("wrong-answer", f"{what}: an answer of function {answer.function_code} came")
        return answer

    def _failed(self, code: str, detail: str) -> ExchangeError:
        self._dirty = True
        return ExchangeError(code, f"{self._config.address}, unit {self._config.unit_id}: {detail}")

    def _make_clean(self) -> None:
        """Leave nothing on the way that could be taken for an answer to the next request."""
        if not self._dirty and self._waiting():
            self._dirty = True
        if not self._dirty:
            return
        if self._config.transport == "tcp":
            self.close()
            self._connect()
        else:
            self._connect()
            self._drain()
        self._dirty = False

    def _connect(self) -> None:
        if not self._pymodbus.connect():
            where = "connection to" if self._config.transport == "tcp" else "serial device at"
            raise ExchangeError("unreachable", f"no {where} {self._config.address}")

    def _waiting(self) -> bool:
        """Whether something arrived that nobody asked for, or the other side hung up."""
        socket = self._pymodbus.socket
        return socket is None or bool(select.select([socket], [], [], 0)[0])

    def _drain(self) -> None:
        """Throw away what arrives on the serial line until it was silent for a whole time-out."""
        line = self._pymodbus.socket
        end = time.monotonic() + _DRAIN_LIMIT * self._timeout_s
        if not isinstance(line, Serial):
            raise self._failed("unreachable", "the serial device is closed")
        try:
            while select.select([line], [], [], self._timeout_s)[0]:
                line.read(max(1, line.in_waiting))  # raises when the device was pulled
                if time.monotonic() > end:
                    raise self._failed("line-noise", f"not silent within {_DRAIN_LIMIT} time-outs")
        except OSError as error:
            self.close()
            raise self._failed("unreachable", str(error)) from error
