"""What a sink says of itself: its state, the conditions that a person should know, the log."""

import time
from collections.abc import Callable

from gateway.delays import Histogram
from gateway.logs import WARNING, Event
from gateway.processes import Facts

_STATE = Event("sink-state", "{sink}: {state}. {detail}", doc="A sink came back to work.")
_TROUBLE = Event(
    "sink-trouble", "{sink}: {state}. {detail}", level=WARNING, doc="A sink cannot write for the time being."
)
_WORKING = frozenset(("starting", "up to date", "writing", "catching up"))
# Which condition a state of trouble is.
_CODES = {
    "waiting": "sink-away",
    "stopped": "sink-stopped",
    "failed": "sink-stopped",
    "store-failed": "sink-stopped",
    "journal-failed": "journal-failed",
}


class Telling:
    """Written by the sink's thread, read by any. `told` is called when the state has changed."""

    def __init__(self, name: str, told: Callable[[], None]) -> None:
        self.state, self.detail = "starting", ""
        self.failures = 0  # on end
        self.delay = Histogram()
        self._name = name
        self._told = told
        self._since_ms = now_ms()
        self._troubles = 0  # since the start
        self._last_trouble = ""
        self._standing: dict[str, Facts] = {}  # conditions that outlast a state, by code

    def facts(self) -> Facts:
        return {
            "state": self.state,
            "detail": self.detail,
            "failures": self.failures,
            "troubles": self._troubles,
            "last_trouble": self._last_trouble,
            "delay": self.delay.facts(),
        }

    def conditions(self) -> list[Facts]:
        """What a person should know now (see gateway.alarms)."""
        found = list(self._standing.values())
        code = _CODES.get(self.state)
        if code is not None:
            found.append(self._condition(code, self.detail, self._since_ms))
        return found

    def works(self, state: str) -> None:
        """It works: "up to date", "writing" or "catching up"."""
        self.failures = 0
        self._tell(state, "")

    def fails(self, state: str, detail: str) -> None:
        """It cannot go on for now, and why."""
        self.failures += 1
        self._troubles += 1
        self._last_trouble = f"{state}: {detail}"
        self._tell(state, detail)

    def stand(self, code: str, detail: str, since_ms: int | None = None) -> None:
        """A condition holds until `settle`, whatever the state."""
        self._standing[code] = self._condition(code, detail, now_ms() if since_ms is None else since_ms)

    def settle(self, code: str) -> None:
        self._standing.pop(code, None)

    def _condition(self, code: str, detail: str, since_ms: int) -> Facts:
        return {"code": code, "detail": detail, "since_ms": since_ms, "about": self._name}

    def _tell(self, state: str, detail: str) -> None:
        """Logged only when it changes for the worse, or back."""
        if state == self.state and detail == self.detail and not self.failures:
            return
        if state != self.state and state not in _WORKING:
            _TROUBLE(sink=self._name, state=state, detail=detail)
        elif self.state not in _WORKING and state in _WORKING:
            _STATE(sink=self._name, state=state, detail=detail)
        if state != self.state:
            self._since_ms = now_ms()
        self.state, self.detail = state, detail
        self._told()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
