"""Which records to send next: several messages outstanding, freed by `down/ack` alone. No I/O, no clock of
its own.

Rules. (1) A record is free only when `down/ack` covers it; PUBACK frees a place among the outstanding
messages, no more; so does a `down/ack` that covers the message, since a PUBACK may be lost. (2) A new
connection, or no progress of `down/ack` for `stall_ms` while records are unacknowledged: start again at the
first unacknowledged one. (3) An acknowledgement of what was never sent says nothing true: ignored. (4) A
message is an unbroken run: after a gap (records lost on flash) nothing is sent until all before it is free,
so that `first` of the next message can declare the gap. (5) The same `down/ack` told again asks for what
comes after it: start again there, unless something moved just now.
"""

ASKED_MS = 3_000  # a copy that comes sooner after progress is one that was sent before it


class Window:
    def __init__(self, size: int = 4, stall_ms: int = 30_000) -> None:
        self._size = size
        self._stall_ms = stall_ms
        self._outstanding: "dict[int, tuple[int, int]]" = {}  # packet id -> (last record, when published)
        self._next = 0  # seq to send next; 0: start at the first unacknowledged one
        self._since_ms = (
            0  # local clock: when `down/ack` last made progress, or there was nothing to wait for
        )
        self.sent = 0  # newest seq ever sent (rule 3, and which times may still be filled in)

    def connected(self, now_ms: int) -> None:
        """A new connection: nothing is outstanding, sending starts again (rule 2)."""
        self._outstanding = {}
        self._next = 0
        self._since_ms = now_ms

    def start(self, acked: int, head: int, now_ms: int) -> "int | None":
        """The seq to read from for the next message; None: nothing to send now."""
        if self._next and self._next - 1 > acked:
            if now_ms - self._since_ms >= self._stall_ms:
                self.connected(now_ms)
        else:
            self._since_ms = now_ms
        seq = max(self._next, acked + 1)
        if seq > head or len(self._outstanding) >= self._size:
            return None
        return seq

    def may_follow(self, seq: int, acked: int) -> bool:
        """Whether a message may start with `seq` now (rule 4)."""
        return seq == max(self._next, acked + 1) or self._next - 1 <= acked

    def published(self, packet_id: int, last: int, now_ms: int) -> None:
        """A message ending with record `last` was handed to the network as `packet_id`."""
        self._outstanding[packet_id] = (last, now_ms)
        self._next = last + 1
        self.sent = max(self.sent, last)

    def puback(self, packet_id: int) -> None:
        self._outstanding.pop(packet_id, None)

    def acknowledged(self, seq: int, acked: int, now_ms: int) -> bool:
        """`down/ack` says `seq`; whether that is news to believe (rule 3)."""
        if seq == acked and self._next - 1 > acked and now_ms - self._since_ms >= ASKED_MS:
            self.connected(now_ms)  # rule 5
        if not acked < seq <= self.sent:
            return False
        for packet_id, (last, _at) in list(self._outstanding.items()):
            if last <= seq:
                self._outstanding.pop(packet_id)
        self._since_ms = now_ms
        return True

    def wait_ms(self, acked: int, now_ms: int) -> int:
        """How long until rule 2 could apply."""
        if self._next and self._next - 1 > acked:
            return max(0, self._since_ms + self._stall_ms - now_ms)
        return self._stall_ms

    def overdue_ms(self, now_ms: int) -> int:
        """How long the message that has waited longest has been without its PUBACK; 0: none waits."""
        return max([now_ms - at for _last, at in self._outstanding.values()], default=0)
