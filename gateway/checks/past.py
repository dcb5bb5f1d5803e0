"""What a log said before, as far as rules compare with it. Pure.

`Past` is a fold over the records of the log with the HORIZON preceding numbers, and over nothing else: it can
be made again from the journal at any record, after a restart or for a replay, with the same result. Each part
keeps what stands under the highest numbers of its sort, so the order in which records are learnt, and how
often, makes no difference; what is older than the horizon is dropped, however long the process has lived.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from gateway.contract_types import Boot, Collect, Deposit, Door, Position, Reading, RecordBase, Session

HORIZON = 128
"""Numbers: a day of a bin, ten minutes of a truck under way; a third of a millisecond to read again."""

ALL = (1 << HORIZON) - 1
MAX_BAYS = 16
MAX_SESSIONS = 6  # a device writes the two records of a fault one after the other, not a day apart
MAX_LOOKS = 3
BLOCK = HORIZON  # of older readings the last one in each block of so many numbers is kept
EMPTY_VISITS = 4

BAD_TIME = frozenset(("clock-none", "clock-future", "clock-past", "clock-ahead"))
BAD_PLACE = frozenset(("position-jump", "position-datum"))
BAD_MASS = frozenset(("mass-jump", "mass-noise"))

Mass = tuple[int, int]
"""(seq, mass_g)"""


class BayPast:
    """One bay.

    `mass`: the last mass that was not doubted; `doubted`: the last that was; `looks`: the last readings,
    newest first, flat to be small: seq, mass_g, fill_pct, seq, …; `old`: the same of the last reading in each
    block of numbers. `paid`: number of the last deposit; `empty`: numbers of the last visits at which a door
    was opened and no weight changed.
    """

    __slots__ = ("doubted", "empty", "looks", "mass", "old", "paid")

    def __init__(self) -> None:
        self.mass: Mass | None = None
        self.doubted: Mass | None = None
        self.looks: tuple[Any, ...] = ()
        self.old: tuple[Any, ...] = ()
        self.paid = -1
        self.empty: tuple[int, ...] = ()

    def parts(self) -> tuple[object, ...]:
        """All of it, to compare."""
        return (self.mass, self.doubted, self.looks, self.old, self.paid, self.empty)

    def drop(self, low: int, oldest: int) -> int:
        """Drop what stands under numbers below `low`; the lowest number of what is left, or `oldest`."""
        if self.mass is not None:
            self.mass, oldest = _kept(self.mass, self.mass[0], low, oldest)
        if self.doubted is not None:
            self.doubted, oldest = _kept(self.doubted, self.doubted[0], low, oldest)
        while self.looks and self.looks[-3] < low:
            self.looks = self.looks[:-3]
        while self.old and self.old[-3] < low:
            self.old = self.old[:-3]
        self.empty = tuple(seq for seq in self.empty if seq >= low)
        if self.paid < low:
            self.paid = -1
        rest = (
            *self.looks[-3:-2],
            *self.old[-3:-2],
            *self.empty[-1:],
            *((self.paid,) if self.paid >= 0 else ()),
        )
        return min(oldest, *rest) if rest else oldest


class Past:
    """See the module.

    | part | keeps |
    |---|---|
    | `seq` | the highest number; -1: nothing is known |
    | `timed` | the last record whose time can be used |
    | `rtc`, `rtc_seq` | which records have the unit's own clock alone: a bit each, the lowest for `rtc_seq` |
    | `fix`, `doubted` | the last position that was not doubted, and the last that was, with its codes |
    | `temp`, `battery` | the last readings with a temperature, a voltage that was not doubted |
    | `touched` | number of the last record after which a bay may hold anything: a collection, a start |
    | `sessions` | number and session of the last deposits that count, newest first |
    | `bays` | by bay |
    """

    __slots__ = (
        "_until",
        "battery",
        "bays",
        "doubted",
        "fix",
        "rtc",
        "rtc_seq",
        "seq",
        "sessions",
        "temp",
        "timed",
        "touched",
    )

    def __init__(self) -> None:
        self.seq = -1
        self.timed: RecordBase | None = None
        self.rtc = 0
        self.rtc_seq = -1
        self.fix: Position | None = None
        self.doubted: tuple[Position, tuple[str, ...]] | None = None
        self.temp: Reading | None = None
        self.battery: Reading | None = None
        self.touched = -1
        self.sessions: tuple[tuple[int, str], ...] = ()
        self.bays: dict[int, BayPast] = {}
        self._until = 2**33  # up to which number nothing has to be dropped

    def at(self, seq: int) -> "Past":
        """What rules may compare record `seq` with.

        For the next record: this, with what is too old dropped. For one that comes late or again: only
        what holds in whatever order records come.
        """
        if seq > self.seq:
            if seq > self._until:
                self._drop(seq - HORIZON)
            return self
        aside = Past()
        aside.sessions = tuple(one for one in self.sessions if one[0] != seq)
        return aside

    def only_rtc(self, seq: int) -> bool:
        """Whether each of the HORIZON records before `seq` was dated by the unit's own clock alone."""
        return self.rtc == ALL and self.rtc_seq == seq - 1

    def learn(self, record: RecordBase, codes: tuple[str, ...] = (), used: bool = True) -> None:
        """Take a judged record in. `codes`: what it earned; `used`: it was not quarantined."""
        seq = record.seq
        if seq + HORIZON < self._until:
            self._until = seq + HORIZON
        if codes or not used or seq <= self.seq:
            self._learn_odd(record, codes, used)
            return
        self.seq = seq
        clock = record.clock
        if clock != "none":
            self.timed = record
            if clock == "rtc":
                self._learn_rtc(seq)
        if (kind := type(record)) is Reading:
            _reading_next(self, record)  # type: ignore[arg-type]
        elif (learn := _LEARN.get(kind)) is not None:
            learn(self, record, codes)

    def _learn_odd(self, record: RecordBase, codes: tuple[str, ...], used: bool) -> None:
        """A record that is not simply the next: it comes late, or something was found about it."""
        seq = record.seq
        if seq > self.seq:
            self.seq = seq
        if not used:
            if isinstance(record, Deposit | Collect):
                _touch(self, record, codes)  # what lies in the bay now is anybody's guess
            return
        if record.clock != "none" and BAD_TIME.isdisjoint(codes):
            if self.timed is None or seq > self.timed.seq:
                self.timed = record
            if record.clock == "rtc":
                self._learn_rtc(seq)
        learn = _LEARN.get(type(record))
        if learn is not None:
            learn(self, record, codes)

    def _learn_rtc(self, seq: int) -> None:
        ahead = seq - self.rtc_seq
        if ahead > 0:
            self.rtc = (self.rtc << ahead | 1) & ALL if ahead < HORIZON else 1
            self.rtc_seq = seq
        elif ahead > -HORIZON:
            self.rtc |= 1 << -ahead

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Past) and self._parts() == other._parts()

    __hash__ = None  # type: ignore[assignment]

    def _parts(self) -> tuple[object, ...]:
        bays = {n: bay.parts() for n, bay in self.bays.items()}
        within = self.rtc & (1 << max(0, HORIZON - (self.seq - self.rtc_seq))) - 1
        rtc = within and (within, self.rtc_seq)
        plain = (self.seq, self.timed, rtc, self.fix, self.doubted)
        return (*plain, self.temp, self.battery, self.touched, self.sessions, bays)

    def new_bay(self, number: int) -> BayPast | None:
        """An empty one; None: a device with so many bays does not exist."""
        if len(self.bays) >= MAX_BAYS:
            return None
        bay = self.bays[number] = BayPast()
        return bay

    def _drop(self, low: int) -> None:
        """Drop what stands under numbers below `low`, and find out until when that is all."""
        oldest = 2**33
        if self.timed is not None:
            self.timed, oldest = _kept(self.timed, self.timed.seq, low, oldest)
        if self.fix is not None:
            self.fix, oldest = _kept(self.fix, self.fix.seq, low, oldest)
        if self.doubted is not None:
            self.doubted, oldest = _kept(self.doubted, self.doubted[0].seq, low, oldest)
        if self.temp is not None:
            self.temp, oldest = _kept(self.temp, self.temp.seq, low, oldest)
        if self.battery is not None:
            self.battery, oldest = _kept(self.battery, self.battery.seq, low, oldest)
        if self.touched < low:
            self.touched = -1
        else:
            oldest = min(oldest, self.touched)
        self.sessions = tuple(one for one in self.sessions if one[0] >= low)
        if self.sessions:
            oldest = min(oldest, self.sessions[-1][0])
        for number, bay in list(self.bays.items()):
            oldest = bay.drop(low, oldest)
            if bay.parts() == _NOTHING:
                del self.bays[number]
        self._until = oldest + HORIZON


