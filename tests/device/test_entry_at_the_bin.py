"""Residents with cards, numbers and QR tokens at a whole bin in virtual time: who is let in, who is told why
not, and that each leaves one record.
"""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.scene import UartBytes
from simulators.world.bin import BinScene
from simulators.world.district import district
from tests.device.test_hours_opening import ms
from tests.device.test_token_check import QR, RULES, qr, with_check_digit

PLAN = district(1)
DEVICE = "bin-002"
HOURS = {"utc_min": 480, "week": {"mon-sun": ["06:30-09:00", "18:00-21:00"]}}
CARD, CODE, CREW = "04A1B2C3D4E5F6", with_check_digit("1234567"), "C0DE12345678"
DAY = "2026-09-22T"


class Morning:
    """A bin whose people come by appointment: (time of the day, what they show; bytes: noise at a press)."""

    def __init__(self, path: Path, at: str, **settings: Any) -> None:
        doc = {**PLAN.settings(DEVICE), "wake_s": 600, **settings}
        self.image = Image.create(path / "bin", DEVICE, "bin-s3", doc, 7, ms(DAY + at))
        self.screens: list[tuple[str, str]] = []
        self.full = False

    def until(
        self,
        end: str,
        *guests: tuple[str, str | bytes],
        network: str = "up",
        fidelity: Fidelity = Fidelity.FAST,
        shown: tuple[tuple[str, bytes], ...] = (),
    ) -> int:
        """Power on, go on until `end`, cut the power. How often it woke from deep sleep. `shown`: to the
        reader, by somebody who presses nothing and goes; the bin has been awake for a minute then, since a
        plug is in.
        """
        scene = PLAN.scene(DEVICE, self.image.now_ms, state=self.image.scene, truth=self._notice, pace=0.0)
        assert isinstance(scene, BinScene)
        if self.full:
            scene.bays[1].fill_up(40_000, scene.bays[1].spec.volume_l * 1000)
        scene.on_guest = lambda token: scene.visitor.come(  # type: ignore[attr-defined]
            token, [1], None if token == CREW else [(3000, 9000)]
        )
        scene.on_press = lambda: scene.parts["wake"].press(800)  # type: ignore[attr-defined]
        scene.on_burst = lambda data: scene.emit(UartBytes(1, bytes.fromhex(data)))  # type: ignore[attr-defined]
        scene.on_plug = lambda: scene.parts["service"].press(90_000)  # type: ignore[attr-defined]
        for at, data in shown:
            scene.at(ms(DAY + at) - 60_000, "plug")
            scene.at(ms(DAY + at), "burst", data.hex())
        for at, token in guests:
            if isinstance(token, str):
                scene.at(ms(DAY + at), "guest", token)
            else:
                scene.at(ms(DAY + at), "press")
                scene.at(ms(DAY + at) + 2000, "burst", token.hex())
        result = run(self.image, scene, ms(DAY + end), fidelity=fidelity, network=network)
        assert result.halted is None
        assert not self.image.complaints()
        return result.counters.wakes

    def _notice(self, event: dict[str, Any]) -> None:
        if event["what"] == "visit":
            self.screens.append((event["token"], event["screen"]))

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        found = [json.loads(data) for _log, _seq, data in self.image.logged()]
        return [record for record in found if record["kind"] in kinds]

    def outcomes(self) -> list[tuple[str | None, str]]:
        """(user, deposit or the reason why not), a second try of the same person left out."""
        found = [(r.get("user"), r.get("code") or r["kind"]) for r in self.records("deposit", "session")]
        return [outcome for outcome, _ in groupby(found)]

    def faults(self) -> list[tuple[str, str]]:
        return [(r["code"], r["state"]) for r in self.records("fault")]


@pytest.fixture
def morning(tmp_path: Path) -> Any:
    return lambda at, **settings: Morning(tmp_path, at, **settings)


def test_a_card_shown_by_somebody_who_has_gone_lets_nobody_else_in(morning: Any) -> None:
    """The reader of a bin that is awake keeps what it is shown."""
    bin_ = morning("06:00")
    shown = (("06:03", b"5555555555\r\n"),)
    bin_.until("06:08", ("06:02:10", CARD), ("06:03:10", CODE), shown=shown)
    assert [user for user, _ in bin_.outcomes()] == [CARD, CODE]


