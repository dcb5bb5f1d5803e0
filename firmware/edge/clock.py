"""The one clock: milliseconds since 1970-01-01 UTC, where they come from, and how far they can be wrong.

`edge.measure.trust` has the ladder and the bound, `witness` the rules of setting it. Here: the chip.

What is trusted after which start. Deep sleep, software reset, watchdog, panic: the chip's RTC runs on and RTC
memory is kept, so the clock goes on as `rtc` (or better, while fresh). Power-on, which on this chip is also
brown-out and the EN pin: the RTC begins at its epoch, so nothing is trusted, even where RTC memory happens to
have survived (`Keep` sees to it). Whatever the chip says of its start: an RTC that is before the moment at
which it was set has lost its time. A lost time is also a lost time base: what was recorded with `none` on the
old one cannot be dated back by the new one, so `base` is dropped and the log begins a new one.

Between two starts time is counted by `ticks_ms`; the RTC is read once a start, and held against that: an RTC
that jumps moves nothing, is set right and told. A port's `time` may count from 2000 or 1970: it is asked.
"""

import time

import machine

from edge.keep import Keep
from edge.measure.calendar import civil
from edge.measure.trust import FLOOR_MS, FRESH_MS, STEP_MS, Bound, plausible

if False:  # for types
    from edge.measure.witness import Offer

EPOCH_MS = 0 if time.gmtime(0)[0] == 1970 else 946_684_800_000
RTC_JUMP_MS = 2000  # RTC and ticks run from one crystal while awake; setting costs a rounding
SET_ERROR_MS = 500  # of a source that does not say how wrong it may be: a UART's delay
LOST_ERROR_MS = 3000  # where the bound was dropped from RTC memory: no source that is taken is worse
INSTANTS = ("due_ms", "retry_ms", "lost_ms")  # of `keep`: moments on this clock, moved when it is stepped
_TICKS = time.ticks_add(0, -1) + 1  # type: ignore[type-var]  # their period: 2^30 on the chip