_NOTHING = BayPast().parts()


def _kept(part: Any, seq: int, low: int, oldest: int) -> tuple[Any, int]:
    return (None, oldest) if seq < low else (part, min(oldest, seq))


def _position(past: Past, record: Position, codes: tuple[str, ...]) -> None:
    if record.clock == "none":
        return
    if codes and not BAD_PLACE.isdisjoint(codes):
        if past.doubted is None or record.seq > past.doubted[0].seq:
            past.doubted = record, codes
    elif past.fix is None or record.seq > past.fix.seq:
        past.fix = record


def _reading_next(past: Past, record: Reading) -> None:
    """`_reading` for the next record of which nothing was found: most of all that comes."""
    if record.temp_dc is not UNSET:
        past.temp = record
    if record.battery_mv is not UNSET:
        past.battery = record
    number = record.bay
    if number is UNSET or (bay := past.bays.get(number) or past.new_bay(number)) is None:
        return
    seq: int = record.seq
    mass: Any = record.mass_g
    fill: Any = record.fill_pct
    if mass is UNSET:
        mass = None
    else:
        bay.mass = seq, mass
    looks = bay.looks
    if looks and looks[0] // BLOCK != seq // BLOCK:
        bay.old = (*looks[:3], *bay.old)
    bay.looks = (seq, mass, None if fill is UNSET else fill, *looks[: 3 * MAX_LOOKS - 3])


