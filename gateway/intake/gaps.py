"""When to ask a device for what is missing in the middle of its log. Pure.

An unchanged `down/ack` is the request: it says up to where the log is unbroken, while the device has sent
what comes behind. A device goes back to its first unacknowledged record by itself after a while; asking makes
sure that it hears of it even when the acknowledgement before was lost on the way.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateway.journal import Gap

FIRST_S = 5.0  # messages may overtake each other on the way; most gaps close by themselves
LONGEST_S = 600.0  # between two requests; each is twice as long as the one before


class _Request(NamedTuple):
    """`mark`: where the gap begins, less one; another mark is another gap."""

    mark: int
    next_s: float
    wait_s: float


class Requests:
    """Knows which logs were asked, and when next. As large as the number of open gaps that it is shown."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str], _Request] = {}
        self.asked = 0  # requests since start

    def due(self, gaps: Iterable[Gap], now_s: float) -> Mapping[tuple[str, str], int]:
        """The marks to be told now, by log. `gaps`: all that are open now."""
        marks: dict[tuple[str, str], int] = {}
        for gap in gaps:
            marks.setdefault((gap.device, gap.log), gap.first - 1)
        logs: dict[tuple[str, str], _Request] = {}
        ask: dict[tuple[str, str], int] = {}
        for key, mark in marks.items():
            if mark < 0:
                continue  # nothing is known below it that could be acknowledged
            request = self._logs.get(key)
            if request is None or request.mark != mark:
                request = _Request(mark, now_s + FIRST_S, FIRST_S)
            elif now_s >= request.next_s:
                ask[key] = mark
                wait_s = min(2 * request.wait_s, LONGEST_S)
                request = _Request(mark, now_s + wait_s, wait_s)
            logs[key] = request
        self._logs = logs
        self.asked += len(ask)
        return ask
