"""What the gateway logs: events with a stable code and fields, as text for people or as JSON lines.

An event is declared where it happens, once, and called with its fields:

    STARTED = Event("process-started", "{process} started, store {store}", doc="A process came up.")
    STARTED(process="intake", store="/var/lib/huishou")

The text is made of the fields, so nothing is in it that a program could not read from the JSON. The table of
codes in docs/operators.md is made from these declarations (`huishou config tables`). What repeats is
said BURST times a minute, then counted and summed up (`repeated`).
"""

import json
import logging
import re
import string
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TextIO

import msgspec

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
LOGGER = "gateway.events"
BURST = 5  # equal events a minute that are said one by one
WINDOW_S = 60.0
MAX_KEYS = 1_000  # different events remembered for that
_CODE = re.compile(r"\[([a-z][a-z0-9]*(?:-[a-z0-9]+)+)\]")  # in texts that are not events
_RESERVED = frozenset({"time", "level", "process", "code", "text", "repeated", "error"})


class LogConfig(msgspec.Struct, frozen=True):
    """What the processes log on standard error: as `text` for people, or as `json`, one object a line."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Event:
    """One kind of event. `text`: made of the fields that a call hands over; `doc`: for the table of codes."""

    declared: ClassVar[dict[str, "Event"]] = {}
    text: str
    level: int

    def __init__(self, code: str, text: str, *, level: int = INFO, doc: str) -> None:
        """Raises ValueError when the code is taken: one code means one thing."""
        other = Event.declared.get(code)
        if other is not None and (other.text, other.level) != (text, level):
            raise ValueError(f"event {code!r} is declared twice: {other.text!r} and {text!r}")
        self.code = code
        self.text = text
        self.level = level
        self.doc = doc
        self.fields = tuple(name for _, name, _, _ in string.Formatter().parse(text) if name)
        if clash := _RESERVED & {*self.fields}:
            raise ValueError(f"event {code!r}: the field names {sorted(clash)} are taken")
        Event.declared[code] = self

    def __call__(self, *, error: BaseException | None = None, **fields: Any) -> None:
        """Log it. `error`: whose traceback is to be added. Fields beyond the text's go into the JSON."""
        log = logging.getLogger(LOGGER)
        if log.isEnabledFor(self.level):
            extra = {"event": self, "fields": fields}
            log.log(self.level, self.text.format_map(fields), exc_info=error, extra=extra, stacklevel=2)


class _Seen:
    """One kind of event within its window."""

    __slots__ = ("held", "last", "said", "since_s")

    def __init__(self, since_s: float, last: logging.LogRecord) -> None:
        self.since_s = since_s
        self.said = 1
        self.held = 0
        self.last = last


class Repeats(logging.Filter):
    """Lets BURST events of a kind pass in a minute, and counts the rest; their number is said afterwards.

    Of a kind: same code and same text, or for plain log lines the same place. `clock`: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        key = _key(record)
        with self._lock:
            now_s = self._clock()
            seen = self._seen.get(key)
            if seen is None or now_s - seen.since_s >= WINDOW_S:
                if seen is not None and seen.held:
                    record.repeated = seen.held
                if len(self._seen) >= MAX_KEYS:
                    self._seen.clear()
                self._seen[key] = _Seen(now_s, record)
                return True
            if seen.said < BURST:
                seen.said += 1
                return True
            seen.held += 1
            seen.last = record
            return False

    def due(self) -> list[logging.LogRecord]:
        """The last of each kind that was held back, with their number, once its minute is over."""
        with self._lock:
            now_s = self._clock()
            over = [key for key, seen in self._seen.items() if now_s - seen.since_s >= WINDOW_S]
            ended = [self._seen.pop(key) for key in over]
        for seen in ended:
            seen.last.repeated = seen.held
        return [seen.last for seen in ended if seen.held]


def _key(record: logging.LogRecord) -> tuple[str, str]:
    event: Event | None = getattr(record, "event", None)
    if event is not None:
        return event.code, record.getMessage()
    return f"{record.pathname}:{record.lineno}", str(record.msg)


class TextLines(logging.Formatter):
    """`2026-11-21T12:00:00.123Z intake WARNING text [code]`"""

    converter = time.gmtime  # type: ignore[assignment]

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ {process} %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        event: Event | None = getattr(record, "event", None)
        tail = f" [{event.code}]" if event is not None and event.level >= WARNING else ""
        if repeated := getattr(record, "repeated", 0):
            tail += f" (repeated {repeated} more times)"
        return super().formatMessage(record) + tail


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601 UTC), `level`, `process`, `code`, `text`, and the fields."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        event: Event | None = getattr(record, "event", None)
        text = record.getMessage()
        found = _CODE.search(text)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "code": event.code if event is not None else found[1] if found else "",
            "text": text,
        }
        if repeated := getattr(record, "repeated", 0):
            line["repeated"] = repeated
        line |= {name: value for name, value in getattr(record, "fields", {}).items() if name not in line}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


_handler: logging.StreamHandler[TextIO] | None = None
_process = ""
_repeats = Repeats()


def set_up(process: str, config: LogConfig | None = None, stream: TextIO | None = None) -> None:
    """One way of logging for a process, on standard error."""
    global _handler, _process
    _process = process
    _handler = logging.StreamHandler(stream or sys.stderr)
    _handler.addFilter(_repeats)
    logging.basicConfig(handlers=[_handler], force=True)
    for chatty in ("paho", "urllib3", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    change(config or LogConfig())


def change(config: LogConfig) -> None:
    """Log as `[log]` says from now on; nothing in a program that has not set its logging up."""
    if _handler is not None:
        _handler.setFormatter(JsonLines(_process) if config.format == "json" else TextLines(_process))
        logging.getLogger().setLevel(config.level.upper())


def flush() -> None:
    """Say what was held back, where its minute is over; called now and then by each process."""
    if _handler is not None:
        for record in _repeats.due():
            _handler.acquire()
            try:
                _handler.emit(record)
            finally:
                _handler.release()


def table(events: Mapping[str, Event]) -> str:
    """Events as a Markdown table."""
    rows = ["| code | level | text | meaning |\n|---|---|---|---|\n"]
    for _, event in sorted(events.items()):
        level = logging.getLevelName(event.level).lower()
        text = event.text.replace("|", "\\|")
        rows.append(f"| `{event.code}` | {level} | {text} | {event.doc} |\n")
    return "".join(rows)
