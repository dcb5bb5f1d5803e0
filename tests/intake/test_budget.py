"""A flood from one device leaves nine tenths to the others, and nobody else ever notices the budget."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.budget import BURST_BYTES, MESSAGE_BYTES, QUIET_S, SHARE, Budget, device_of
from gateway.intake.decide import Incoming


def message(device: str, size: int = 200, channel: str = "up/records") -> Incoming:
    return Incoming(f"huishou/1/{device}/{channel}", b"", size, 0)


def cost(messages: list[Incoming]) -> int:
    return sum(one.size + MESSAGE_BYTES for one in messages)


def admitted(budget: Budget, batch: list[Incoming], now_s: float) -> list[Incoming]:
    return [one for one, taken in zip(batch, budget.admit(batch, now_s), strict=True) if taken]


sizes = st.integers(1, 16_384)


@given(
    st.lists(st.tuples(st.sampled_from(("loud", "bin-1", "bin-2")), sizes), min_size=1, max_size=60),
    st.integers(1, 5),
)
def test_what_a_device_gets_of_full_batches_is_bounded_and_the_first_of_it_is_taken(
    batch: list[tuple[str, int]], rounds: int
) -> None:
    budget = Budget()
    messages = [message(device, size) for device, size in batch]
    got = 0
    for number in range(rounds * 40):
        taken = admitted(budget, messages, float(number) / 1000)
        loud = [one for one in taken if "loud" in one.topic]
        got += cost(loud)
    share = SHARE * cost(messages) * rounds * 40
    assert got <= share + BURST_BYTES + rounds * 40 / 1000 * (64 << 10) + 16_384 + MESSAGE_BYTES


def test_a_flood_is_held_to_a_tenth_after_its_burst_and_told_with_its_name() -> None:
    budget = Budget()
    rng = random.Random(1)
    now_s, taken_loud, taken_others, others = 0.0, 0, 0, 0
    for _ in range(100):
        batch = [message("loud") for _ in range(1900)] + [message(f"bin-{number}") for number in range(100)]
        rng.shuffle(batch)
        taken = admitted(budget, batch, now_s)
        loud = sum("loud" in one.topic for one in taken)
        taken_loud += loud
        taken_others += len(taken) - loud
        others += 100
        now_s += 0.02
    assert taken_others == others
    burst = BURST_BYTES // (200 + MESSAGE_BYTES)
    assert 100 * 200 <= taken_loud <= 100 * 200 + burst + 2 * (64 << 10) // 456 + 1
    assert budget.deferred == 100 * 1900 - taken_loud
    assert list(budget.floods(now_s)) == ["loud"]
    assert budget.floods(now_s + QUIET_S + 1) == {}


def test_ten_thousand_devices_that_send_their_backlogs_at_once_lose_nothing() -> None:
    budget = Budget()
    for turn in range(50):
        batch = [message(f"bin-{number % 400:05}", 8_000) for number in range(turn, turn + 2000)]
        assert len(admitted(budget, batch, turn * 0.05)) == len(batch)
    assert budget.deferred == 0


def test_a_truck_with_a_week_of_positions_beside_a_busy_town_loses_nothing() -> None:
    budget = Budget()
    for turn in range(200):  # 40 messages of 8 kB a second, as a good mobile link carries, over 200 s
        batch = [message("truck-1", 8_000)] * 4 + [message(f"bin-{number % 500}") for number in range(1996)]
        assert len(admitted(budget, batch, turn * 0.1)) == len(batch)


def test_of_states_only_the_newest_counts_and_that_one_always() -> None:
    budget = Budget()
    states = [message("loud", 16_000, "up/state") for _ in range(300)]
    batch = [*states, *(message(f"bin-{number}") for number in range(50))]
    taken = admitted(budget, batch, 0.0)
    assert [one for one in taken if one.topic.endswith("state")] == [states[-1]]
    assert taken[0] is states[-1]
    assert len(taken) == 51


def test_what_is_remembered_is_bounded_however_many_names_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.intake.budget.MAX_DEVICES", 20)
    monkeypatch.setattr("gateway.intake.budget.BURST_BYTES", 1000)
    budget = Budget()
    for turn in range(60):
        batch = [message(f"x-{turn}-{number % 4}", 1000) for number in range(2000)]
        assert len(admitted(budget, batch, turn / 100)) < len(batch)
        assert len(budget.floods(turn / 100)) <= 20
    assert any(name.startswith("x-59-") for name in budget.floods(0.6))


def test_all_topics_outside_the_contract_share_one_budget() -> None:
    assert device_of("huishou/1/bin-1/up/records") == "bin-1"
    assert device_of("huishou/1/" + "x" * 40 + "/up/records") == device_of("other") == device_of("") == ""
