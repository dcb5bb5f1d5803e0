"""No command twice, whatever is repeated, replayed or forgotten, and whatever the clock does."""

from edge.app.ledger import ACCEPTED, BEGUN, DONE, OPEN, SIZE, Ledger
from edge.store.state import State
from hypothesis import given
from hypothesis import strategies as st

from tests.device.flash import Flash


def settled(ledger: Ledger, name: str, exp_ms: int, now_ms: int) -> bool:
    if not ledger.accept(name, exp_ms, now_ms):
        return False
    ledger.mark(name, DONE)
    return True


def test_a_command_is_known_by_its_id_from_its_acceptance_on() -> None:
    ledger = Ledger(None)
    assert ledger.find("a") is None
    assert ledger.accept("a", 1000, 0)
    assert ledger.find("a") == (ACCEPTED, "")
    ledger.mark("a", BEGUN)
    again = Ledger(ledger.state())
    assert again.opened() == [("a", BEGUN)]
    again.mark("a", DONE, "x")
    assert again.find("a") == (DONE, "x")
    assert again.opened() == []


def test_more_open_ones_than_there_is_room_for_have_to_wait() -> None:
    ledger = Ledger(None)
    for n in range(OPEN):
        assert ledger.accept(f"open-{n}", 1000, 0)
    assert not ledger.accept("one-more", 1000, 0)
    ledger.mark("open-0", DONE)
    assert ledger.accept("one-more", 1000, 0)


def test_nothing_that_can_still_be_carried_out_is_ever_forgotten() -> None:
    ledger = Ledger(None)
    for n in range(SIZE):
        assert settled(ledger, f"c{n}", 1000 + n, 0)
    assert not settled(ledger, "later", 5000, 999)
    assert settled(ledger, "later", 5000, 1000)
    assert ledger.find("c0") is None
    assert ledger.floor_ms == 1000


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 50), st.integers(-40, 40), st.booleans()),
        max_size=120,
    )
)
def test_at_most_once_under_any_clock(steps: list[tuple[int, int, int, bool]]) -> None:
    """As `Commands` asks: known, floor, clock, room. `exp` of an id never changes: it is signed."""
    ledger, now, exps, done = Ledger(None), 100, dict[str, int](), list[str]()
    for number, life, step, restart in steps:
        now = max(0, now + step)
        name = f"id-{number}"
        exp = exps.setdefault(name, now + life)
        if restart:
            ledger = Ledger(ledger.state())
        if (
            ledger.find(name) is None
            and exp > ledger.floor_ms
            and exp > now
            and ledger.accept(name, exp, now)
        ):
            done.append(name)
            ledger.mark(name, DONE)
        assert len(ledger.state()) <= SIZE + 1
    assert len(done) == len(set(done))


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=5))
)
def test_what_stands_in_a_damaged_state_never_raises(state: object) -> None:
    ledger = Ledger(state if isinstance(state, list) else [state])
    ledger.accept("a", 10, 0)
    ledger.state()


def test_it_fits_beside_what_else_is_durable() -> None:
    """The longest ids and codes, four scales' zeros, a visit of four bays and a trial."""
    ledger, now = Ledger(None), 1_780_000_000_000
    for n in range(SIZE - OPEN):
        assert ledger.accept(f"{n}" * 64, now + 10**12, now)
        ledger.mark(f"{n}" * 64, DONE, "c" * 64)
    for n in range(OPEN):
        assert ledger.accept("abcdefgh"[n] * 64, now + 10**12, now)
    state = State(Flash(4))
    zero = ["x" * 32, -8_388_608, -8_388_608, -8_388_608, 2**41, 4, -400, -400]
    state.put("zero", {f"scale{n}": zero for n in range(4)})
    bays = [[n, -100_000] for n in range(1, 5)]
    state.put("visit", {"name": "0123abcd-4294967295", "user": "x" * 64, "log": 2**32 - 1, "bays": bays})
    state.put("trial", [2**31 - 1, 8])
    state.put("commands", ledger.state())
    assert State(state._dev).get("commands") == ledger.state()
