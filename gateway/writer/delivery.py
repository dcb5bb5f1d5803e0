"""How a batch of lines gets into the database whatever the server answers. Pure but for the callables
handed in.

| answer | what it means here | what is done |
|---|---|---|
| 2xx | taken | next |
| no connection, time-out, 429, 5xx | not now | the same bytes again, later (Retry-After is honoured) |
| 413 | too much at once | halves |
| 400, 422 | a line in it is bad | parted, until guilty lines stand alone: they are convicted |
| 401, 403, 404, any other | not as things stand | stop, raise an alarm, try again slowly |

Writing a line twice is harmless, since its name decides its time. So after a 422, of which InfluxDB has
written an unknown part, everything is written again in parts until each part is taken or guilty as a whole.

Where to part is guessed from the server's words (which lines they quote, which field is in conflict, how
many were dropped for their age), and the guess is put to the test: lines are convicted together only when a
422 says that it dropped as many as were sent, or when a 400 quotes every one of them. A wrong guess costs
requests, never a line. At worst, without such words, k guilty lines of n cost about 2·k·log2(n/k) requests.

A 400 may also come from something that is not the server (a proxy, a wrong path). So it convicts only beside
a line that the same server takes: another of the batch, or the `proof`, a line that it took before and that
is sent again. Without one the answer counts as a stop.
"""

import re
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum, auto

import msgspec
from msgspec import Struct

MAX_RETRY_AFTER_S = 300.0
MAX_WORDS = 500

_DROPPED = re.compile(r"dropped=([0-9]{1,9})(?![0-9])")
_QUOTED = re.compile(r"unable to parse '(.*)': ")
_CONFLICT = re.compile(r'input field "([^"]+)" on measurement "([^"]+)"')
_TAG = re.compile(r"<[^>]*>")

Write = Callable[[bytes], "Answer"]


class Kind(Enum):
    """What an answer asks for; see the table above."""

    TAKEN = auto()
    LATER = auto()
    SPLIT = auto()
    GUILTY = auto()
    STOP = auto()


class Answer(Struct, frozen=True):
    """What the server said. `status` 0: it did not. `after_s`: when it wants to be asked again.

    `dropped`: how many lines it says it has not written; `quoted`: lines that it says it cannot read.
    """

    kind: Kind
    status: int
    words: str
    after_s: float | None = None
    dropped: int | None = None
    quoted: frozenset[str] = frozenset()


class Convict(Struct, frozen=True):
    """A line that the server refuses, by its place in the batch, with the server's words."""

    place: int
    status: int
    words: str


def judge(status: int, body: str, retry_after: str | None = None, now_s: float = 0.0) -> Answer:
    """Read an HTTP answer.

    `retry_after`: the header, seconds or a date (RFC 9110 §10.2.3); `now_s` for the latter.
    """
    if 200 <= status < 300:
        return Answer(Kind.TAKEN, status, "")
    message = _message(body)
    words = message[:MAX_WORDS]
    if status == 429 or status >= 500:
        return Answer(Kind.LATER, status, words, _after(retry_after, now_s))
    if status == 413:
        return Answer(Kind.SPLIT, status, words)
    if status == 422:
        dropped = _DROPPED.search(message)
        return Answer(Kind.GUILTY, status, words, dropped=int(dropped[1]) if dropped else None)
    if status == 400:
        return Answer(Kind.GUILTY, status, words, quoted=frozenset(_QUOTED.findall(message)))
    return Answer(Kind.STOP, status, words)


