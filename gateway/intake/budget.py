"""How much of a full batch one device may fill: what leaves nine tenths of the rate to the others. Pure.

Only a full batch is looked at: it means that messages come faster than they can be committed. In it a device
may fill a tenth of the bytes; what is beyond draws on an allowance of its own that fills up again slowly;
beyond that its messages are *deferred*: given back to the broker (PUBACK), but neither journaled nor told to
the device as durable, so that a device that keeps the contract still holds them and sends them again.

A backlog that thousands of devices send at once therefore loses nothing, and a single truck that unloads a
week of positions is as fast as intake is. Of `up/state` only the newest of a batch counts, so it is never
deferred but by a newer one.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

SHARE = 0.1  # of a full batch
BURST_BYTES = 4 << 20  # beyond the share, at once
REFILL_BYTES_PER_S = 64 << 10
MESSAGE_BYTES = 256  # what a message costs beside its payload
MAX_DEVICES = 10_000  # remembered; the rest have their whole burst
QUIET_S = 60.0  # without deferral: it floods no more
_STATE = "/up/state"


class Message(Protocol):
    """What is counted."""

    @property
    def topic(self) -> str: ...
    @property
    def size(self) -> int: ...


class Flood:
    """What is known of a device that goes beyond its budget. `left_bytes`: of its burst."""

    __slots__ = ("deferred", "last_s", "left_bytes", "seen_s", "since_s")

    def __init__(self, now_s: float) -> None:
        self.left_bytes = float(BURST_BYTES)
        self.seen_s = now_s
        self.since_s = 0.0  # of the present flood
        self.last_s = 0.0
        self.deferred = 0  # messages of the present flood

    def spend(self, cost: int, now_s: float) -> bool:
        """Whether the burst pays for a message; if so, it does."""
        refill = (now_s - self.seen_s) * REFILL_BYTES_PER_S
        self.left_bytes = min(float(BURST_BYTES), self.left_bytes + refill)
        self.seen_s = now_s
        if self.left_bytes < cost:
            return False
        self.left_bytes -= cost
        return True


class Budget:
    """Judges full batches, one after the other. `deferred`: messages since start."""

    def __init__(self) -> None:
        self.deferred = 0
        self._known: dict[str, Flood] = {}

    def admit(self, messages: Sequence[Message], now_s: float) -> list[bool]:
        """Which messages of a full batch are to be taken; the others are deferred."""
        devices = [device_of(message.topic) for message in messages]
        costs = [message.size + MESSAGE_BYTES for message in messages]
        filled: Counter[str] = Counter()
        for device, cost in zip(devices, costs, strict=True):
            filled[device] += cost
        share = SHARE * sum(costs)
        heavy = {device for device, cost in filled.items() if cost > share}
        taken = [True] * len(messages)
        if not heavy:
            return taken
        newest = {message.topic: place for place, message in enumerate(messages)}
        used: Counter[str] = Counter()
        for place, device in enumerate(devices):
            if device not in heavy:
                continue
            message = messages[place]
            if message.topic.endswith(_STATE):
                taken[place] = newest[message.topic] == place
            elif used[device] + costs[place] <= share:
                used[device] += costs[place]
            else:
                taken[place] = self._flood(device, now_s).spend(costs[place], now_s)
            if not taken[place]:
                self._deferred(self._flood(device, now_s), now_s)
        return taken

    def floods(self, now_s: float) -> dict[str, Flood]:
        """Devices whose messages are deferred at present."""
        return {
            device: flood
            for device, flood in self._known.items()
            if flood.deferred and now_s - flood.last_s < QUIET_S
        }

    def _deferred(self, flood: Flood, now_s: float) -> None:
        if not flood.deferred or now_s - flood.last_s >= QUIET_S:
            flood.since_s, flood.deferred = now_s, 0
        flood.last_s = now_s
        flood.deferred += 1
        self.deferred += 1

    def _flood(self, device: str, now_s: float) -> Flood:
        found = self._known.get(device)
        if found is None:
            if len(self._known) >= MAX_DEVICES:
                del self._known[min(self._known, key=lambda name: self._known[name].seen_s)]
            found = self._known[device] = Flood(now_s)
        return found


def device_of(topic: str) -> str:
    """Whose budget a message draws on; all topics outside the contract share one."""
    parts = topic.split("/", 3)
    return parts[2] if len(parts) == 4 and len(parts[2]) <= 32 and topic.startswith("huishou/1/") else ""
