"""The real firmware on a battery that runs low: what it does without, what it keeps, what it says of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulators.board.chip import Chip
from simulators.board.image import Image
from simulators.board.network import VirtualNetwork
from simulators.board.virtual import Fidelity, run
from simulators.peers.cloud import Cloud
from simulators.world.bin import BinScene
from simulators.world.district import district

HOUR_MS = 3_600_000
START_MS = 1_793_491_200_000  # 2026-11-01T00:00Z, a Sunday, eight in the morning in Tianjin
GRACE_MS = 5 * 60_000  # the page's, before it calls a bin late
PLAN = district(5)


class Day:
    """A bin without a panel, `left_pct` in its cell at first."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, left_pct: float, hours: float = 24,
                 pace: float = 1.0, **more: Any) -> None:  # fmt: skip
        self.states: list[dict[str, Any]] = []
        self.truth: list[dict[str, Any]] = []
        self.kept: dict[str, Any] = {}
        self.scene = self._scene(pace)
        self.scene.supply.leave(left_pct)
        self.scene.set_fault("supply", "no-panel")
        device = self.scene.spec.device
        heard = Cloud.heard

        def listen(cloud: Cloud, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
            if topic.endswith("/up/state"):
                self.states.append({"at": self.scene.now, **json.loads(payload)})
            return heard(cloud, topic, payload)

        monkeypatch.setattr(Cloud, "heard", listen)
        self.image = Image.create(folder / "unit", device, "bin-s3", PLAN.settings(device), 5, START_MS)
        self.result = run(
            self.image, self.scene, START_MS + round(hours * HOUR_MS), fidelity=Fidelity.FAST,
            on_boot=self._read, **more,
        )  # fmt: skip
        assert self.result.halted is None
        assert "Traceback" not in (folder / "unit" / "vm.log").read_text(encoding="utf-8")
        self.records = [json.loads(data) for _log, _seq, data in self.image.logged()]

    def _scene(self, pace: float) -> BinScene:
        spec = PLAN.bins[0]
        spec = replace(spec, solar=replace(spec.solar, shade=1.0))
        return BinScene(spec, 5, START_MS, lambda _after: None, self.truth.append, pace)

    def _read(self, chip: Chip) -> None:
        if chip.memory:
            self.kept = json.loads(chip.memory[4:])

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The records of a kind."""
        return [r for r in self.records if r["kind"] == kind]

    @property
    def promises_kept(self) -> bool:
        """Each time that was announced, something was heard by then."""
        for state, following in zip(self.states, [*self.states[1:], None], strict=True):
            if state.get("next") is not None:
                heard_at = following["at"] if following else self.scene.now
                if heard_at > state["next"] + GRACE_MS:
                    return False
        return True


@pytest.mark.parametrize(
    ("left_pct", "level", "readings", "uploads"),
    [(90, "normal", (90, 110), (24, 80)), (38, "saver", (40, 60), (8, 20)), (20, "survival", (4, 14), (2, 6)),
     (12.5, "dark", (1, 4), (1, 3))],
)  # fmt: skip
def test_each_level_spares_what_it_says_and_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_pct: float, level: str,
    readings: tuple[int, int], uploads: tuple[int, int],
) -> None:  # fmt: skip
    day = Day(tmp_path, monkeypatch, left_pct, pace=0.001)  # nobody comes
    asleep = [s for s in day.states if not s["online"] and s.get("next")]
    assert asleep[-1]["level"] == level
    assert abs(asleep[0]["charge_pct"] - left_pct) <= 6
    assert readings[0] <= len(day.of("reading")) <= readings[1]
    assert uploads[0] <= len(asleep) <= uploads[1]
    assert day.promises_kept


@pytest.mark.parametrize("left_pct", [20, 14])
def test_the_door_opens_and_is_weighed_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_pct: float
) -> None:
    day = Day(tmp_path, monkeypatch, left_pct, hours=12, pace=3)
    thanked = [t for t in day.truth if t["what"] == "deposit" and t["thanked"]]
    assert len(thanked) >= 5
    deposits = day.of("deposit")
    for true in thanked:
        assert [d for d in deposits if 0 <= d["t"] - true["t"] < 40_000 and d["bay"] == true["bay"]
                and abs(d["net_g"] - true["mass_g"]) <= 2 * d["e_g"]]  # fmt: skip
    assert day.states[-1]["level"] in ("survival", "dark")
    assert day.promises_kept


def test_the_ledger_is_what_the_cell_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(tmp_path, monkeypatch, 60, hours=49, pace=2)
    used = {name: mwh for name, mwh in day.scene.supply.used_mwh.items() if name != "leak"}
    ledger_mwh = day.kept["energy"][4] / 3600
    last_sleep_mwh = 10  # what a last hour of sleep took, which nobody has booked yet
    assert sum(used.values()) * 0.98 - last_sleep_mwh <= ledger_mwh <= sum(used.values()) * 1.02
    told = [s for s in day.states if "used_mwh" in s][-1]["used_mwh"]
    assert told["reader"] in (359, 360, 361)
    assert set(used) <= set(told)
    for name in ("chip", "radio", "lock0", "scale0"):
        assert told[name] > 0


def _hangs(network: VirtualNetwork) -> None:
    """The broker takes the connection, and is never heard of again."""

    class Mute:
        closed = False

        def received(self, _now_ms: int, _data: bytes) -> bytes:
            return b""

        def __getattr__(self, _name: str) -> Callable[..., None]:
            return lambda *_a, **_k: None

    network.connect = lambda _port: Mute()


def test_no_wake_outlasts_its_budget_whatever_the_link_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awake: list[float] = []
    power = BinScene.power
    since = [START_MS]

    def watch(scene: BinScene, now_ms: int, state: str) -> None:
        if state == "sleep":
            awake.append((now_ms - since[0]) / 1000)
        elif scene.supply.state_name in ("sleep", "off"):
            since[0] = now_ms
        power(scene, now_ms, state)

    monkeypatch.setattr(BinScene, "power", watch)
    day = Day(tmp_path, monkeypatch, 20, hours=24, pace=0.001, on_network=_hangs)
    assert len(awake) >= 8
    assert max(awake) <= 131
    assert sum(awake) < 24 * 60, "a day of a dead broker costs less than 24 minutes of being awake"
    assert day.scene.supply.charge_mwh > 0