class Delivery:
    """One batch on its way. `run` goes on where the last call ended."""

    def __init__(self, lines: Sequence[str], proof: str | None = None) -> None:
        self._lines = lines
        self._parts: list[Sequence[int]] = [range(len(lines))] if lines else []  # a stack: the order is kept
        self._accused: list[Convict] = []  # by a 400, while nothing proves that the server takes anything
        self._proof = proof
        self._proven = False
        self.convicts: list[Convict] = []
        self.taken: str | None = None  # a line that was taken: a proof for later

    @property
    def done(self) -> bool:
        """All lines are taken, but for the convicted."""
        return not self._parts and not self._accused

    def run(self, write: Write, most: int | None = None) -> Answer | None:
        """Send what is left, in at most so many requests. `write` sends one body and returns the answer.

        An Answer (LATER or STOP): not now. None: done, or `most` is used up.
        """
        while not self.done and (most is None or most > 0):
            answer = self._send(write) if self._parts else self._prove(write)
            if answer is not None:
                return answer
            most = None if most is None else most - 1
        return None

    def _send(self, write: Write) -> Answer | None:
        part = self._parts.pop()
        answer = write("\n".join(self._lines[place] for place in part).encode())
        if answer.status == 422:  # it is about the meaning of lines that were read
            self._believe()
        match answer.kind:
            case Kind.TAKEN:
                self.taken = self._lines[part[-1]]
                self._believe()
            case Kind.SPLIT | Kind.GUILTY if len(part) > 1 and not self._all_guilty(part, answer):
                self._part(part, answer)
            case Kind.SPLIT | Kind.GUILTY:
                guilty = [Convict(place, answer.status, answer.words) for place in part]
                (self._accused if answer.status == 400 else self.convicts).extend(guilty)
                if self._proven:
                    self._believe()
            case Kind.LATER | Kind.STOP:
                self._parts.append(part)
                return answer
        return None

    def _all_guilty(self, part: Sequence[int], answer: Answer) -> bool:
        if answer.dropped is not None and answer.dropped >= len(part):
            return True
        return bool(answer.quoted) and all(self._lines[place] in answer.quoted for place in part)

    def _part(self, part: Sequence[int], answer: Answer) -> None:
        """Two parts in place of one; the suspects are written last."""
        suspects = set() if answer.kind is Kind.SPLIT else self._suspects(part, answer)
        if 0 < len(suspects) < len(part):
            rest = [place for place in part if place not in suspects]
            self._parts += [[place for place in part if place in suspects], rest]
            return
        if answer.status == 422:  # what a shard or a bucket's age drops lies together in time
            part = sorted(part, key=lambda place: _time(self._lines[place]))
        middle = len(part) // 2
        self._parts += [part[middle:], part[:middle]]

    def _suspects(self, part: Sequence[int], answer: Answer) -> set[int]:
        if answer.quoted:
            return {place for place in part if self._lines[place] in answer.quoted}
        if answer.dropped and "retention policy" in answer.words:
            return set(sorted(part, key=lambda place: _time(self._lines[place]))[: answer.dropped])
        if conflict := _CONFLICT.search(answer.words):
            field, measurement = conflict.groups()
            return {place for place in part if _carries(self._lines[place], measurement, field)}
        return set()

    def _prove(self, write: Write) -> Answer | None:
        """All parts are through, and what was accused found no line beside it that was taken."""
        first = self._accused[0]
        if self._proof is not None:
            answer = write(self._proof.encode())
            if answer.kind in (Kind.LATER, Kind.STOP):
                return answer
            if (
                answer.kind is Kind.TAKEN or answer.status == 422
            ):  # it reads lines, if only to call this too old
                self._believe()
                return None
        self._parts.append([convict.place for convict in self._accused])
        self._accused.clear()
        return Answer(Kind.STOP, first.status, f"every line refused: {first.words}")

    def _believe(self) -> None:
        self._proven = True
        self.convicts += self._accused
        self._accused.clear()


def _message(body: str) -> str:
    """What an error page says: `message` of InfluxDB's JSON; else the text, without the tags of HTML."""
    try:
        found = msgspec.json.decode(body, type=dict[str, object]).get("message")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found = None
    return found if isinstance(found, str) else " ".join(_TAG.sub(" ", body).split())


def _carries(line: str, measurement: str, field: str) -> bool:
    return line.startswith(f"{measurement},") and (f",{field}=" in line or f" {field}=" in line)


def _time(line: str) -> int:
    time = line.rpartition(" ")[2]
    return int(time) if time.isdigit() else 0


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
