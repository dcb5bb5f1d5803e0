"""One device: its flash log and the contract's rules of sending. Pure: no I/O, time is handed in.

(1) A record is free only when `down/ack` covers it; PUBACK frees a place in the window, no more. (2) A new
connection, or no progress of `down/ack` for a stated time: sending starts again at the first unacknowledged
record. (3) An acknowledgement of what was never sent is counted, not believed.
"""

from collections import deque

from simulators.fleet.records import Unit
from simulators.fleet.wire import topic_field

MAX_BODY = 8192  # bytes of a message, as the firmware's


class Device:
    """`held[i]` is the text of record `first + i`; `cursor` is the next record to send."""

    __slots__ = (
        "cursor",
        "false_acks",
        "first",
        "flying",
        "held",
        "id",
        "log",
        "name",
        "next",
        "per_message",
        "progress_s",
        "queued",
        "sent",
        "t_ms",
        "timed",
        "topic",
        "unit",
        "window",
    )

    def __init__(self, id_: str, log: str, unit: Unit, per_message: int, window: int, t_ms: int) -> None:
        self.id = id_
        self.unit = unit
        self.per_message = per_message
        self.window = window
        self.topic = topic_field(f"huishou/1/{id_}/up/records")
        self.t_ms = t_ms  # of the newest record
        self.queued = False  # for whoever schedules
        self.false_acks = 0
        self._open(log)

    def _open(self, log: str) -> None:
        self.log = log
        self.name = f"{self.id}\t{log}".encode()
        self.first = 1
        self.next = 1
        self.cursor = 1
        self.sent = 0  # newest record ever sent
        self.flying = 0  # messages without PUBACK
        self.held: list[bytes] = []
        self.timed: deque[tuple[int, float]] = deque()  # (last record, when first sent) of each message
        self.progress_s = 0.0

    def make(self, t_ms: int, *, bad: bool = False) -> bytes:
        """Write one record to flash; its text."""
        self.t_ms = t_ms
        text = self.unit.bad(self.next, t_ms) if bad else self.unit.text(self.next, t_ms)
        self.held.append(text)
        self.next += 1
        return text

    def unsent(self) -> int:
        return self.next - self.cursor

    def message(self, now_s: float, now_ms: int) -> bytes | None:
        """The next message's body; None: nothing to send, or the window is full."""
        start = self.cursor - self.first
        if self.flying >= self.window or start >= len(self.held):
            return None
        texts = self.held[start : start + self.per_message]
        body = b'{"v":1,"log":"%b","first":%d,"sent":%d,"recs":[%b]}' % (
            *(self.log.encode(), self.first, now_ms, b",".join(texts)),
        )
        while len(body) > MAX_BODY and len(texts) > 1:
            texts = texts[: len(texts) // 2]
            body = b'{"v":1,"log":"%b","first":%d,"sent":%d,"recs":[%b]}' % (
                *(self.log.encode(), self.first, now_ms, b",".join(texts)),
            )
        if self.first == self.cursor:
            self.progress_s = now_s  # from now on there is something to wait for
        self.cursor += len(texts)
        self.flying += 1
        last = self.cursor - 1
        if last > self.sent:
            self.sent = last
            self.timed.append((last, now_s))
        return body

    def puback(self) -> None:
        """A message has a place free."""
        if self.flying:
            self.flying -= 1

    def acknowledged(self, log: str, seq: int, now_s: float) -> list[float]:
        """`down/ack` came: free what it covers. How long each message that it covers took, in seconds."""
        if log != self.log or seq < self.first:
            return []  # of an earlier log, or said before: the contract allows both
        if seq > self.sent:
            self.false_acks += 1
            return []
        del self.held[: seq + 1 - self.first]
        self.first = seq + 1
        self.cursor = max(self.cursor, self.first)
        self.progress_s = now_s
        took = []
        while self.timed and self.timed[0][0] <= seq:
            took.append(now_s - self.timed.popleft()[1])
        return took

    def rewind(self, now_s: float) -> None:
        """Start again at the first unacknowledged record."""
        self.cursor = self.first
        self.progress_s = now_s

    def reconnected(self, now_s: float) -> None:
        """A new connection: no PUBACK of the former one will come."""
        self.flying = 0
        self.rewind(now_s)

    def stalled(self, now_s: float, stall_s: float) -> bool:
        """Whether what was sent waits too long for `down/ack`."""
        return self.cursor > self.first and now_s - self.progress_s >= stall_s

    def lose(self, count: int) -> tuple[int, int] | None:
        """The oldest records are gone from flash: (first, last) of them; None: there were none.

        One is always left, to declare the loss with.
        """
        count = min(count, len(self.held) - 1)
        if count <= 0:
            return None
        lost = self.first, self.first + count - 1
        del self.held[:count]
        self.first += count
        self.cursor = max(self.cursor, self.first)
        return lost

    def open_log(self, log: str) -> tuple[int, int] | None:
        """A new, empty flash log in the place of the old one; what was unacknowledged is gone."""
        lost = (self.first, self.next - 1) if self.held else None
        flying = self.flying
        self._open(log)
        self.flying = flying  # their PUBACKs are still to come
        return lost

    def state(self, *, online: bool = True) -> bytes:
        """The body of `up/state`."""
        return b'{"v":1,"online":%b,"fw":"1.2.0","rev":1,"log":"%b","first":%d,"head":%d,"next":null}' % (
            b"true" if online else b"false",
            self.log.encode(),
            self.first,
            self.next - 1,
        )
