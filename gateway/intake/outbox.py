"""The `down/ack` messages that wait to be published: one per log, the newest mark only, so it cannot grow
with traffic.

Pure but for the callable that publishes. Not thread-safe: the session holds its lock.
"""

from collections.abc import Callable

Publish = Callable[[str, str, int], int | None]
WINDOW = 100  # publishes without PUBACK; paho walks all of them at each PUBACK


class Outbox:
    """Marks to be told, within a window of unconfirmed publishes.

    `publish` returns a packet id, None: not now.
    """

    def __init__(self, publish: Publish, window: int = WINDOW) -> None:
        self._publish = publish
        self._window = window
        self._marks: dict[tuple[str, str], int] = {}
        self._flying: set[int] = set()

    def __len__(self) -> int:
        return len(self._marks)

    def offer(self, device: str, log: str, seq: int) -> None:
        """Tell a device how far its log is durable; a mark that still waits is replaced."""
        self._marks[device, log] = max(seq, self._marks.get((device, log), -1))

    def pump(self) -> None:
        """Publish as much as the window has room for."""
        while self._marks and len(self._flying) < self._window:
            device, log = next(iter(self._marks))
            packet = self._publish(device, log, self._marks[device, log])
            if packet is None:
                return
            del self._marks[device, log]
            self._flying.add(packet)

    def confirmed(self, packet: int) -> None:
        """A PUBACK came."""
        self._flying.discard(packet)
        self.pump()
