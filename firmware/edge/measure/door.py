"""A door and its bolt as a state machine. Pure: switches, motor current, supply and time in; bolt drive
and states out.

| state | bolt | door | wanted | how it is left |
|---|---|---|---|---|
| `locked` | home | shut | lock | asked to unlock → move; door opens → `forced`; bolt leaves home → move |
| `unlocked` | out | shut | unlock | door opens → `open`; asked to lock → move |
| `open` | out | open | either | door shuts → `closed` |
| `closed` | out | shut | either | shut again: door opens → `open`; bolt comes home → `locked`; asked → move |
| `forced` | any | open | lock | opened while it was locked; door shuts → `closed` |
| `jammed` | between | shut | lock | a move came to its end; bolt comes home → `locked`; door opens → `open` |

A move has a deadline, a retry rule and an end:

| move | drive | ends well | after `BOLT_MS` | after `TRIES` |
|---|---|---|---|---|
| unlock | 1 | bolt out, or door opens | drive 0 for `REST_MS`, then again | `jammed`, drive 0, then lock |
| lock | 0 (a spring) | bolt home | drive 1 for `NUDGE_MS`, then again | `jammed`, drive 0 |

A bolt that was not asked to move is not nudged (that would free the door for whoever stands there): when
it has left home by itself, or does not come home after a restart or a crowbar, one `BOLT_MS` is its only try.

A pull also ends at once, without another try, when the supply falls below `FLOOR_MV` (the motor's current
would brown the chip out with the bolt between its ends), and a try ends early when the motor stalls: more
than `stall_ma` for `STALL_MS`. A jam at unlocking is said (`jammed`), and then what is so: `locked`, if the
bolt is home. Nothing is moved while the door is open: the bolt falls home when somebody shuts it.

Times are milliseconds that never wrap. Every input may be called for at any time and as often as one likes.
"""

BOLT_MS = 1500  # a motor bolt travels in 150 to 300 ms; five times that is a jam
REST_MS = 500
NUDGE_MS = 400
TRIES = 3
STALL_MS = 150  # longer than the inrush of a small brushed motor
SAMPLE_MS = 50  # current and voltage are looked at so often during a pull
FLOOR_MV = (
    3000  # the chip's regulator drops out below; a cell that sags so far under a bolt is empty or broken
)

IDLE, PULL, FALL, REST, NUDGE = 0, 1, 2, 3, 4


