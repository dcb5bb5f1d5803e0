"""One unit on a bus: reads and writes registers, and takes nothing for an answer that is not one."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from pymodbus.pdu import ModbusPDU

from gateway.modbus.bus import ExchangeError, Master, join, leave
from gateway.modbus.config import StationConfig

Table = Literal["holding", "input"]
_FUNCTIONS = {"holding": 3, "input": 4}
_WRITE = 16
T = TypeVar("T")


class Client:
    """The master's side of one station. `close()` it in the end."""

    def __init__(self, config: StationConfig) -> None:
        self._unit = config.unit_id
        self._timeout_s = config.timeout_ms / 1000
        self._where = f"{config.address}, unit {config.unit_id}"
        self._bus = join(config)

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Read `count` registers from `address` on. Raises ExchangeError."""

        def request(master: Master) -> ModbusPDU:
            read = master.read_holding_registers if table == "holding" else master.read_input_registers
            return read(address, count=count, device_id=self._unit)

        def use(answer: ModbusPDU) -> list[int]:
            if len(answer.registers) != count:
                raise ExchangeError("wrong-answer", f"{len(answer.registers)} registers came")
            return list(answer.registers)

        return self._exchange(f"{count} {table} registers from {address}", _FUNCTIONS[table], request, use)

    def write(self, address: int, words: Sequence[int]) -> None:
        """Write holding registers from `address` on (function code 16). Raises ExchangeError."""

        def request(master: Master) -> ModbusPDU:
            return master.write_registers(address, list(words), device_id=self._unit)

        def use(answer: ModbusPDU) -> None:
            if (answer.address, answer.count) != (address, len(words)):
                raise ExchangeError("wrong-answer", f"{answer.count} from {answer.address} were confirmed")

        self._exchange(f"writing {len(words)} registers from {address}", _WRITE, request, use)

    def distrust(self) -> None:
        """What was read last was an answer to something else: the bus cleans up before the next request."""
        self._bus.distrust()

    def close(self) -> None:
        """Leave the bus."""
        leave(self._bus)

    def _exchange(
        self,
        what: str,
        function: int,
        request: Callable[[Master], ModbusPDU],
        use: Callable[[ModbusPDU], T],
    ) -> T:
        def checked(answer: ModbusPDU) -> T | _Refused:
            if (answer.dev_id, answer.function_code & 0x7F) != (self._unit, function):
                came = f"function {answer.function_code} of unit {answer.dev_id}"
                raise ExchangeError("wrong-answer", f"an answer to {came} came")
            if answer.isError():
                return _Refused(str(answer))  # a proper answer: the line is in order
            return use(answer)

        try:
            result = self._bus.exchange(self._timeout_s, request, checked)
        except ExchangeError as error:
            raise ExchangeError(error.code, f"{self._where}: {what}: {error.detail}") from error
        if isinstance(result, _Refused):
            raise ExchangeError("refused", f"{self._where}: {what}: {result}")
        return result


class _Refused(str):
    """The words of an exception answer."""

    __slots__ = ()
