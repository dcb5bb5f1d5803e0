"""The door's state machine against a bolt that jams, hands that meddle, a supply that sags, and restarts."""

from dataclasses import dataclass, field

from edge.measure import door as machine
from edge.measure.door import FLOOR_MV, Door
from hypothesis import given, settings
from hypothesis import strategies as st

# What may follow what, as the table in the module says.
NEXT = {
    "locked": {"unlocked", "forced", "open", "jammed"},
    "unlocked": {"open", "locked", "jammed"},
    "open": {"closed"},
    "closed": {"open", "locked", "unlocked", "jammed"},
    "forced": {"closed"},
    "jammed": {"locked", "open", "unlocked"},
}
TRAVEL_MS = 200


@dataclass
class Rig:
    """A door as it physically is. `run` lets time pass, `Door` sees every change and every deadline."""

    last: str = "locked"
    closed: bool = True
    bolted: bool = True
    jammed: bool = False
    stuck_switch: int | None = None  # what the bolt switch always says
    mv: int = 3900
    ma: int | None = None
    stall_ma: int = 0
    now: int = 0
    pulls: int = 0
    drove: int = 0
    arrives: int | None = None
    states: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.door = Door(self.last, self.stall_ma)
        self.see()

    @property
    def switch(self) -> bool:
        return self.bolted if self.stuck_switch is None else bool(self.stuck_switch)

    def see(self) -> None:
        loaded = self.mv if self.drove else 4000
        self.states += self.door.see(self.now, self.switch, self.closed, self.ma, loaded)
        self.pulls += self.door.drive > self.drove
        self.drove = self.door.drive
        self._travel()

    def _travel(self) -> None:
        out = self.door.drive == 1
        free = not self.jammed and self.bolted == out and (out or self.closed)
        if not free:
            self.arrives = None
        elif self.arrives is None:
            self.arrives = self.now + TRAVEL_MS

    def ask(self, out: bool) -> None:
        self.door.ask(out, self.now)
        self.see()

    def swing(self) -> bool:
        """Somebody pulls the shut door, or shuts the open one. Whether it moved."""
        if self.closed and self.bolted:
            return False
        self.closed = not self.closed
        self.arrives = None
        self.see()
        return True

    def force(self) -> None:
        """With a crowbar: the bolt stays as it is."""
        if self.closed:
            self.closed = False
            self.see()

    def run(self, ms: int) -> None:
        end = self.now + ms
        while True:
            due = self.door.due_ms(self.now)
            next_ms = None if due is None else self.now + max(due, 1)
            stops = [t for t in (self.arrives, next_ms) if t is not None]
            if not stops or min(stops) > end:
                break
            self.now = min(stops)
            if self.arrives == self.now:
                self.bolted, self.arrives = not self.bolted, None
            self.see()
        self.now = end

    def restart(self, off_ms: int) -> None:
        """The supply fails: the spring sends the bolt home if the door is shut; then a new `Door`."""
        if self.closed and not self.jammed:
            self.bolted = True
        self.now += off_ms
        self.arrives = None
        self.door = Door(self.door.state, self.stall_ma)
        self.see()

    def settled(self) -> str:  # the state it comes to rest in
        self.run(machine.TRIES * 3 * (machine.BOLT_MS + machine.REST_MS + machine.NUDGE_MS))
        assert not self.door.moving, "every move has an end"
        return str(self.door.state)


def test_a_visit() -> None:
    rig = Rig()
    rig.ask(True)
    assert rig.settled() == "unlocked"
    assert rig.swing()
    rig.ask(False)
    assert (rig.settled(), rig.door.drive) == ("open", 0), "nothing moves while the door is open"
    rig.swing()
    assert rig.settled() == "locked"
    assert rig.states == ["unlocked", "open", "closed", "locked"]
    assert rig.pulls == 1


def test_a_bolt_that_does_not_come_out_is_tried_three_times_and_left_locked() -> None:
    rig = Rig(jammed=True)
    rig.ask(True)
    assert rig.settled() == "locked"
    assert rig.states == ["jammed", "locked"]
    assert (rig.pulls, rig.door.jam, rig.door.drive) == (machine.TRIES, "unlocking", 0)
    rig.jammed = False
    rig.ask(True)
    assert rig.settled() == "unlocked"
    assert rig.door.jam == ""