def _reading(past: Past, record: Reading, codes: tuple[str, ...]) -> None:
    seq = record.seq
    if (
        record.temp_dc is not UNSET
        and (past.temp is None or seq > past.temp.seq)
        and not (codes and ("temp-jump" in codes or "temp-range" in codes))
    ):
        past.temp = record
    if (
        record.battery_mv is not UNSET
        and (past.battery is None or seq > past.battery.seq)
        and not (codes and ("battery-jump" in codes or "battery-range" in codes))
    ):
        past.battery = record
    if record.bay is UNSET or (bay := past.bays.get(record.bay) or past.new_bay(record.bay)) is None:
        return
    mass: int | None = None if record.mass_g is UNSET else record.mass_g
    fill: int | None = None if record.fill_pct is UNSET else record.fill_pct
    looks = bay.looks
    if not looks or seq > looks[0]:
        if looks and looks[0] // BLOCK != seq // BLOCK:
            bay.old = (*looks[:3], *bay.old)
        bay.looks = (seq, mass, fill, *looks[: 3 * MAX_LOOKS - 3])
    else:
        _look_late(bay, seq, mass, fill)
    if mass is None:
        return
    if not codes or BAD_MASS.isdisjoint(codes):
        if bay.mass is None or seq > bay.mass[0]:
            bay.mass = seq, mass
    elif bay.doubted is None or seq > bay.doubted[0]:
        bay.doubted = seq, mass


def _look_late(bay: BayPast, seq: int, mass: int | None, fill: int | None) -> None:
    """A reading that came after a later one takes the place that it would have had."""
    if seq not in bay.looks[::3]:
        place = 3 * sum(other > seq for other in bay.looks[::3])
        bay.looks = (*bay.looks[:place], seq, mass, fill, *bay.looks[place:])[: 3 * MAX_LOOKS]
    block = seq // BLOCK
    if block == bay.looks[0] // BLOCK:
        return
    blocks = [other // BLOCK for other in bay.old[::3]]
    place = 3 * sum(other > block for other in blocks)
    if block not in blocks:
        bay.old = (*bay.old[:place], seq, mass, fill, *bay.old[place:])
    elif bay.old[place] < seq:
        bay.old = (*bay.old[:place], seq, mass, fill, *bay.old[place + 3 :])


def _deposit(past: Past, record: Deposit, _codes: tuple[str, ...]) -> None:
    seq = record.seq
    bay = past.bays.get(record.bay) or past.new_bay(record.bay)
    if bay is not None:
        bay.paid = max(bay.paid, seq)
        if bay.mass is None or seq > bay.mass[0]:
            bay.mass = seq, record.after_g
    sessions = past.sessions
    if not sessions or seq > sessions[0][0]:
        past.sessions = ((seq, record.session), *sessions[: MAX_SESSIONS - 1])
    elif all(seq != other for other, _ in sessions):
        past.sessions = tuple(sorted(((seq, record.session), *sessions), reverse=True)[:MAX_SESSIONS])


def _session(past: Past, record: Session, codes: tuple[str, ...]) -> None:
    _touch(past, record, codes)
    if record.outcome != "nothing" or record.open_ms is UNSET:
        return
    bay = past.bays.get(record.bay) or past.new_bay(record.bay)
    if bay is not None and record.seq not in bay.empty:
        bay.empty = tuple(sorted((record.seq, *bay.empty), reverse=True)[:EMPTY_VISITS])


def _touch(past: Past, record: RecordBase, _codes: tuple[str, ...]) -> None:
    past.touched = max(past.touched, record.seq)


def _door(past: Past, record: Door, codes: tuple[str, ...]) -> None:
    if record.state in ("forced", "jammed"):  # doors of a visit: its outcome tells
        _touch(past, record, codes)


_LEARN: dict[type[RecordBase], Callable[[Past, Any, tuple[str, ...]], None]] = {
    Position: _position,
    Reading: _reading,
    Deposit: _deposit,
    Session: _session,
    Collect: _touch,
    Boot: _touch,
    Door: _door,
}
