"""The console's protocol: one line asks, one line answers, `= <JSON>` or `! <code> <message>`. Pure.

A serial line also carries what nobody asked for: boot messages, echoes, halves of lines, noise. Only a
whole line that begins like an answer and reads as one is an answer; everything else is skipped.
"""

import json
from dataclasses import dataclass
from typing import Any

MAX_LINE = 65_536  # bytes; a longer one is noise
_REFUSED = b"! "
_ANSWERED = b"= "


@dataclass(frozen=True, slots=True)
class Answer:
    """The command went well."""

    value: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """The command did not go well: a stable code, and words."""

    code: str
    message: str


def parse_line(line: bytes) -> Answer | Refusal | None:
    """One line (without its end) as an answer; None when it is none."""
    text = line.strip(b"\r\n \x00")
    if text.startswith(_ANSWERED):
        try:
            return Answer(json.loads(text[len(_ANSWERED) :]))
        except (ValueError, RecursionError):
            return None
    if text.startswith(_REFUSED):
        code, _, message = text[len(_REFUSED) :].decode("utf-8", "replace").partition(" ")
        return Refusal(code, message) if code else None
    return None


class Lines:
    """Cuts a stream of bytes into lines; holds at most MAX_LINE bytes of an unfinished one."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-MAX_LINE:]
        return [line for line in lines if len(line) <= MAX_LINE]

    def clear(self) -> None:
        self._rest = b""
