"""Connected and nothing moves: told, then acted upon; in virtual time."""

from msgspec.structs import replace

from gateway.alarm_codes import ALARMS
from gateway.intake.watchdog import STALL_S, STUCK_S, Orders, Seen, Watchdog

WELL = Seen(
    now_s=1000.0,
    ready=True,
    heard_s=1000.0,
    received=5,
    devices=3,
    waiting=0,
    stalled_s=0.0,
    stuck_s=0.0,
    silent_s=900,
)


def look(dog: Watchdog, seen: Seen) -> Orders:
    orders = dog.look(seen, now_ms=int(seen.now_s * 1000))
    assert all(one.code in ALARMS for one in orders.conditions)
    return orders


def codes(orders: Orders) -> list[str]:
    return [one.code for one in orders.conditions]


def test_while_data_moves_nothing_is_said() -> None:
    assert look(Watchdog(), WELL) == Orders([])


def test_silence_of_all_devices_opens_the_line_anew_and_is_told_until_one_is_heard() -> None:
    dog = Watchdog()
    look(dog, WELL)
    assert look(dog, replace(WELL, now_s=1899.9)) == Orders([])
    first = look(dog, replace(WELL, now_s=1900.0))
    assert codes(first) == ["intake-silent"]
    assert first.conditions[0].since_ms == 1_000_000
    assert "opened anew" in first.reconnect
    away = look(dog, replace(WELL, now_s=1901.0, ready=False))
    assert (codes(away), away.reconnect) == (["intake-silent"], "")
    back = look(dog, replace(WELL, now_s=1902.0, heard_s=1902.0))
    assert (codes(back), back.reconnect) == (["intake-silent"], ""), "a new line alone proves nothing"
    again = look(dog, replace(WELL, now_s=2802.0, heard_s=1902.0))
    assert again.reconnect
    assert again.conditions[0].since_ms == 1_000_000
    assert look(dog, replace(WELL, now_s=2803.0, heard_s=2803.0, received=6)) == Orders([])


def test_silence_is_no_fault_without_devices_or_when_it_is_not_to_be_watched() -> None:
    dog = Watchdog()
    late = replace(WELL, now_s=10_000.0)
    assert look(dog, replace(late, devices=0)) == Orders([])
    assert look(dog, replace(late, silent_s=0)) == Orders([])
    assert look(dog, replace(late, ready=False)) == Orders([])
    assert codes(look(dog, late)) == ["intake-silent"]
    assert look(dog, replace(late, silent_s=0)) == Orders([])


def test_messages_that_wait_without_a_commit_are_told() -> None:
    dog = Watchdog()
    assert look(dog, replace(WELL, waiting=7, stalled_s=STALL_S - 1)) == Orders([])
    orders = look(dog, replace(WELL, waiting=7, stalled_s=STALL_S))
    assert codes(orders) == ["intake-stalled"]
    assert "7 messages wait" in orders.conditions[0].detail
    assert orders.conditions[0].since_ms == 970_000
    assert not orders.end, "the journal answers that it cannot be written: another process could not either"


def test_a_call_into_the_journal_that_does_not_return_is_told_and_then_ends_the_process() -> None:
    dog = Watchdog()
    hanging = replace(WELL, waiting=4000, stalled_s=STUCK_S - 1, stuck_s=STUCK_S - 1)
    assert (codes(look(dog, hanging)), look(dog, hanging).end) == (["intake-stalled"], "")
    assert "starts anew" in look(dog, replace(hanging, stuck_s=STUCK_S)).end
    assert not look(dog, replace(hanging, stuck_s=STUCK_S, repairing=True)).end
