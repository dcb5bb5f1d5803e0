"""The way out of safe mode from afar: real firmware, and the gateway's own journal and dispatcher."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.ask import desire
from tests.board.bench import START_MS
from tests.board.test_deaths_safe_mode import DEVICE, FAILS_AT_FIRST, HOUR_MS, Unit
from tests.commands.desk import Desk

MINUTE_MS = 60_000


class Commanded(Unit):
    """A bin that is in trouble, and a desk."""

    def __init__(self, folder: Path, trouble: str, **settings: Any) -> None:
        super().__init__(folder, trouble, **settings)
        self.desk = Desk(folder / "gateway", DEVICE, self.settings["key"])

    def live(self, hours: float, **more: Any) -> None:
        assert self.run(hours, on_network=self.desk.attach, **more).halted is None

    def states(self, code: str) -> list[str]:
        return [one["state"] for one in self.records() if one.get("code") == code]

    def is_whole(self) -> bool:
        """It looks at itself and delivers as a bin does, and safe mode is over for the gateway too."""
        kinds = [one["kind"] for one in self.records()]
        delivered = self.desk.heads[f"{DEVICE}/{next(self.image.logged())[0]}"] == len(kinds)
        return kinds[-1] == "reading" and delivered and self.states("safe-mode") == ["raised", "cleared"]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Commanded]]:
    found: list[Commanded] = []
    yield found
    for one in found:
        one.desk.close()


def test_a_bin_whose_trouble_has_passed_comes_back_at_a_reboot_by_command(
    tmp_path: Path, made: list[Commanded]
) -> None:
    bin_ = Commanded(tmp_path, FAILS_AT_FIRST % (START_MS + HOUR_MS // 2), upload_looks=1)
    made.append(bin_)
    bin_.desk.later = [(START_MS + 50 * MINUTE_MS, "reboot", (), 3600)]
    bin_.live(2.5)
    (id_,) = bin_.desk.asked
    assert bin_.desk.stands(id_).state == "done"
    left = next(one for one in bin_.records() if one.get("reason") == "safe-mode-left")
    assert left["breadcrumb"] == "command"
    assert left["t"] < START_MS + 2 * HOUR_MS, "by itself it would have been in six hours"
    assert bin_.is_whole()


def test_settings_from_afar_mend_a_bin_that_its_settings_have_put_into_safe_mode(
    tmp_path: Path, made: list[Commanded]
) -> None:
    """Provisioned by hand with a number that no table would have let through: it divides by it."""
    bin_ = Commanded(tmp_path, "", upload_looks=0)
    made.append(bin_)
    wished: list[int] = []

    def wish(now_ms: int) -> None:
        if now_ms > START_MS + 50 * MINUTE_MS and not wished:
            assert bin_.records()[-1]["code"] == "safe-mode"
            wished.append(desire(bin_.desk.config, DEVICE, ["upload_looks=1"], [], "li", now_ms))

    bin_.live(2.5, on_time=wish)
    assert bin_.desk.states[-1]["rev"] == wished[0], "in force, as the gateway hears"
    assert bin_.states("settings-rolled-back") == []
    assert bin_.is_whole()


def test_a_reboot_of_a_bin_that_is_still_broken_ends_in_safe_mode_again_and_not_in_silence(
    tmp_path: Path, made: list[Commanded]
) -> None:
    bin_ = Commanded(tmp_path, "", upload_looks=0)
    made.append(bin_)
    bin_.desk.later = [(START_MS + 50 * MINUTE_MS, "reboot", (), 3600)]
    bin_.live(3)
    assert bin_.desk.stands(bin_.desk.asked[0]).state == "done"
    assert bin_.reasons().count("safe-mode-left") == 1
    after = bin_.reasons()[bin_.reasons().index("safe-mode-left") :]
    assert after == ["safe-mode-left", "task-died", "task-died", "task-died"], "three tries"
    assert bin_.states("safe-mode") == ["raised"]
    assert bin_.desk.now_ms > START_MS + int(2.3 * HOUR_MS), "it goes on connecting"