class Door:
    """`last`: the state that was recorded last (after a restart; `locked` for a new door).

    `drive`: what the bolt's drive is to be. `moving`: a move is under way. `jam`: "" or what could not be
    done. `conflict`: "" or which switch cannot be right. `weak`: the last pull was broken off to spare the
    supply. `cycles`: openings seen. Since it was last asked to unlock: `forced`: it was; `reopened_ms`: the
    longest that it had stood shut when it was opened again. `detail`: for people, about the last jam.
    """

    def __init__(self, last: str = "locked", stall_ma: int = 0) -> None:
        self.state = last
        self.drive = 0
        self.jam = ""
        self.detail = ""
        self.conflict = ""
        self.weak = False
        self.cycles = 0
        self.forced = False
        self.reopened_ms = 0
        self._shut_ms: "int | None" = None
        self._may_nudge = False
        self.wanted_out = False
        self._stall_ma = stall_ma  # 0: the current is not judged
        self._open = last in ("open", "forced")
        self._phase = IDLE
        self._try = 0
        self._until = 0
        self._strained_ms: "int | None" = None  # since when the motor has been drawing too much
        self._peak_ma = -1

    @property
    def moving(self) -> bool:
        return self._phase != IDLE

    def due_ms(self, now: int) -> "int | None":
        """In how many ms `see` must be called though no switch changed; None: it need not be."""
        if self._phase == IDLE:
            return None
        left = max(0, self._until - now)
        return min(left, SAMPLE_MS) if self.drive else left

    def ask(self, out: bool, now: int) -> None:
        """Unlock (`out`) or lock from now on. Call `see` next."""
        self.wanted_out = out
        self.weak = False
        self._may_nudge = True
        if out:
            self.forced, self.reopened_ms, self._shut_ms = False, 0, None
        self._try = 1
        if self._open:
            self._rest(out)
        else:
            self._go(PULL if out else FALL, now)

    def see(
        self, now: int, bolted: bool, closed: bool, ma: "int | None" = None, mv: "int | None" = None
    ) -> "list[str]":
        """Look at the switches, the motor's current and the supply's voltage; the states that were entered,
        in order.
        """
        states: "list[str]" = []
        if closed == self._open:
            self._open = not closed
            states.append(self._shut(now) if closed else self._opened(now, bolted))
        if closed:
            states += self._bolt(now, bolted)
        self._strain(now, ma, mv)
        if self.moving and now >= self._until:
            states += self._expired(now, bolted)
        if states:
            self.state = states[-1]
        return states

    # What is seen

    def _opened(self, now: int, bolted: bool) -> str:
        forced = self.state == "locked" and self._phase == IDLE and not self.wanted_out
        self.cycles += 1
        if forced:
            self.forced, self._may_nudge = True, False
        if self._shut_ms is not None:
            self.reopened_ms = max(self.reopened_ms, now - self._shut_ms)
        if self.wanted_out:
            self.jam = ""
            # It opened, so the bolt is out, whatever its switch says; and the door's own switch works.
            self.conflict = "bolt-switch" if bolted else ""
        self._rest(self.wanted_out)
        return "forced" if forced else "open"

    def _shut(self, now: int) -> str:
        self._try = 1
        self._shut_ms = now
        if not self.wanted_out:
            self._go(FALL, now)
        return "closed"

    def _bolt(self, now: int, bolted: bool) -> "list[str]":
        """The door is shut; where is the bolt?"""
        if self.wanted_out:
            if not bolted and self._phase == PULL:
                self.jam = ""
                if self.conflict == "bolt-switch":
                    self.conflict = ""
                self._rest(True)
                return [] if self.state == "unlocked" else ["unlocked"]
            if bolted and self._phase == IDLE:  # it has fallen home under our hands
                self._try = 1
                self._go(PULL, now)
        elif bolted and self._phase != NUDGE:
            if self.jam == "locking":
                self.jam = ""
            if self._phase == FALL or self.state != "locked":
                known = self.state == "locked" and self._phase != IDLE
                self._may_nudge = False
                self._rest(False)
                return [] if known else ["locked"]
        elif not bolted and self._phase == IDLE and self.state != "jammed":
            self._try = 1
            self._go(FALL, now)
        return []

    def _strain(self, now: int, ma: "int | None", mv: "int | None") -> None:
        """Break a pull off that the supply cannot bear, or at which the motor stands."""
        if not self.drive or not self.moving:
            return
        if mv is not None and mv < FLOOR_MV:
            self.weak = True
            self._try = TRIES
            self._until = now
        if ma is None or not self._stall_ma:
            return
        self._peak_ma = max(self._peak_ma, ma)
        if ma < self._stall_ma:
            self._strained_ms = None
        elif self._strained_ms is None:
            self._strained_ms = now
        elif now - self._strained_ms >= STALL_MS:
            self._until = now

    # Moves

    def _expired(self, now: int, bolted: bool) -> "list[str]":
        """The time of a phase is over without what it was to bring."""
        if self._phase == REST:
            self._go(PULL, now)
        elif self._phase == NUDGE:
            self._go(FALL, now)
        elif self._phase == PULL:
            if self._try < TRIES:
                self._try += 1
                self._go(REST, now)
            else:
                return self._end(now, "unlocking", bolted)
        elif self._try < TRIES and self._may_nudge and self.jam != "unlocking":
            self._try += 1
            self._go(NUDGE, now)
        else:
            return self._end(now, "locking", bolted)
        return []

    def _end(self, now: int, doing: str, bolted: bool) -> "list[str]":
        """The end of a move that did not come off."""
        self.wanted_out = False
        if doing == "unlocking" and self.weak:
            self._go(FALL, now)
            return []
        self.detail = "%s: the bolt switch did not follow in %d tries" % (doing, self._try)
        if self._peak_ma >= 0:
            self.detail += ", motor at most %d mA" % self._peak_ma
        again = self.jam == doing or (doing == "locking" and self.state == "jammed")
        self.jam = doing
        self._rest(False)
        if doing == "unlocking":
            if bolted:
                return ["jammed", "locked"]
            self._go(FALL, now)
        return [] if again and self.state == "jammed" else ["jammed"]

    def _go(self, phase: int, now: int) -> None:
        self._phase = phase
        self.drive = 1 if phase in (PULL, NUDGE) else 0
        self._until = now + (REST_MS if phase == REST else NUDGE_MS if phase == NUDGE else BOLT_MS)
        self._strained_ms = None
        if phase == PULL and self._try == 1:
            self._peak_ma = -1

    def _rest(self, out: bool) -> None:
        """The move is over; the drive holds what is wanted."""
        self._phase = IDLE
        self.drive = 1 if out else 0
