"""What the entry remembers of used QR tokens when RTC memory is lost, in part or whole."""

from types import SimpleNamespace
from typing import Any

from edge.app.admission import BayState
from edge.app.entry import Entry

from tests.device.test_token_check import NOW_S, QR, qr


class Desk:
    """An entry over plain data: a clock to set, a `keep` to lose."""

    def __init__(self, keep: dict[str, Any]) -> None:
        self.now_s, self.source, self.saved = NOW_S, "ntp", 0
        self.keep = keep
        log = SimpleNamespace(fault=lambda *_args: None, faults=list, room=lambda: True)
        clock = SimpleNamespace(now=lambda: (self.now_s * 1000, self.source))
        memory = SimpleNamespace(data=keep, save=self._save)
        settings = {"tokens": [QR]}
        self.entry = Entry(
            SimpleNamespace(log=log, clock=clock, keep=memory, settings=settings, device="bin-001")
        )

    def _save(self) -> None:
        self.saved += 1

    def show(self, token: str) -> str | None:
        """Why the token is refused; None: it was taken."""
        found = self.entry.judge(token, 0, [BayState(1, ("scale0", "lock0"))], True)
        assert found is not None
        if found.code is None:
            self.entry.spend(found.ticket)
        code: str | None = found.code
        return code


def test_a_unit_that_never_knew_the_time_takes_the_first_token() -> None:
    desk = Desk({"known_ms": 0})
    assert desk.show(qr()) is None
    assert desk.saved == 1, "kept before a bolt moves"
    assert desk.show(qr()) == "token-used"


def test_without_any_memory_what_may_have_been_used_is_refused_once_and_later_ones_are_taken() -> None:
    desk = Desk({})
    assert desk.show(qr(expires_s=NOW_S + 600)) == "token-used"
    desk.now_s += 120
    assert desk.show(qr(expires_s=NOW_S + 600)) == "token-used", "the floor stands"
    assert desk.show(qr(expires_s=NOW_S + 720)) is None, "it does not move on with the clock"


def test_after_a_power_cut_only_tokens_of_before_are_refused() -> None:
    desk = Desk({"known_ms": (NOW_S - 300) * 1000})
    assert desk.show(qr(expires_s=NOW_S + 300)) == "token-used"
    assert desk.show(qr(expires_s=NOW_S + 361)) is None
    later = Desk({"known_ms": (NOW_S - 3600) * 1000})
    assert later.show(qr(expires_s=NOW_S + 30)) is None


def test_until_the_clock_is_set_nothing_is_decided_about_used_tokens() -> None:
    desk = Desk({"known_ms": (NOW_S - 3600) * 1000})
    desk.source = "none"
    assert desk.show(qr()) == "clock-unknown"
    assert "spent" not in desk.keep
    desk.source = "ntp"
    assert desk.show(qr()) is None


def test_refusals_are_counted_by_code() -> None:
    desk = Desk({"known_ms": 0})
    assert [desk.show(text) for text in ("HS1.x", "HS1.y", "card")] == [
        "token-forged", "token-forged", "token-unknown",
    ]  # fmt: skip
    assert desk.entry.judge(None, 3, [], True) is not None
    assert desk.entry.judge(None, 0, [], True) is None
    assert desk.keep["tokens"] == {"token-forged": 2, "token-unknown": 1, "noise": 3, "token-unread": 1}
