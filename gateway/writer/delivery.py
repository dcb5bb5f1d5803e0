"""How a batch of lines gets into the database whatever the server answers. Pure but for the callables
handed in.

| answer | what it means here | what is done |
|---|---|---|
| 2xx | taken | next |
| no connection, time-out, 429, 5xx | not now | the same bytes again, later (Retry-After is honoured) |
| 413 | too much at once | halves |
| 400, 422 | a line in it is bad | halves, until the guilty lines stand alone: they are convicted, the
others taken | | 401, 403, 404, any other | not as things stand | stop, raise an alarm, try again slowly: it
may be repaired |

Writing a line twice is harmless, since its name decides its time. If *every* line of a batch of several
earns a 400, then it is not the lines (our encoder would have to be wrong each time): nobody is convicted,
and the answer counts as a stop. A 422 is about points by its meaning (another type, older than the bucket
keeps), so it may convict them all.
"""

from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from msgspec import Struct

MAX_RETRY_AFTER_S = 300.0


class Kind(Enum):
    """What an answer asks for; see the table above."""

    TAKEN = auto()
    LATER = auto()
    SPLIT = auto()
    GUILTY = auto()
    STOP = auto()


class Answer(Struct, frozen=True):
    """What the server said. `status` 0: it did not. `after_s`: when it wants to be asked again."""

    kind: Kind
    status: int
    words: str
    after_s: float | None = None


class Convict(Struct, frozen=True):
    """A line that the server refuses, by its place in the batch, with the server's words."""

    place: int
    status: int
    words: str


class Delivered(Struct, frozen=True):
    """All lines of a batch are taken, but for the convicted."""

    convicts: list[Convict]


def judge(status: int, words: str, retry_after: str | None = None, now_s: float = 0.0) -> Answer:
    """Read an HTTP status.

    `retry_after`: the header, seconds or a date (RFC 9110 §10.2.3); `now_s` for the latter.
    """
    words = words.strip()[:500]
    if 200 <= status < 300:
        return Answer(Kind.TAKEN, status, "")
    if status == 429 or status >= 500:
        return Answer(Kind.LATER, status, words, _after(retry_after, now_s))
    if status == 413:
        return Answer(Kind.SPLIT, status, words)
    if status in (400, 422):
        return Answer(Kind.GUILTY, status, words)
    return Answer(Kind.STOP, status, words)


def deliver(lines: Sequence[bytes], write: Callable[[bytes], Answer]) -> Delivered | Answer:
    """Write lines, halving where the answers ask for it. An Answer (LATER or STOP): try the whole batch
    again.

    `write` sends one body and returns the answer.
    """
    convicts: list[Convict] = []
    parts = [(0, len(lines))]  # places from, to; a stack, so that the order of lines is kept
    while parts:
        start, end = parts.pop()
        if start == end:
            continue
        answer = write(b"\n".join(lines[start:end]))
        match answer.kind:
            case Kind.TAKEN:
                pass
            case Kind.SPLIT | Kind.GUILTY if end - start > 1:
                middle = (start + end) // 2
                parts += [(middle, end), (start, middle)]
            case Kind.SPLIT | Kind.GUILTY:
                convicts.append(Convict(start, answer.status, answer.words))
            case Kind.LATER | Kind.STOP:
                return answer
    if len(lines) > 1 and [convict.status for convict in convicts] == [400] * len(lines):
        first = convicts[0]
        return Answer(Kind.STOP, first.status, f"every line refused: {first.words}")
    return Delivered(convicts)


def _after(header: str | None, now_s: float) -> float | None:
    if not header:
        return None
    try:
        seconds = (
            float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - now_s
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