def test_cards_numbers_and_qr_tokens_open_and_what_is_wrong_is_refused_and_told(morning: Any) -> None:
    """A bin is usable without a phone: a card, or a number typed in, is as good as a QR token."""
    bin_ = morning("06:00", hours=HOURS, tokens=RULES)
    token = qr(expires_s=ms(DAY + "06:55") // 1000)
    bin_.until(
        "08:00",
        ("06:10", CARD),
        ("06:40", CARD),
        ("06:50", token),
        ("06:53", token),
        ("07:00", qr(user="R-2", expires_s=ms(DAY + "06:55") // 1000)),
        ("07:05", token[:-9]),
        ("07:10", CODE[:-1] + "0" if CODE[-1] != "0" else CODE[:-1] + "1"),
        ("07:20", CODE),
        ("07:30", b"\xf3\x81\x00garbage\xff\r\n"),
        ("07:40", b"04A1B2"),
        ("07:50", "04A1B2"),
    )
    wrong = bin_.outcomes()[6][0]
    assert bin_.outcomes() == [
        (CARD, "closed"),
        (CARD, "deposit"),
        ("R-17", "deposit"),
        ("R-17", "token-used"),
        ("R-2", "token-expired"),
        (None, "token-forged"),
        (wrong, "token-check"),
        (CODE, "deposit"),
        (None, "token-unread"),
        ("04A1B2", "token-unknown"),
    ]
    assert [r["outcome"] for r in bin_.records("session")] == ["refused"] * len(bin_.records("session"))
    assert not any(token.encode() in data for _, _, data in bin_.image.logged()), "a token is a secret"
    screens = dict(bin_.screens)
    assert screens["04A1B2"].splitlines()[-1] == "Try a card or type your number"
    assert bin_.screens[0][1].splitlines()[1::2] == ["今天06:30开放", "Opens 06:30 today"]
    assert bin_.faults() == []


def test_what_is_noise_at_every_visit_is_a_broken_reader(morning: Any) -> None:
    bin_ = morning("06:00")
    bin_.until("08:00", *((f"06:{10 * n}", b"\xff\xfe\r\n") for n in range(1, 5)), ("07:20", CARD))
    assert bin_.faults() == [("reader-noisy", "raised"), ("reader-noisy", "cleared")]
    assert bin_.outcomes() == [(None, "token-unread"), (CARD, "deposit")]


def test_a_used_token_stays_used_through_deep_sleep(morning: Any) -> None:
    """At full fidelity: each wake from deep sleep is a fresh interpreter."""
    bin_ = morning("07:00", tokens=[QR], wake_s=60)
    token = qr(expires_s=ms(DAY + "07:15") // 1000)
    assert bin_.until("07:15", ("07:06", token), ("07:12", token), fidelity=Fidelity.FULL) > 10
    assert bin_.outcomes() == [("R-17", "deposit"), ("R-17", "token-used")]


def test_a_used_token_stays_used_through_a_power_cut(morning: Any) -> None:
    bin_ = morning("07:00", tokens=[QR])
    token = qr(expires_s=ms(DAY + "07:25") // 1000)
    bin_.until("07:19", ("07:16", token))
    bin_.until("08:00", ("07:22", token), ("07:40", qr(user="R-2", expires_s=ms(DAY + "07:45") // 1000)))
    assert bin_.outcomes() == [("R-17", "deposit"), ("R-17", "token-used"), ("R-2", "deposit")]


def test_without_the_time_the_last_trusted_rule_holds_and_is_said(morning: Any) -> None:
    bin_ = morning("06:00", hours=HOURS, tokens=RULES)
    bin_.until("09:30", ("06:40", CARD))
    bin_.until("18:40", ("10:00", CARD), ("18:30", CARD), network="down")
    assert bin_.outcomes() == [(CARD, "deposit"), (CARD, "closed")]
    assert ("hours-held", "raised") in bin_.faults()
    assert "See the sign for the hours" in bin_.screens[-1][1]
    bin_.until("19:40", ("19:20", CARD))
    assert bin_.outcomes()[-1] == (CARD, "deposit")
    assert [state for code, state in bin_.faults() if code == "hours-held"] == ["raised", "cleared"]


def test_opened_last_it_stays_open_for_cards_but_no_qr_token_can_be_judged(morning: Any) -> None:
    bin_ = morning("06:00", hours=HOURS, tokens=RULES)
    bin_.until("08:30")
    bin_.until("12:00", ("11:00", CARD), ("11:30", qr(expires_s=ms(DAY + "11:35") // 1000)), network="down")
    assert bin_.outcomes() == [(CARD, "deposit"), ("R-17", "clock-unknown")]


def test_a_full_bay_is_refused_until_a_crew_has_emptied_it(morning: Any) -> None:
    bin_ = morning("06:00", bays=PLAN.settings(DEVICE)["bays"][:1])
    bin_.full = True
    bin_.until("07:30", ("06:30", CARD), ("06:50", CREW), ("07:10", CARD))
    assert bin_.outcomes() == [(CARD, "bay-full"), (CARD, "deposit")]
    assert [r["by"] for r in bin_.records("collect")] == [CREW]
    assert dict(bin_.screens)[CARD].splitlines()[2] == "Full, waiting for collection"


def test_a_bin_without_a_calibration_works_on_and_says_that_it_sells_no_weight(morning: Any) -> None:
    bin_ = morning("06:00", bays=PLAN.settings(DEVICE)["bays"][:1], scales={})
    bin_.until("07:00", ("06:30", CARD))
    assert bin_.outcomes() == [(CARD, "uncalibrated")]
    assert ("uncalibrated", "raised") in bin_.faults()
    assert not bin_.records("deposit")
    assert all("mass_g" not in record for record in bin_.records("reading"))
    assert {r["state"] for r in bin_.records("door")} >= {"unlocked", "open", "closed", "locked"}


def test_a_card_may_hold_anything_that_can_be_printed(morning: Any) -> None:
    bin_ = morning("06:00")
    bin_.until("07:00", ("06:30", 'say "hi" \\ {"clock":"none"} %s'))
    assert bin_.outcomes() == [('say "hi" \\ {"clock":"none"} %s', "deposit")]


def test_damaged_rules_are_told_and_the_bin_works_on(morning: Any) -> None:
    bin_ = morning("06:00", hours={"week": {"mon": ["9-12"]}}, tokens=[{"kind": "qr", "key": "?"}])
    bin_.until("07:00", ("06:30", CARD))
    assert bin_.outcomes() == [(CARD, "deposit")]
    assert bin_.faults() == [("hours-damaged", "raised"), ("tokens-damaged", "raised")]
    assert "utc_min" in bin_.records("fault")[0]["detail"]