class Clock:
    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._ticks = time.ticks_ms()
        self._mono_ms = 0
        self._zero_ms = _rtc_ms()  # the clock at mono 0
        self._doubt = ("", 0)  # an offer that waits for its second witness
        self.not_before_ms = FLOOR_MS  # no time can be older
        self._lent = False
        kept = keep.data
        if self._zero_ms < kept.get("synced_ms", 0):
            kept["known_ms"] = max(kept.get("known_ms", 0), kept["synced_ms"])  # opening hours go by it
            for name in ("source", "synced_ms", "bound", "base"):
                kept.pop(name, None)

    # Time

    def mono_ms(self) -> int:
        """Milliseconds since boot, never stepped, never wrapped (`ticks_ms` wraps after 12 days on the
        chip; asked at least once in that time this is exact).
        """
        ticks = time.ticks_ms()
        passed = time.ticks_diff(ticks, self._ticks)
        self._mono_ms += passed if passed >= 0 else passed + _TICKS
        self._ticks = ticks
        return self._mono_ms

    def local_ms(self) -> int:
        """What the clock says, trusted or not."""
        return self._zero_ms + self.mono_ms()

    def now_ms(self) -> "int | None":
        """The time, None when it is not known."""
        return None if self.source() == "none" else self.local_ms()

    def source(self) -> str:
        """The rung of the ladder that holds now."""
        source: str = self._keep.data.get("source", "none")
        if source in ("gnss", "ntp") and not 0 <= self.local_ms() - self._keep.data["synced_ms"] < FRESH_MS:
            return "rtc"
        return source

    def now(self) -> "tuple[int, str]":
        """(ms, source)."""
        return self.local_ms(), self.source()

    # How true it is

    def error_ms(self) -> "int | None":
        """What the clock is wrong at most; None when the time is not known."""
        bound = self._bound()
        return None if bound is None else (bound.error_us(self.local_ms()) + 999) // 1000

    def tells(self) -> "tuple[str, str] | None":
        """The same, for `Uplink.extra`."""
        error_ms = self.error_ms()
        return None if error_ms is None else ("clock_error_ms", str(error_ms))

    def feel(self, temp_dc: "int | None") -> None:
        """The temperature at the crystal now (0.1 °C, None: not known): once a look."""
        bound = self._bound()
        if bound is not None:
            bound.feel(self.local_ms(), temp_dc)
            self._keep.data["bound"] = bound.state()

    def _bound(self) -> "Bound | None":
        kept = self._keep.data
        if "source" not in kept:
            return None
        at_ms, error_us, temp_dc = kept.get("bound") or (kept["synced_ms"], LOST_ERROR_MS * 1000, None)
        return Bound(at_ms, error_us, temp_dc)

    def jumped_ms(self) -> int:
        """How far the chip's RTC has left this clock since it was looked at last (0: it has not); set right.

        Stepping it is this clock's alone. What else moves it is a fault of the chip, or of software.
        """
        off = _rtc_ms() - self.local_ms()
        if self._lent or abs(off) <= RTC_JUMP_MS:
            return 0
        self._set_rtc()
        return off

    # Setting it

    def floor(self, ms: int) -> None:
        """It is at least so late, though how late is not known: what checks certificates needs no better. To
        be called before the first record is made on a new time base; nothing once the time is known.
        """
        if self.source() == "none" and self.local_ms() < ms:
            self._zero_ms += ms - self.local_ms()
            self._set_rtc()

    def weigh(
        self, source: str, utc_ms: int, error_ms: int = SET_ERROR_MS, sure: bool = False
    ) -> "Offer | None":
        """What to make of a time from `gnss` or `ntp`, right to `error_ms`; `sure`: a second witness agrees.
        None: no such time can be. Nothing is set yet: `take` does.
        """
        if not plausible(utc_ms, self.not_before_ms):
            return None
        from edge.measure.witness import Judge  # most wakes set no clock

        judge, off = Judge(self._doubt), utc_ms - self.local_ms()
        offer = judge.weigh(self.source(), self.error_ms(), off, source, error_ms, sure)
        self._doubt = judge.doubt
        return offer

    def take(self, offer: "Offer") -> None:
        """Set the clock by an offer that was `taken`; others change nothing."""
        if not offer.taken:
            return
        kept = self._keep.data
        if offer.step_ms:
            self._zero_ms += offer.step_ms
            self._set_rtc()
            for name in INSTANTS:
                if name in kept:
                    kept[name] += offer.step_ms
        left_ms = abs(offer.off_ms - offer.step_ms)
        kept["source"] = offer.source
        kept["synced_ms"] = self.local_ms()
        kept["bound"] = Bound(kept["synced_ms"], (offer.error_ms + left_ms) * 1000).state()
        self._keep.save()

    def offer(self, source: str, utc_ms: int, error_ms: int = SET_ERROR_MS, sure: bool = False) -> bool:
        """`weigh` and `take`: whether the time was taken. (Records are dated back by `Log.set_time`.)"""
        offer = self.weigh(source, utc_ms, error_ms, sure)
        if offer is not None:
            self.take(offer)
        return offer is not None and offer.taken

    def lend(self, ms: int) -> None:
        """The chip's RTC, by which certificates are checked, stands at `ms` until `give_back`; this clock
        goes on. For a handshake while nothing is known.
        """
        self._lent = True
        _write_rtc(ms)

    def give_back(self) -> None:
        self._lent = False
        self._set_rtc()

    def _set_rtc(self) -> None:
        _write_rtc(self.local_ms())


def _write_rtc(ms: int) -> None:
    year, month, day, hour, minute, second, milli = civil(ms)
    machine.RTC().datetime((year, month, day, 0, hour, minute, second, milli * 1000))


def _rtc_ms() -> int:
    return time.time_ns() // 1_000_000 + EPOCH_MS


__all__ = ["EPOCH_MS", "INSTANTS", "STEP_MS", "Clock"]
