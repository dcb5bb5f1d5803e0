"""Is data moving? Pure: what is seen goes in, what to do about it comes out.

Three ways in which intake can look well and do nothing: messages wait and none is committed; the line is up
and nobody is heard; a call into the journal does not return. The first is told, the second is answered with a
new connection, the third with the end of the process, which its parent starts anew.
"""

from msgspec import Struct

from gateway.alarms import Condition

STALL_S = 30.0  # messages wait and none is committed
STUCK_S = 120.0  # one call into the journal: it waits 10 s for a lock, an fsync on a dying disk takes longer


class Seen(Struct, frozen=True):
    """What is seen of intake at an instant; times in seconds, `heard_s` on the same clock as `now_s`.

    `heard_s`: when the last message came, or the line became ready. `received`: messages since start.
    `stuck_s`: for how long a call into the journal has not returned; `repairing`: it may take its time.
    """

    now_s: float
    ready: bool
    heard_s: float
    received: int
    devices: int
    waiting: int
    stalled_s: float
    stuck_s: float
    silent_s: int
    repairing: bool = False


class Orders(Struct, frozen=True):
    """What to do. `end`: why the process must end; `reconnect`: why the line must be opened anew."""

    conditions: list[Condition]
    end: str = ""
    reconnect: str = ""


class Watchdog:
    """Remembers only what has been silent, and since when."""

    def __init__(self) -> None:
        self._silent: Condition | None = None
        self._received = 0

    def look(self, seen: Seen, now_ms: int) -> Orders:
        """To be called every second or so. `now_ms`: the wall clock, for the alarms."""
        found: list[Condition] = []
        end = reconnect = ""
        if seen.stalled_s >= STALL_S or seen.stuck_s >= STALL_S:
            long_s = max(seen.stalled_s, seen.stuck_s)
            detail = f"{seen.waiting} messages wait, none committed for {long_s:.0f} s"
            found.append(Condition("intake-stalled", detail, now_ms - int(long_s * 1000)))
        if seen.stuck_s >= STUCK_S and not seen.repairing:
            end = f"a call into the journal has not returned for {seen.stuck_s:.0f} s; intake starts anew"
        if self._silent is not None and (seen.received != self._received or not seen.silent_s):
            self._silent = None
        self._received = seen.received
        quiet_s = seen.now_s - seen.heard_s
        if seen.silent_s and seen.ready and seen.devices and quiet_s >= seen.silent_s:
            reconnect = f"nothing arrived for {quiet_s:.0f} s although the line is up: opened anew"
            if self._silent is None:
                detail = f"none of {seen.devices} devices was heard for {quiet_s:.0f} s"
                self._silent = Condition("intake-silent", detail, now_ms - int(quiet_s * 1000))
        if self._silent is not None:
            found.append(self._silent)
        return Orders(found, end, reconnect)
