"""What a person sees of a run: one line per subsystem, kept up to date on a terminal, else printed as it
changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

_EVENTS_SHOWN = 6
# Without a terminal, a line that only counts on is repeated no more often than this.
_REPEAT_S = 15.0
_STYLES = {"up": "green", "waiting": "yellow", "busy": "cyan", "down": "bold red"}
_SIGNS = {"up": "●", "waiting": "○", "busy": "◐", "down": "✗"}


@dataclass(frozen=True)
class Line:
    """One subsystem: `mood` is `up`, `busy`, `waiting` or `down`; `detail` may change every second."""

    name: str
    mood: str
    state: str
    detail: str = ""


class Display:
    """Shows `lines()` while it is entered. `say` adds an event."""

    def __init__(self, lines: Callable[[], list[Line]], *, quiet: bool = False) -> None:
        self._lines = lines
        self._console = Console(quiet=quiet)
        self._began = time.monotonic()
        self._events: list[str] = []
        self._printed: dict[str, tuple[str, float]] = {}
        self._headline: list[str] = []
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._picture, refresh_per_second=2)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def headline(self, *lines: str) -> None:
        """What a person needs most: the address and the login."""
        self._headline = list(lines)
        if self._live is None:
            for line in lines:
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Something happened."""
        line = f"{time.monotonic() - self._began:6.1f} s  {text}"
        self._events = [*self._events, line][-_EVENTS_SHOWN:]
        if self._live is None:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def refresh(self) -> None:
        """Without a terminal: print the lines whose state has changed, and all of them now and then."""
        if self._live is not None:
            return
        now = time.monotonic()
        for line in self._lines():
            state, at = self._printed.get(line.name, ("", 0.0))
            if line.state != state or now - at > _REPEAT_S:
                self._printed[line.name] = (line.state, now)
                text = f"{now - self._began:6.1f} s  {line.name:<9} {line.state}  {line.detail}".rstrip()
                self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _picture(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for line in self._lines():
            style = _STYLES[line.mood]
            table.add_row(
                Text(_SIGNS[line.mood], style), Text(line.name, "bold"), Text(line.state, style), line.detail
            )
        head = [Text(line, "bold") for line in self._headline]
        tail = [Text(event, "dim") for event in self._events]
        return Group(*head, Text(), table, Text(), *tail)
