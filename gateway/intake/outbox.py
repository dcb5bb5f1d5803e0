"""The `down/ack` messages that wait to be published, and those that wait for their PUBACK. Pure.

One per log waits, the newest mark only, so it cannot grow with traffic. Those without PUBACK are bounded by
a window, outlive the connection, and are sent again on the next (MQTT 3.1.1 and 5, 4.4). One thread uses it.
"""

from collections.abc import Iterator

WINDOW = 1_000  # publishes without PUBACK
LAST_PACKET = 60_000  # packet ids 1 to this are given to marks; those above are the session's own

Mark = tuple[str, str, int]
"""Device, log, and the number up to which that log is durable."""


class Outbox:
    """Marks to be told."""

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window  # the broker may allow less
        self._waiting: dict[tuple[str, str], int] = {}
        self._flying: dict[int, Mark] = {}
        self._packet = 0

    def __len__(self) -> int:
        """How many wait to be sent."""
        return len(self._waiting)

    def offer(self, device: str, log: str, seq: int) -> None:
        """Tell a device how far its log is durable; a mark that still waits is replaced."""
        self._waiting[device, log] = max(seq, self._waiting.get((device, log), -1))

    def take(self) -> Iterator[tuple[int, Mark]]:
        """What may be sent now, with its packet id."""
        while self._waiting and len(self._flying) < self.window:
            device, log = key = next(iter(self._waiting))
            mark = device, log, self._waiting.pop(key)
            while True:
                self._packet = self._packet % LAST_PACKET + 1
                if self._packet not in self._flying:
                    break
            self._flying[self._packet] = mark
            yield self._packet, mark

    def flying(self) -> list[tuple[int, Mark]]:
        """What was sent and not confirmed, in its order."""
        return list(self._flying.items())

    def confirmed(self, packet: int) -> Mark | None:
        """A PUBACK came: for which mark."""
        return self._flying.pop(packet, None)
