"""Commands under CPython: what is accepted, refused, expired; one execution, always an answer, over any power
cut within any flash operation.
"""

import asyncio
import json
from typing import Any

import pytest
from edge.app.commands import AHEAD_MS, Commands
from edge.app.ledger import SIZE
from edge.store.state import State
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import decode_reply
from gateway.contract_signed import encode_command
from tests.device.flash import Flash, PowerFails

KEY = bytes(range(32))
NOW = 1_780_000_000_000


class Time:
    """The clock as `Commands` asks it."""

    def __init__(self) -> None:
        self.ms, self.source = NOW, "ntp"

    def now(self) -> tuple[int, str]:
        return self.ms, self.source


class Device:
    """Commands on a flash; `done` is what was really carried out, over all restarts."""

    def __init__(self, flash: Flash | None = None) -> None:
        self.flash = flash or Flash(4)
        self.time = Time()
        self.done: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.start()

    def start(self) -> None:
        """Power on."""
        self.flash.cut_at = 0
        state = State(self.flash)
        handlers = {"unlock": self._unlock, "fail": self._fail}
        self.commands = Commands("bin-001", KEY, lambda: state, self.time, handlers)
        self.commands.news = self._hear
        self.commands.recover()

    def _hear(self) -> None:
        """The uplink publishes, the broker acknowledges."""
        while told := self.commands.reply():
            self.told.append(json.loads(told[1]))
            self.commands.told(told[0])

    def _unlock(self, _name: str, args: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        self.done.append(args["who"])
        return "done", "", {"bay": 1}

    def _fail(self, _name: str, args: dict[str, Any]) -> tuple[str, str, None]:
        raise ValueError("no")

    def take(self, body: bytes) -> tuple[str, str]:
        """The reply at once, (state, code)."""
        (reply,) = self.commands.take("huishou/1/bin-001/down/commands", body)
        decoded = decode_reply(reply)
        return decoded.state, decoded.code if isinstance(decoded.code, str) else ""

    def work(self) -> None:
        asyncio.run(self.commands.run())


def command(id_: str = "c1", exp: int = NOW + 60_000, name: str = "unlock", key: bytes = KEY) -> bytes:
    return encode_command("bin-001", key, id_, name, {"who": id_}, exp)


def test_a_command_is_accepted_carried_out_once_and_answered() -> None:
    device = Device()
    assert device.take(command()) == ("accepted", "")
    assert device.take(command()) == ("accepted", "")
    device.work()
    assert device.done == ["c1"]
    assert [(one["id"], one["state"], one["result"]) for one in device.told] == [("c1", "done", {"bay": 1})]
    assert device.take(command()) == ("done", "")
    device.start()
    assert device.take(command()) == ("done", "")
    device.work()
    assert device.done == ["c1"]


def test_a_reply_is_due_until_the_broker_has_taken_it() -> None:
    device = Device()
    device.commands.news = lambda: None
    device.take(command())
    assert device.commands.busy
    device.work()
    assert device.commands.busy
    first = device.commands.reply()
    assert first is not None
    assert device.commands.reply() is None
    device.commands.connected()
    assert device.commands.reply() == first
    device.commands.told(first[0])
    device.commands.connected()
    assert device.commands.reply() is None
    assert not device.commands.busy


def test_what_is_forged_expired_or_too_far_ahead_does_nothing() -> None:
    device = Device()
    assert device.take(command(key=b"x" * 32)) == ("refused", "bad-mac")
    assert device.take(encode_command("bin-002", KEY, "c1", "unlock", {}, NOW + 1)) == ("refused", "bad-mac")
    changed = command().replace(b'"who":"c1"', b'"who":"c2"')
    assert device.take(changed) == ("refused", "bad-mac")
    assert device.take(command(exp=NOW)) == ("expired", "")
    assert device.take(command(exp=NOW + AHEAD_MS + 1)) == ("refused", "exp-too-far")
    assert device.take(command(name="explode")) == ("refused", "unsupported")
    device.time.source = "none"
    assert device.take(command()) == ("refused", "clock-unknown")
    device.work()
    assert device.done == []
    device.time.source = "ntp"
    assert device.take(command()) == ("accepted", "")


def test_without_a_key_nobody_commands() -> None:
    commands = Commands("bin-001", b"", lambda: State(Flash(4)), Time(), {"unlock": lambda _args: None})
    for key in (b"", KEY):
        (reply,) = commands.take("x/commands", command(key=key))
        assert json.loads(reply)["code"] == "bad-mac"


def test_what_waited_beyond_its_expiry_is_not_begun() -> None:
    device = Device()
    device.take(command())
    device.time.ms += 60_000
    device.work()
    assert device.done == []
    assert device.told[0]["state"] == "expired"
    assert device.take(command()) == ("expired", "")


def test_a_failing_handler_is_an_answer() -> None:
    device = Device()
    device.take(command(name="fail"))
    device.work()
    assert (device.told[0]["state"], device.told[0]["code"]) == ("failed", "bad-args")


def test_a_taken_back_retained_command_is_no_message_and_garbage_is_no_command() -> None:
    device = Device()
    assert device.commands.take("x/commands", b"") == []
    for body in (b"[]", b"{}", b'{"id":5}', b'{"id":""}', b'{"id":"a b"}', b"x", b"[" * 2000, b"x" * 20_000):
        with pytest.raises((ValueError, RecursionError)):
            device.commands.take("x/commands", body)


def test_yesterdays_command_opens_nothing_however_the_clock_is_set() -> None:
    """Replayed after the memory rolled over, and with the clock set back to when it was good."""
    device = Device()
    yesterday = command("old", NOW + 1000)
    device.take(yesterday)
    device.work()
    for n in range(3 * SIZE):
        device.time.ms += 60_000
        assert device.take(command(f"n{n}", device.time.ms + 30_000)) == ("accepted", "")
        device.work()
    assert device.take(yesterday) == ("refused", "forgotten")
    device.time.ms = NOW
    device.start()
    assert device.take(yesterday) == ("refused", "forgotten")
    device.work()
    assert device.done.count("old") == 1


def test_a_full_memory_asks_to_wait_and_is_free_again_when_the_first_has_expired() -> None:
    device = Device()
    for n in range(SIZE):
        assert device.take(command(f"n{n}", NOW + 60_000 + n)) == ("accepted", "")
        device.work()
    assert device.take(command("more", NOW + 90_000)) == ("refused", "busy")
    device.time.ms += 60_000
    assert device.take(command("more", NOW + 90_000)) == ("accepted", "")


@pytest.mark.parametrize("torn", [0, 100, 255])
@pytest.mark.parametrize("before", [0, 3])
def test_a_power_cut_within_any_flash_operation_of_a_command(torn: int, before: int) -> None:
    """`before` commands of another day come first, so that erases are among the operations. What was
    PUBACKed has an answer; nothing is done twice; the gateway repeats until it has the last word.
    """
    whole = Device()
    _earlier(whole, before)
    start = whole.flash.operations
    _play(whole, command())
    assert whole.flash.operations > start
    for cut in range(start + 1, whole.flash.operations + 1):
        device = Device()
        _earlier(device, before)
        device.flash.cut_at, device.flash.torn = cut, torn
        accepted = _play(device, command())
        device.start()
        last = [(one["state"], one.get("code")) for one in device.told if one["id"] == "c1"]
        repeated = device.take(command())
        device.work()
        assert device.done.count("c1") <= 1, f"cut {cut}"
        if accepted:  # it was acknowledged to the broker, which may have forgotten it since
            assert last or repeated[0] in ("done", "failed"), f"cut {cut}: no answer"
            assert not last or repeated[0] == last[-1][0] or repeated == ("done", "")
        if repeated == ("accepted", ""):
            assert device.done.count("c1") == 1
        if ("done", None) in last:
            assert device.done.count("c1") == 1
        if repeated == ("failed", "not-begun"):
            assert device.done.count("c1") == 0
        device.start()
        assert device.take(command())[0] in ("done", "failed")
        assert device.done.count("c1") <= 1


def _earlier(device: Device, count: int) -> None:
    for n in range(count):
        device.take(command(f"earlier-{n}", NOW + 5))
        device.work()
    device.told.clear()


def _play(device: Device, body: bytes) -> bool:
    """Whether it was acknowledged before the power failed."""
    accepted = False
    try:
        accepted = device.take(body)[0] == "accepted"
        device.work()
    except PowerFails:
        pass
    return accepted


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 40), st.sampled_from([0, 3, 200]), st.integers(-50, 90)),
        max_size=25,
    )
)
def test_at_most_once_over_cuts_repeats_and_jumps_of_the_clock(
    steps: list[tuple[int, int, int, int]],
) -> None:
    device = Device()
    bodies: dict[int, bytes] = {}
    for number, cut, torn, jump_s in steps:
        device.time.ms += jump_s * 1000
        body = bodies.setdefault(number, command(f"n{number}", device.time.ms + 40_000))
        device.flash.cut_at = device.flash.operations + cut if cut and cut < 14 else 0
        device.flash.torn = torn
        _play(device, body)
        if device.flash.cut_at:
            device.start()
        assert len(device.done) == len(set(device.done))
