"""Records: numbered, timed and on flash before anyone is told. Also which faults are raised now."""

import json

from edge.clock import SET_ERROR_MS, Clock
from edge.errors import EdgeError
from edge.keep import Keep
from edge.measure.thinning import LEAST, keep_each
from edge.store import record
from edge.store.ring import Ring

if False:  # for types
    from collections.abc import Callable, Sequence

VISIT_SECTORS = 2
_THINNED = ("reading", "position")  # all else has the reserve


def plain(text: str) -> "str | None":
    """Text as a record may hold it: 200 printable characters; None when empty."""
    return "".join([char if " " <= char < "\x7f" else "?" for char in text[:200]]) or None


def _ignore(_kind: str) -> None:
    pass


def _unnoted(_part: str, _code: str, _raised: bool) -> None:
    pass


class Log:
    def __init__(self, ring: Ring, clock: Clock, keep: Keep) -> None:
        self.ring = ring
        self.clock = clock
        self._keep = keep
        self.wrote: "Callable[[str], None]" = _ignore  # told after each write
        self.noted: "Callable[[str, str, bool], None]" = _unnoted  # told of each fault, before it is written
        self._damage = 0  # of the flash log, as far as it was told
        if ring.head:
            ring.skip(keep.data.get("sent", 0))  # what was sent has its number for ever, whatever flash says
        if "base" not in keep.data:
            keep.data["base"] = ring.head + 1

    @property
    def backlog(self) -> int:
        return self.ring.head - self.ring.acked

    def room(self) -> bool:
        """Whether all that a visit records can still be stored: several doors, several weighings."""
        return self.ring.free >= VISIT_SECTORS

    def write(
        self,
        kind: str,
        fields: "Sequence[tuple[str, object]]",
        t_ms: "int | None" = None,
        source: str = "gnss",
    ) -> bool:
        """Write a record; `t_ms` and `source` when its time is not now. False: it was not written (counted,
        and said): no room, thinned out as the log fills, or the supply or the flash does not allow it.
        """
        jumped_ms = self.clock.jumped_ms()
        if jumped_ms:
            self.fault("clock", "clock-jumped", True, "the chip's own clock moved by %+d ms" % jumped_ms)
        if kind != "fault":
            self.check()
        if kind in _THINNED and not self._wanted(kind + str(dict(fields).get("bay", ""))):
            self._refused(kind)
            self.fault("log", "log-thinned", True, "%d of %d sectors are free" % self.ring.spare())
            return False
        now, clock = self.clock.now()
        if t_ms is not None:
            now, clock = t_ms, source
        data = record.encode(self.ring.head + 1, now, clock, kind, fields)
        try:
            self.ring.append(data, spare=kind in _THINNED)
        except EdgeError as error:
            if error.code == "record-too-long":
                raise
            self._refused(kind)
            if error.code == "log-full":
                self.fault("log", "log-full", True, "no room for a " + kind)
            elif error.code != "supply-low":  # the flash takes nothing; the black box has a place of its own
                self.fault("log", "flash-error", True, error.detail)
            return False
        if kind != "fault":
            self.fault("log", "flash-error", False)
        self.wrote(kind)
        return True

    def _refused(self, kind: str) -> None:
        counts = self._keep.data.setdefault("refused", {})
        counts[kind] = counts.get(kind, 0) + 1

    def _wanted(self, stream: str) -> bool:
        """Whether the next of these readings is written, or left out to save room."""
        each = keep_each(*self.ring.spare())
        if each == 1:
            self._keep.data.pop("thin", None)
            return True
        turns = self._keep.data.setdefault("thin", {})
        turn = turns[stream] = (turns.get(stream, 0) + 1) % LEAST
        return each > 0 and turn % each == 0

    def check(self) -> None:
        """What is to be said of the log itself: how full it is, and what damage took."""
        ring = self.ring
        spare, whole = ring.spare()
        if 8 * spare >= 5 * whole:  # thinning begins at half
            self.fault("log", "log-thinned", False)
        self.fault("log", "log-full", not self.room(), "%d sectors are free" % ring.free)
        lost = ring.lost()
        if lost or ring.damage != self._damage:
            self._damage = ring.damage
            detail = "lost " + ", ".join(["%d to %d" % run for run in lost]) if lost else "nothing lost"
            self.fault("log", "log-damaged", True, detail)
        elif not self.backlog:  # it is told, and the gateway has it
            self.fault("log", "log-damaged", False)

    def set_time(self, ms: int, source: str, error_ms: int = SET_ERROR_MS, sure: bool = False) -> bool:
        """Offer the clock a time (see `Clock.weigh`); whether it was taken. Fills in the time of what was
        recorded before it was known and not yet sent, and tells of contradictions.
        """
        offer = self.clock.weigh(source, ms, error_ms, sure)
        if offer is None:
            return False
        if offer.first:  # before the clock moves: a reset in between does it once more, to the same end
            start = max(self._keep.data["base"], self._keep.data.get("sent", 0) + 1)
            self.ring.add_time(start, offer.step_ms)
        self.clock.take(offer)
        detail = "%s says %+d ms, bound %d ms" % (source, offer.off_ms, error_ms)
        self.fault("clock", "clock-jumped", offer.jumped, detail)
        self.fault("clock", "clock-doubted", offer.doubted, detail)
        return offer.taken

    def fault(self, part: str, code: str, raised: bool, detail: str = "") -> None:
        """A fault is there or is not; only a change makes a record."""
        faults = self._keep.data.setdefault("faults", [])
        name = part + " " + code
        if raised == (name in faults):
            return
        if raised:
            faults.append(name)
        else:
            faults.remove(name)
        self.noted(part, code, raised)
        state = "raised" if raised else "cleared"
        self.write("fault", [("part", part), ("code", code), ("state", state), ("detail", plain(detail))])

    def door(self, name: str, state: str, cause: "str | None") -> None:
        """A door has entered another state; `cause` as the contract has it, None: nothing known made it."""
        self._keep.data.setdefault("doors", {})[name] = state
        self.write("door", [("door", name), ("state", state), ("cause", cause)])
        if state == "forced":
            self.wrote(state)  # more than news

    def door_state(self, name: str) -> str:
        """The state that was recorded last; a door that was never recorded is locked."""
        doors: "dict[str, str]" = self._keep.data.get("doors", {})
        return doors.get(name, "locked")

    def recall(self) -> None:
        """After a power cut: what the log says last of each fault, fence and door, and of the time, is what
        is known now.
        """
        faults, inside = self._keep.data.setdefault("faults", []), self._keep.data.setdefault("inside", [])
        doors = self._keep.data.setdefault("doors", {})
        timed = b""
        for data in self.ring.walk():
            if b'"clock":"none"' not in data:
                timed = data
            if b'"kind":"fault"' in data:
                told = json.loads(data)
                name, names, there = told["part"] + " " + told["code"], faults, told["state"] == "raised"
            elif b'"kind":"fence"' in data:
                told = json.loads(data)
                name, names, there = told["fence"], inside, told["event"] == "enter"
            elif b'"kind":"door"' in data:
                told = json.loads(data)
                doors[told["door"]] = told["state"]
                continue
            else:
                continue
            if there != (name in names):
                names.append(name) if there else names.remove(name)
        self._keep.data["known_ms"] = json.loads(timed)["t"] if timed else 0

    def faults(self) -> "list[str]":
        return self._keep.data.get("faults", [])
