"""One Modbus station: polls its indicator, fetches each weighing once, and hands it to intake.

The station remembers nothing that matters: how far it has come is intake's high-water mark, asked for at
every poll. So a restart, a lost answer and a rejected batch all come to the same: weighing `mark + 1` is
asked for again.
"""

import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from gateway.modbus.bus import ExchangeError
from gateway.modbus.client import Client
from gateway.modbus.config import StationConfig, register_map
from gateway.modbus.registers import WordsError
from gateway.modbus.weighings import Indicator, read_indicator, read_weighing

_log = logging.getLogger(__name__)

BATCH = 64  # weighings handed over at once: a crash costs at most so many to be fetched again
BACK_OFF_MAX_MS = 60_000


class Phase(StrEnum):
    """How a station is doing."""

    STARTING = "starting"
    ONLINE = "online"  # the indicator answers and everything it holds is journaled
    CATCHING_UP = "catching-up"
    FAILING = "failing"  # see `code`; asked ever less often, up to once a minute
    STOPPED = "stopped"


class StationState(Struct, frozen=True):
    """What is known of a station; replaced as a whole, so that any thread may read it at any time.

    `since_ms`: when this phase and code began. `failures`: exchanges that failed since the last good poll.
    `mark`: the newest weighing that is journaled. `code`, while failing: one of ExchangeError's or
    WordsError's, or `numbers-went-back` (the indicator's memory ends below the mark: it was replaced or
    reset under the same serial number), or `intake-failed` (intake did not take the weighings).
    """

    phase: Phase
    since_ms: int
    code: str | None = None
    detail: str | None = None
    failures: int = 0
    indicator: Indicator | None = None
    mark: int | None = None


class HighWaterMark(Protocol):
    """Asks intake for the newest number of an unbroken journaled run of (device, log); None: nothing yet."""

    def __call__(self, device: str, log: str) -> int | None: ...


class Submit(Protocol):
    """Hands intake records of the contract as JSON, ascending, and returns when they are journaled.

    `first`: the oldest weighing that the indicator still holds; what is missing below it is lost.
    """

    def __call__(self, device: str, log: str, records: list[bytes], first: int) -> None: ...


def pause_ms(state: StationState, poll_ms: int) -> int:
    """How long until the next poll: not at all while catching up, twice as long after each failure."""
    if state.phase is Phase.CATCHING_UP:
        return 0
    return min(poll_ms << min(state.failures, 16), max(BACK_OFF_MAX_MS, poll_ms))


class _StationError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Station:
    """Polls one indicator. `clock`: milliseconds since 1970 UTC."""

    def __init__(
        self, config: StationConfig, hwm: HighWaterMark, submit: Submit, clock: Callable[[], int]
    ) -> None:
        self._config = config
        self._map = register_map(config)
        self._hwm = hwm
        self._submit = submit
        self._clock = clock
        self._state = StationState(Phase.STARTING, clock())

    @property
    def device(self) -> str:
        """The device id that its weighings carry."""
        return self._config.device

    @property
    def state(self) -> StationState:
        """How it is doing now; may be read from any thread."""
        return self._state

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set; returns within about one time-out of that."""
        client = Client(self._config)
        try:
            while not stop.is_set():
                self._poll_once(client, stop)
                stop.wait(pause_ms(self._state, self._config.poll_ms) / 1000)
        finally:
            client.close()
            self._become(Phase.STOPPED)

    def _poll_once(self, client: Client, stop: threading.Event) -> None:
        try:
            caught_up = self._poll(client, stop)
        except WordsError as error:
            client.distrust()
            self._become(Phase.FAILING, error.code, error.detail)
        except (ExchangeError, _StationError) as error:
            self._become(Phase.FAILING, error.code, error.detail)
        except Exception as error:  # noqa: BLE001 (a station outlives whatever intake raises, and asks again)
            if not stop.is_set():
                _log.exception("station %s: its weighings were not taken", self.device)
            self._become(Phase.FAILING, "intake-failed", repr(error))
        else:
            self._become(Phase.ONLINE if caught_up else Phase.CATCHING_UP)

    def _poll(self, client: Client, stop: threading.Event) -> bool:
        """One look at the indicator, and up to BATCH weighings fetched. True: nothing is left to fetch."""
        live = self._map.groups["live"]
        indicator = read_indicator(self._map, client.read(self._map.table, live.address, live.size))
        mark = self._hwm(self.device, indicator.log)
        self._note(indicator, mark)
        if mark is not None and mark > indicator.last:
            raise _StationError(
                "numbers-went-back",
                f"weighing {mark} of {indicator.log} is journaled, the newest the indicator holds is "
                f"{indicator.last}: it was reset, or two carry one serial number; give it a new one",
            )
        start = max(indicator.first, 0 if mark is None else mark + 1)
        if indicator.last == 0:
            return True
        wanted = range(start, min(indicator.last, start + BATCH - 1) + 1)
        records, problem = self._fetch_all(client, indicator.serial, wanted, stop)
        if records:
            self._submit(self.device, indicator.log, records, indicator.first)
            self._note(indicator, start + len(records) - 1)
        if problem is not None:
            raise problem
        return start + len(records) > indicator.last

    def _fetch_all(
        self, client: Client, serial: int, numbers: range, stop: threading.Event
    ) -> tuple[list[bytes], ExchangeError | WordsError | None]:
        """Weighings until one cannot be had; those before it count, or a bad line would stand still."""
        records: list[bytes] = []
        for number in numbers:
            if stop.is_set():
                break
            try:
                records.append(self._fetch(client, serial, number))
            except (ExchangeError, WordsError) as error:
                return records, error
        return records, None

    def _fetch(self, client: Client, serial: int, number: int) -> bytes:
        request, window = self._map.groups["request"], self._map.groups["alibi"]
        client.write(request.address, self._map.encode("request", {"number": number}))
        words = client.read(self._map.table, window.address, window.size)
        return read_weighing(self._map, words, serial, number)

    def _note(self, indicator: Indicator, mark: int | None) -> None:
        s = self._state
        self._state = StationState(s.phase, s.since_ms, s.code, s.detail, s.failures, indicator, mark)

    def _become(self, phase: Phase, code: str | None = None, detail: str | None = None) -> None:
        old = self._state
        changed = (phase, code) != (old.phase, old.code)
        if changed:
            level = logging.WARNING if phase is Phase.FAILING else logging.INFO
            _log.log(level, "station %s: %s%s", self.device, phase, f" ({code}: {detail})" if code else "")
        self._state = StationState(
            phase,
            self._clock() if changed else old.since_ms,
            code,
            detail,
            old.failures + 1 if phase is Phase.FAILING else 0,
            old.indicator,
            old.mark,
        )
