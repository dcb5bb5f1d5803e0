"""The real bin firmware on the stand-ins: what it logs is what happened; a run is a function of its seed."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardware import load_board
from simulators.board.image import Image, ImageError
from simulators.board.interpreter import wide
from simulators.board.virtual import Fidelity, run
from simulators.world.district import district
from tests.board.bench import START_MS

DAY_MS = 86_400_000
DEVICE = "bin-001"
SECTORS = 8  # of a small log


def fresh(
    folder: Path, truth: list[dict[str, Any]] | None = None, seed: int = 5, **more: Any
) -> tuple[Image, Any]:
    plan = district(seed)
    image = Image.create(folder, DEVICE, "bin-s3", plan.settings(DEVICE), seed, START_MS)
    sink = truth.append if truth is not None else None
    return image, plan.scene(DEVICE, START_MS, truth=sink, **more)


def logged(image: Image) -> list[dict[str, Any]]:
    return [json.loads(record) for _, _, record in image.logged()]


def test_every_deposit_that_was_thanked_for_is_logged_with_its_true_weight(tmp_path: Path) -> None:
    truth: list[dict[str, Any]] = []
    image, scene = fresh(tmp_path / "a", truth, pace=3.0)
    run(image, scene, START_MS + DAY_MS)
    records = logged(image)
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    thanked = [e for e in truth if e["what"] == "deposit" and e["thanked"]]
    deposits = [r for r in records if r["kind"] == "deposit"]
    assert len(thanked) >= 10
    for event in thanked:
        near = [d for d in deposits if d["bay"] == event["bay"] and 0 <= d["t"] - event["t"] < 10_000]
        assert len(near) == 1, event
        record = near[0]
        assert record["user"].startswith(event["token"])
        assert record["category"] == event["category"]
        # Two weighings of e = 20 g each: half a scale interval either way, and what the noise adds.
        assert abs(record["net_g"] - event["mass_g"]) <= 2 * record["e_g"]


@pytest.mark.parametrize("network", ["up", "down"])
def test_the_same_seed_gives_the_same_flash_and_the_same_truth(tmp_path: Path, network: str) -> None:
    flashes, truths = [], []
    for name in ("a", "b"):
        truth: list[dict[str, Any]] = []
        image, scene = fresh(tmp_path / name, truth, pace=2.0)
        run(image, scene, START_MS + DAY_MS // 4, network=network)
        flashes.append((tmp_path / name / "log.bin").read_bytes())
        truths.append(truth)
    assert flashes[0] == flashes[1]
    assert truths[0] == truths[1]
    assert [event for event in truths[0] if event["what"] == "deposit"]
    image, scene = fresh(tmp_path / "c", seed=6)
    run(image, scene, START_MS + DAY_MS // 4, network=network)
    assert (tmp_path / "c" / "log.bin").read_bytes() != flashes[0]


MOST_FILES = 40


def few_files(fd_in: int, fd_out: int, firmware: Path) -> tuple[list[str], dict[str, str]]:
    """The usual interpreter, which may have so few files open that one left open a wake is soon too many."""
    command, environment = wide(fd_in, fd_out, firmware)
    return ["/bin/sh", "-c", f'ulimit -n {MOST_FILES} && exec "$@"', "sh", *command], environment


def test_a_fresh_interpreter_at_each_wake_changes_nothing_and_leaves_no_file_open(tmp_path: Path) -> None:
    """So the firmware keeps nothing in memory over a deep sleep, and keeping modules is a fair short cut."""
    flashes = []
    for fidelity in (Fidelity.STANDARD, Fidelity.FULL):
        image, scene = fresh(tmp_path / fidelity)
        result = run(image, scene, START_MS + DAY_MS, fidelity=fidelity, launch=few_files)
        assert result.fidelity == fidelity
        assert result.halted is None
        assert result.counters.wakes > MOST_FILES
        flashes.append((image.path / "log.bin").read_bytes())
    assert flashes[0] == flashes[1]


def test_fast_tells_the_same_story_within_one_scale_interval(tmp_path: Path) -> None:
    """Its instants differ by a millisecond now and then, so the noise does, so a rounding may."""
    stories, masses = [], []
    for fidelity in (Fidelity.STANDARD, Fidelity.FAST):
        image, scene = fresh(tmp_path / fidelity)
        run(image, scene, START_MS + DAY_MS // 4, fidelity=fidelity)
        records = logged(image)
        stories.append([(r["seq"], r["kind"], r.get("bay"), r.get("state"), r.get("user")) for r in records])
        masses.append([r.get("mass_g", r.get("net_g", 0)) for r in records])
    assert stories[0] == stories[1]
    assert all(abs(a - b) <= 20 for a, b in zip(*masses, strict=True))


def test_an_image_goes_on_where_it_stands(tmp_path: Path) -> None:
    image, scene = fresh(tmp_path / "a")
    run(image, scene, START_MS + DAY_MS // 4)
    before = logged(image)
    image = Image.open(tmp_path / "a")
    assert image.now_ms == START_MS + DAY_MS // 4
    scene = district(5).scene(DEVICE, image.now_ms, state=image.scene)
    run(image, scene, START_MS + DAY_MS // 2)
    after = logged(image)
    assert after[: len(before)] == before
    assert [r["seq"] for r in after] == list(range(1, len(after) + 1))
    assert after[len(before)]["kind"] == "boot"
    assert after[len(before)]["reason"] == "power-on"


def test_a_ring_that_wraps_loses_nothing_of_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def small(name: str) -> dict[str, Any]:
        board = load_board(name)
        board["partitions"]["log"] = SECTORS * 4096
        return board

    monkeypatch.setattr("simulators.board.image.load_board", small)
    image, scene = fresh(tmp_path / "a")
    result = run(image, scene, START_MS + 5 * DAY_MS // 2, fidelity=Fidelity.FAST)
    assert result.counters.erases > SECTORS, "the ring must have wrapped"
    numbers = [r["seq"] for r in logged(image)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [r["seq"] for r in logged(Image.open(tmp_path / "a"))] == numbers


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 7, 12, 20, 33])
def test_a_power_cut_in_the_middle_of_a_flash_operation_loses_no_logged_record(
    tmp_path: Path, cut: int
) -> None:
    truth: list[dict[str, Any]] = []
    image, scene = fresh(tmp_path / "a", truth, pace=20.0)
    # Counted from each boot, so the radio is kept off: a bin in service runs through this many in one wake.
    result = run(image, scene, START_MS + DAY_MS // 8, cut_at_flash_op=cut, network="down")
    assert result.halted is None
    records = logged(image)
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    thanked = sum(e["what"] == "deposit" and e["thanked"] for e in truth)
    assert sum(r["kind"] == "deposit" for r in records) >= thanked


def test_no_image_is_created_over_another_and_a_missing_one_is_explained(tmp_path: Path) -> None:
    fresh(tmp_path / "a")
    with pytest.raises(ImageError, match="already"):
        fresh(tmp_path / "a")
    with pytest.raises(ImageError, match="expected the folder"):
        Image.open(tmp_path / "nothing")