def test_a_bolt_that_does_not_go_home_is_nudged_then_jammed_and_known_when_it_is_home_after_all() -> None:
    rig = Rig()
    rig.ask(True)
    rig.settled()
    rig.jammed = True
    rig.ask(False)
    assert rig.settled() == "jammed"
    assert rig.pulls == 1 + machine.TRIES - 1
    rig.jammed, rig.bolted = False, True
    rig.see()
    assert rig.states == ["unlocked", "jammed", "locked"]
    assert rig.door.jam == ""


def test_a_door_that_opens_while_it_is_locked_was_forced() -> None:
    rig = Rig()
    rig.force()
    assert rig.settled() == "forced"
    rig.closed = True
    rig.see()
    assert rig.settled() == "locked"
    assert rig.states == ["forced", "closed", "locked"]


def test_a_supply_that_sags_ends_the_pull_at_once_and_for_good() -> None:
    rig = Rig(mv=FLOOR_MV - 1)
    rig.ask(True)
    assert rig.settled() == "locked"
    assert (rig.pulls, rig.states, rig.door.weak, rig.door.jam) == (1, [], True, "")
    assert rig.now < 60_000
    rig.mv = 3700
    rig.ask(True)
    assert rig.settled() == "unlocked"
    assert not rig.door.weak


def test_a_motor_that_stalls_is_switched_off_long_before_the_deadline() -> None:
    rig = Rig(jammed=True, ma=900, stall_ma=700)
    rig.ask(True)
    before = rig.now
    while rig.door.moving:
        rig.run(machine.SAMPLE_MS)
    pulled_ms = rig.now - before - 2 * machine.REST_MS
    assert pulled_ms < machine.TRIES * (machine.STALL_MS + 2 * machine.SAMPLE_MS + 20)
    assert "900 mA" in rig.door.detail


def test_a_bolt_switch_that_always_says_home_contradicts_the_door() -> None:
    rig = Rig(stuck_switch=1)
    rig.ask(True)
    rig.run(TRAVEL_MS + 10)
    rig.swing()
    assert rig.settled() == "open"
    assert rig.door.conflict == "bolt-switch"
    assert rig.door.jam == ""


def test_a_bolt_switch_that_always_says_out_ends_in_jammed_at_locking() -> None:
    rig = Rig(stuck_switch=0)
    assert rig.settled() == "jammed"
    assert rig.door.jam == "locking"


HANDS = st.sampled_from(
    ["unlock", "lock", "swing", "force", "jam", "free", "sag", "charge", "cut", "wait", "blink", "long"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(HANDS, max_size=30))
def test_whatever_happens_the_state_is_known_legal_and_safe(acts: list[str]) -> None:
    rig = Rig()
    for act in acts:
        pulls = rig.pulls
        match act:
            case "unlock" | "lock":
                rig.ask(act == "unlock")
            case "swing":
                rig.swing()
            case "force":
                rig.force()
            case "jam" | "free":
                rig.jammed = act == "jam"
                rig._travel()
            case "sag" | "charge":
                rig.mv = FLOOR_MV - 100 if act == "sag" else 3900
            case "cut":
                rig.restart(3000)
            case _:
                rig.run({"wait": 700, "blink": 30, "long": 20_000}[act])
        assert rig.pulls - pulls <= 2 * machine.TRIES
    was = "locked"
    for state in rig.states:
        assert state in NEXT[was], rig.states
        was = state
    state = rig.settled()
    door = rig.door
    if not rig.closed:
        assert state in ("open", "forced")
    elif not door.wanted_out:
        assert door.drive == 0
        assert (state == "locked") == rig.bolted
        assert state in ("locked", "jammed")
    else:
        assert not rig.bolted
        assert state in ("unlocked", "closed")
    rig.restart(1000)  # and after a power cut it is known again, and safe
    state = rig.settled()
    assert rig.door.drive == 0
    assert state in (("open", "forced") if not rig.closed else ("locked",) if rig.bolted else ("jammed",))
