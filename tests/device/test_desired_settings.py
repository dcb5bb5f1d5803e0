"""Settings from afar: checked, tried, kept or rolled back, whatever cuts the power in between."""

import json
from pathlib import Path
from typing import Any

import pytest
from edge.app.desired import CHANCES, START, Desired, key_of
from edge.app.overlay import laid_over
from edge.app.settable import TABLE, check
from edge.errors import EdgeError
from edge.store import settings as store
from edge.store.state import State
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract_signed import encode_desired
from tests.device.flash import Flash, PowerFails

KEY = bytes(range(32))
DOC: dict[str, Any] = {
    "device": "bin-001",
    "key": KEY.hex(),
    "unit": "bin",
    "wake_s": 600,
    "network": {"ssid": "a", "password": "secret-a"},
    "broker": {"host": "one", "port": 1883, "password": "p"},
    "bays": [{"bay": 1, "full_pct": 95, "scale": "scale0"}, {"bay": 2, "scale": "scale1"}],
    "text": "旧" * 3000,
}


class Unit:
    """The two partitions, and a `Desired` at each start."""

    def __init__(self) -> None:
        self.settings, self.memory = Flash(0, store.encode(DOC, 65536)), Flash(4)
        self.told: list[tuple[str, bool, str]] = []

    def start(self, asleep: bool = False) -> Desired:
        """Power on (or wake). What is told of faults goes to `told`."""
        for flash in (self.settings, self.memory):
            flash.cut_at = 0
        self.settings, self.memory = (Flash(0, bytes(flash.image)) for flash in (self.settings, self.memory))
        state = State(self.memory)
        desired = Desired(self.settings, lambda: state)
        desired.begin(asleep)
        desired.listen(lambda _part, code, raised, detail="": self.told.append((code, raised, detail)))
        return desired


def body(rev: int, key: bytes = KEY, **config: Any) -> bytes:
    return encode_desired("bin-001", key, rev, {name.replace("__", "."): one for name, one in config.items()})


def test_a_revision_is_tried_from_the_next_start_and_kept_once_the_link_is_up() -> None:
    unit = Unit()
    desired = unit.start()
    assert (desired.rev, desired.settings["wake_s"], desired.trying) == (0, 600, False)
    desired.take(body(5, wake_s=900, network__ssid="b"))
    assert desired.restart == ("settings-changed", "rev 5")
    assert desired.settings["wake_s"] == 600
    desired = unit.start()
    assert (desired.rev, desired.trying) == (5, True)
    assert desired.settings["wake_s"] == 900
    assert desired.settings["network"] == {"ssid": "b", "password": "secret-a"}
    desired.attempt()
    desired.confirm()
    assert unit.told[-1] == ("settings-rolled-back", False, "")
    for _ in range(2 * CHANCES):
        desired = unit.start()
        desired.attempt()
    assert (desired.rev, desired.trying, desired.settings["wake_s"]) == (5, False, 900)


def test_a_revision_replaces_the_one_before_and_what_it_does_not_name_is_as_provisioned() -> None:
    unit = Unit()
    for rev, config in ((1, {"wake_s": 900}), (2, {"bay.1.full_pct": 80})):
        desired = unit.start()
        desired.take(encode_desired("bin-001", KEY, rev, config))
        desired = unit.start()
        desired.confirm()
    assert desired.rev == 2
    assert desired.settings["wake_s"] == 600
    assert [bay.get("full_pct") for bay in desired.settings["bays"]] == [80, None]


