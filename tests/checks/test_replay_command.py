"""`huishou journal replay`, as a person and as a program uses it."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from gateway.cli.journal import journal
from gateway.intake.decide import Decider, Incoming
from gateway.journal import JournalReader, SqliteJournal
from tests.checks.examples import BIN, NOW, deposit, reading

ESCAPE = "\x1b[31m"


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """A gateway's files: one device listed, one not, and one message that is no JSON."""
    (tmp_path / "huishou.toml").write_text("")
    _list_devices(tmp_path, BIN.id)
    texts = b",".join(map(msgspec.json.encode, (reading(seq=1), deposit(seq=2), deposit(seq=3))))
    body = b'{"v":1,"log":"0000abcd","first":1,"sent":1,"recs":[%b]}' % texts
    store = SqliteJournal(tmp_path / "store")
    decider = Decider({BIN.id: BIN}.get)
    for topic, payload in (
        (BIN.id, body),
        ("bin-002", body),
        (BIN.id, f"{ESCAPE}no json".encode()),
    ):
        message = Incoming(f"huishou/1/{topic}/up/records", payload, len(payload), NOW)
        store.append([decider.decide(message)])
    store.close()
    return tmp_path


def _list_devices(folder: Path, *names: str) -> None:
    devices = [{"id": name, "unit": "bin"} for name in names]
    (folder / "devices.json").write_text(json.dumps({"devices": devices}))


def run(gateway: Path, *args: str) -> Result:
    return CliRunner().invoke(journal, ["replay", "--config", str(gateway / "huishou.toml"), *args])


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_quarantine_is_listed_newest_first_and_narrowed_by_filters(gateway: Path) -> None:
    everything = lines(run(gateway, "--list", "--json"))
    assert [entry["code"] for entry in everything] == ["not-json", *["unknown-device"] * 3, "session-twice"]
    for args, count in (
        (("--code", "not-json"), 1),
        (("--code", "not-json", "--code", "session-twice"), 2),
        (("--rule", "32"), 1),
        (("--device", "bin-002"), 3),
        (("--since", str(NOW)), 5),
        (("--since", "2100-01-01"), 0),
        (("--limit", "2"), 2),
    ):
        assert len(lines(run(gateway, "--list", "--json", *args))) == count, args
    assert len(run(gateway, "--list").stdout.splitlines()) == 5


def test_a_dry_run_says_what_would_change_and_apply_does_it(gateway: Path) -> None:
    _list_devices(gateway, BIN.id, "bin-002")
    said = run(gateway)
    assert "unknown-device → accepted" in said.stdout
    assert "5 entries" in said.stdout
    assert "nothing was" in said.stdout
    dry = run(gateway, "--json").stdout
    applied = run(gateway, "--json", "--apply")
    assert applied.stdout == dry
    tally = lines(applied)[-1]
    assert tally["changes"] == {"unknown-device": {"accepted": 2, "session-twice": 1}}
    with JournalReader(gateway / "store") as reader:
        (basis,) = {one.basis for one in reader.revisions(0, 10)}
        assert reader.counters().outcomes["accepted", ""] == 4
    assert basis == tally["basis"]
    assert lines(run(gateway, "--json", "--apply"))[-1]["changes"] == {}
    released = lines(run(gateway, "--list", "--released", "--json"))
    assert sorted(str(entry["released_as"]) for entry in released) == (
        ["None", "None", "None", "accepted", "accepted", "quarantined"]
    )


@pytest.mark.parametrize(("lang", "meaning"), [("en", "what to do: "), ("zh", "处理办法: ")])
def test_an_entry_is_explained_in_words_and_obeys_nobody(gateway: Path, lang: str, meaning: str) -> None:
    said = run(gateway, "--explain", "5", "--lang", lang)
    assert said.exit_code == 0
    assert meaning in said.stdout
    assert "not-json" in said.stdout
    assert ESCAPE not in said.stdout
    assert "\\x1b[31mno json" in said.stdout
    twice = run(gateway, "--explain", "1", "--lang", lang).stdout
    assert "32" in twice
    assert "s1" in twice
    facts = lines(run(gateway, "--explain", "1", "--json"))[0]
    assert facts["rules"] == [32]
    assert facts["today"] == {"outcome": "quarantined", "codes": ["session-twice"]}


def test_mistakes_are_told_with_what_to_do(gateway: Path) -> None:
    for args, words in (
        (("--explain", "99"), "[no-entry]"),
        (("--rule", "9999"), "docs/checks.md"),
        (("--since", "yesterday"), "2026-11-21"),
    ):
        result = run(gateway, *args)
        assert result.exit_code != 0
        assert words in result.output


def test_without_a_journal_there_is_nothing_to_judge_and_none_is_made(tmp_path: Path) -> None:
    (tmp_path / "huishou.toml").write_text("")
    _list_devices(tmp_path, BIN.id)
    assert "0 entries" in run(tmp_path, "--apply").stdout
    assert not (tmp_path / "store").exists()
