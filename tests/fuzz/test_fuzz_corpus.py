"""Every fuzz target on its seeds and on all inputs that once broke it; and proof that a target can fail."""

import random

import pytest

from gateway import contract
from gateway.intake import wire
from tests.fuzz.engine import mutate_json
from tests.fuzz.lines import parse_line
from tests.fuzz.replay import CORPUS, all_targets, found
from tests.fuzz.target import BrokenError, Target

TARGETS = {target.name: target for target in all_targets()}


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_seeds_hold(target: Target) -> None:
    seeds = list(target.seeds())
    assert seeds
    # the slow ones have many seeds; which are taken does not change from run to run
    for seed in random.Random(1).sample(seeds, min(len(seeds), 12)):
        target.run(seed)


def test_what_was_found_stays_found(target: Target) -> None:
    for _name, data in found(target):
        target.run(data)


def test_every_folder_of_the_corpus_belongs_to_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} <= TARGETS.keys()


def test_a_decoder_that_raises_what_it_must_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_payload: bytes) -> contract.RecordsMessage:
        raise contract.ContractError("no-such-code", "a code that no table has")

    monkeypatch.setattr(contract, "decode_records", careless)
    with pytest.raises(BrokenError, match="no-such-code"):
        TARGETS["records"].run(b"{")


def test_paths_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    good = next(seed for seed in TARGETS["records"].seeds() if contract.decode_plain(seed))
    honest = contract.decode_record

    def other(raw: bytes) -> contract.Item:
        item = honest(raw)
        item.seq = (item.seq or 0) + 1
        return item

    monkeypatch.setattr(contract, "decode_record", other)
    with pytest.raises(BrokenError, match="seq differs"):
        TARGETS["records"].run(good)


def test_a_reader_that_depends_on_the_pieces_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = wire.Reader.feed

    def forgetful(self: wire.Reader, data: bytes) -> tuple[list[wire.Publish], list[wire.Control]]:
        self._rest.clear()
        return feed(self, data)

    monkeypatch.setattr(wire.Reader, "feed", forgetful)
    publish = max(TARGETS["wire-3.1.1"].seeds(), key=len)  # more than one piece
    with pytest.raises(BrokenError, match="pieces and whole differ"):
        TARGETS["wire-3.1.1"].run(publish)


def test_json_is_mutated_into_other_json() -> None:
    dice = random.Random(3)
    text = b'{"recs":[{"seq":1,"t":2},{"seq":2}],"first":1}'
    others = {mutate_json(text, dice) for _ in range(200)}
    assert len(others) > 100
    assert mutate_json(b"{", dice) is None


def test_line_protocol_is_read_by_its_specification() -> None:
    point = parse_line(r'weigh,a\,b=c\ d\=e,x=y s="q\"u\\o, t=1",i=7i,f=1.5,b=true 42')
    assert point.measurement == "weigh"
    assert point.tags == {"a,b": "c d=e", "x": "y"}
    assert point.fields == {
        "s": ("string", 'q"u\\o, t=1'),
        "i": ("long", 7),
        "f": ("double", 1.5),
        "b": ("boolean", True),
    }
    assert point.time_ns == 42