@pytest.mark.parametrize("starts", range(4))
@pytest.mark.parametrize("wakes", [0, 20])
def test_without_a_link_it_is_rolled_back_after_a_bounded_number_of_starts_and_tries(
    starts: int, wakes: int
) -> None:
    unit = Unit()
    unit.start().take(body(7, broker__host="nowhere"))
    desired = unit.start()
    for _ in range(wakes):
        desired = unit.start(asleep=True)
        assert desired.trying, "a planned sleep takes no chance"
    for _ in range(starts):
        desired = unit.start()
    assert desired.trying == (starts < CHANCES // START)
    tries = 0
    while desired.trying:
        desired.attempt()
        tries += 1
    assert tries <= CHANCES
    assert [one[:2] for one in unit.told if one[1]] == [("settings-rolled-back", True)]
    if tries:
        assert desired.restart == ("settings-rolled-back", "rev 7")
    desired = unit.start()
    assert (desired.rev, desired.settings["broker"]["host"], desired.restart) == (0, "one", ("", ""))
    desired.take(body(7, broker__host="nowhere"))
    assert desired.restart == ("", ""), "the retained message comes again; it is not tried again"
    desired.take(body(8, broker__host="two"))
    assert desired.restart == ("settings-changed", "rev 8")


def test_yesterdays_a_forged_and_a_wrong_revision_change_nothing() -> None:
    unit = Unit()
    unit.start().take(body(5, wake_s=900))
    desired = unit.start()
    desired.confirm()
    for old in (body(5, wake_s=700), body(4, wake_s=700), b""):
        desired.take(old)
        assert (desired.restart, [one for one in unit.told if one[1]]) == (("", ""), [])
    for bad in (
        body(9, key=b"y" * 32, wake_s=700),
        body(9, wake_s=5),
        body(9, wake_s="900"),
        body(9, key_="x"),
        body(9, bay__3__full_pct=50),
        body(9, fences=[]),
        body(9, hours={"week": "x"}),
    ):
        desired.take(bad)
        code, raised, detail = unit.told[-1]
        assert (code, raised) == ("settings-refused", True)
        assert detail.startswith("rev 9: ")
    assert desired.restart == ("", "")
    with pytest.raises(ValueError, match="expected"):
        desired.take(b'{"rev":1}')
    assert unit.start().rev == 5


@pytest.mark.parametrize("torn", [0, 128, 255])
def test_a_cut_within_any_flash_operation_leaves_one_revision_whole(torn: int) -> None:
    """Of taking, of the trial's start, and of keeping or rolling back: the old one or the new one is in
    force, and in the end one of them for good.
    """
    for cut in range(1, 48):
        unit = Unit()
        try:
            desired = unit.start()
            _cut(unit, cut, torn)
            desired.take(body(3, wake_s=900, broker__host="two"))
            desired.attempt()
        except PowerFails:
            pass
        whole = unit.start()
        assert (whole.rev, whole.settings["wake_s"]) in ((0, 600), (3, 900))
        unit.start()
        try:
            desired = unit.start()
            _cut(unit, cut, torn)
            desired.confirm()
        except PowerFails:
            pass
        desired = unit.start()
        for _ in range(2 * CHANCES):
            desired.attempt()
        desired = unit.start()
        assert not desired.trying
        assert (desired.rev, desired.settings["wake_s"]) in ((0, 600), (3, 900))


def _cut(unit: Unit, cut: int, torn: int) -> None:
    """The operation of this number, counted over both partitions in turn, is torn."""
    flash = unit.settings if cut % 2 else unit.memory
    flash.cut_at, flash.torn = flash.operations + (cut + 1) // 2, torn


@pytest.mark.parametrize(
    ("key", "length"), [(KEY.hex(), 32), ("", 0), (None, 0), ("zz" * 16, 0), ("ab", 0), (5, 0)]
)
def test_a_key_is_hexadecimal_and_long_enough(key: object, length: int) -> None:
    assert len(key_of(key)) == length


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
KEYS = st.sampled_from([row[0].replace("N", "1") for row in TABLE]) | st.text(max_size=12)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_value_that_is_let_through_is_of_its_kind_and_the_rest_has_a_name(config: dict[str, Any]) -> None:
    for kind in ("bin", "truck"):
        doc = {**DOC, "unit": kind}
        try:
            check(config, doc)
        except EdgeError as error:
            assert error.code in ("settings-unknown", "settings-range")  # noqa: PT017
            continue
        merged = laid_over(doc, config)
        assert merged["key"] == DOC["key"]
        rows = {row[0]: row for row in TABLE}
        for key, value in config.items():
            name = ".".join("N" if part == "1" else part for part in key.split("."))
            if rows[name][1] == "int":
                assert rows[name][2] <= value <= rows[name][3]


def test_the_devices_table_and_the_published_one_are_the_same() -> None:
    published = json.loads((Path(__file__).parents[2] / "schemas" / "settings.json").read_text("utf-8"))
    assert [(one["key"], one["kind"], one["min"], one["max"], one["unit_kind"]) for one in published] == list(
        TABLE
    )
    for one in published:
        assert one["en"], one["key"]
        assert one["zh"], one["key"]


def test_a_list_of_brokers_has_its_first_changed() -> None:
    doc = {"broker": [{"host": "a"}, {"host": "b"}]}
    assert laid_over(doc, {"broker.host": "c"})["broker"] == [{"host": "c"}, {"host": "b"}]
    assert laid_over({}, {"ntp.host": "t"})["ntp"] == {"host": "t"}


def test_the_manual_names_every_setting() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "devices.md").read_text("utf-8")
    for key, kind, least, most, unit in TABLE:
        row = next(line for line in manual.splitlines() if line.startswith(f"| `{key}` |"))
        assert f"| {unit} |" in row, key
        if kind in ("int", "text", "word"):
            assert f"{least:,} to {most:,}" in row or f"{least} to {most}" in row, key
