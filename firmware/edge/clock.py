"""The one clock: milliseconds since 1970-01-01 UTC, and how far they can be trusted.

The ladder, best first: `gnss` and `ntp` (set from there within the last hour), `rtc` (set once, kept by the
chip's RTC since), `none` (never set since power came on). A port's `time` may count from 2000 or 1970: the
epoch is asked for.
"""

import time

import machine

from edge.keep import Keep
from edge.measure.calendar import civil

EPOCH_MS = 0 if time.gmtime(0)[0] == 1970 else 946_684_800_000
FRESH_MS = 3_600_000
STEP_MS = 500  # a smaller error is left alone: it is within what a UART and a radio add
_RANK = {"none": 0, "rtc": 1, "ntp": 2, "gnss": 3}


class Clock:
    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._ticks = time.ticks_ms()
        self._mono_ms = 0

    def mono_ms(self) -> int:
        """Milliseconds since boot, never stepped, never wrapped (`ticks_ms` wraps after 12 days on the
        chip).
        """
        ticks = time.ticks_ms()
        self._mono_ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._mono_ms

    def local_ms(self) -> int:
        """What the chip's clock says, trusted or not."""
        return time.time_ns() // 1_000_000 + EPOCH_MS

    def source(self) -> str:
        source = self._keep.data.get("source", "none")
        if source in ("gnss", "ntp") and not 0 <= self.local_ms() - self._keep.data["synced_ms"] < FRESH_MS:
            return "rtc"
        return source

    def now(self) -> "tuple[int, str]":
        """(ms, source)."""
        return self.local_ms(), self.source()

    def set(self, ms: int, source: str) -> "int | None":
        """Take a time from `gnss` or `ntp`; a worse source never overrides a better one.

        Returns the step in ms when this ended `none` (records made until now can be filled in), else None.
        """
        before = self.source()
        if _RANK[source] < _RANK[before]:
            return None
        step = ms - self.local_ms()
        if abs(step) > STEP_MS:
            year, month, day, hour, minute, second, milli = civil(ms)
            machine.RTC().datetime((year, month, day, 0, hour, minute, second, milli * 1000))
            for name in ("due_ms", "retry_ms"):  # instants on the old time
                if name in self._keep.data:
                    self._keep.data[name] += step
        self._keep.data["source"] = source
        self._keep.data["synced_ms"] = ms
        self._keep.save()
        return step if before == "none" else None
