"""`huishou journal replay`: the quarantine listed, explained, and judged anew."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.checks import CHECKS
from gateway.checks.page import explain as words_of
from gateway.cli.common import config_option, load_config
from gateway.config import Config

if TYPE_CHECKING:
    from gateway.journal import JournalReader
    from gateway.journal.stored import Refusal
    from gateway.replay import Finding, Tally, Wanted

_WORDS = {
    "en": {
        "entry": "entry",
        "device": "device",
        "arrived": "arrived",
        "times": "times, the last at",
        "record": "record",
        "message": "message on",
        "means": "what it means",
        "do": "what to do",
        "detail": "found",
        "rule": "rule",
        "released": "judged anew",
        "today": "today's rules",
        "text": "as it came",
        "unchanged": "stays refused",
    },
    "zh": {
        "entry": "条目",
        "device": "设备",
        "arrived": "到达时间",
        "times": "次，最近一次",
        "record": "记录",
        "message": "消息，通道",
        "means": "含义",
        "do": "处理办法",
        "detail": "发现",
        "rule": "规则",
        "released": "重新判定",
        "today": "按现行规则",
        "text": "原文",
        "unchanged": "仍不采用",
    },
}


@click.command()
@config_option("The configuration: where the journal is, the devices, the limits.")
@click.option("--apply", "do_apply", is_flag=True, help="Put in force what changes; without it, only say so.")
@click.option("--list", "do_list", is_flag=True, help="Only list what is in the quarantine, newest first.")
@click.option("--explain", type=int, metavar="ID", help="Only say of one entry what it is and what to do.")
@click.option("--code", "codes", multiple=True, help="Entries with this reason code.")
@click.option("--rule", type=int, help="Entries that this rule found (its number in docs/checks.md).")
@click.option("--device", help="Entries of this device.")
@click.option(
    "--since", help="Received at or after this UTC time: 2026-11-21, 2026-11-21T08:00, or ms since 1970."
)
@click.option("--released", is_flag=True, help="With --list: also what is no longer refused.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="With --list: how many.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language of the explanations.")
@click.option(
    "--json", "as_json", is_flag=True, help="Canonical JSON, a line for each entry; the last one sums up."
)
def replay(
    file: Path,
    do_apply: bool,
    do_list: bool,
    explain: int | None,
    codes: tuple[str, ...],
    rule: int | None,
    device: str | None,
    since: str | None,
    released: bool,
    limit: int,
    lang: str,
    as_json: bool,
) -> None:
    """Judge what is in the quarantine anew, by today's rules, devices.json and program.

    Without --apply nothing is changed: each entry comes with what would become of it. With --apply records
    that pass now count, reach page and InfluxDB, and their entries are marked as released; the gateway may
    run meanwhile. The same journal, rules and devices give the same answer, byte for byte.

    \b
        huishou journal replay --code unknown-device            # after devices.json was completed
        huishou journal replay --code unknown-device --apply
    """
    from gateway.journal import JournalError, JournalReader
    from gateway.replay import Wanted

    config = load_config(file)
    wanted = Wanted(frozenset(codes) | _codes_of(rule), device, _time(since))
    try:
        with JournalReader(config.store.path) as reader:
            if explain is not None:
                _explain(reader, config, explain, lang, as_json)
            elif do_list:
                _list(reader, wanted, released, limit, as_json)
            else:
                _replay(reader, config, wanted, do_apply, as_json)
    except JournalError as err:
        raise click.ClickException(f"[{err.code}] {err}") from None


def _replay(reader: "JournalReader", config: Config, wanted: "Wanted", do_apply: bool, as_json: bool) -> None:
    from gateway import replay as core
    from gateway.devices import parse_devices
    from gateway.journal import SqliteJournal

    devices = parse_devices(config.devices.file.read_bytes())
    tally = core.Tally(core.basis(devices, config.checks))
    findings = _told(core.replay(reader, devices, config.checks, wanted), tally, as_json)
    if do_apply and reader.end() + len(reader.quarantine(limit=1)):
        journal = SqliteJournal(config.store.path)
        try:
            core.apply(journal, findings, time.time_ns() // 1_000_000, tally.basis)
        finally:
            journal.close()
    else:
        for _ in findings:
            pass
    if as_json:
        _write(tally.line())
        return
    changed = tally.looked_at - tally.unchanged
    for code, by in sorted(tally.changes.items()):
        for to, count in sorted(by.items()):
            click.echo(f"{count:>8}  {code} → {to}")
    done = "changed" if do_apply else "would change (nothing was: use --apply)"
    click.echo(
        f"{tally.looked_at} entries judged by {tally.basis}: {changed} {done}, {tally.unchanged} stay."
    )


def _told(findings: "Iterator[Finding]", tally: "Tally", as_json: bool) -> "Iterator[Finding]":
    for finding in findings:
        tally.count(finding)
        if as_json:
            _write(finding.line())
        elif finding.change is not None:
            click.echo(_line(finding))
        yield finding


def _line(finding: "Finding") -> str:
    name = f"{finding.device} {finding.log or finding.channel}" + (
        "" if finding.seq is None else f"/{finding.seq}"
    )
    what = ", ".join(f"{count} {outcome}" for outcome, count in finding.records.items())
    codes = " ".join(finding.codes) or what
    return f"{finding.entry:>8}  {name:<32} {finding.was} → {finding.outcome} {codes}".rstrip()


def _list(reader: "JournalReader", wanted: "Wanted", released: bool, limit: int, as_json: bool) -> None:
    from itertools import islice

    import msgspec

    from gateway.replay import entries

    for entry in islice(entries(reader, wanted, released), limit):
        if as_json:
            facts = msgspec.structs.asdict(entry)
            facts["body"] = entry.body.decode("utf-8", "backslashreplace")
            _write(msgspec.json.encode(facts, order="sorted") + b"\n")
            continue
        where = entry.log or entry.channel
        where += "" if entry.seq is None else f"/{entry.seq}"
        more = f" ×{entry.times}" if entry.times > 1 else ""
        more += f" ({entry.released_as})" if entry.released_as else ""
        click.echo(
            f"{entry.id:>8}  {_when(entry.received_ms)}  {entry.device:<12} {where:<24} {entry.code}{more}"
        )


def _explain(reader: "JournalReader", config: Config, id_: int, lang: str, as_json: bool) -> None:
    from gateway import replay as core
    from gateway.devices import parse_devices

    entry = reader.quarantined(id_)
    if entry is None:
        raise click.ClickException(
            f"[no-entry] the quarantine has no entry {id_}: see `huishou journal replay --list`."
        )
    devices = parse_devices(config.devices.file.read_bytes())
    wanted = core.Wanted(frozenset((entry.code,)), entry.device, entry.received_ms)
    found = next((f for f in core.replay(reader, devices, config.checks, wanted) if f.entry == id_), None)
    if as_json:
        import msgspec

        meaning, do = words_of(entry.code, lang)
        facts = {
            "entry": id_,
            "device": entry.device,
            "code": entry.code,
            "rules": [rule.number for rule in CHECKS if rule.code == entry.code],
            "means": meaning,
            "do": do,
            "detail": entry.detail,
            "released_as": entry.released_as,
            "today": None if found is None else {"outcome": found.outcome, "codes": found.codes},
        }
        _write(msgspec.json.encode(facts, order="sorted") + b"\n")
        return
    click.echo("\n".join(_explained(entry, found, lang)))


def _explained(entry: "Refusal", found: "Finding | None", lang: str) -> Iterator[str]:
    words = _WORDS[lang]
    meaning, do = words_of(entry.code, lang)
    what = f"{words['message']} {entry.channel}" if entry.log is None else f"{words['record']} {entry.log}"
    what += "" if entry.seq is None else f"/{entry.seq}"
    yield f"{words['entry']} {entry.id}: {entry.device or '-'}, {what}, {entry.code}"
    times = f" ({entry.times} {words['times']} {_when(entry.last_ms)})" if entry.times > 1 else ""
    yield f"  {words['arrived']}: {_when(entry.received_ms)}{times}"
    yield f"  {words['means']}: {meaning}"
    yield f"  {words['detail']}: {_plain(entry.detail)}"
    yield f"  {words['do']}: {do}"
    for rule in CHECKS:
        if rule.code == entry.code:
            yield f"  {words['rule']} {rule.number}: {rule.rule}"
    if entry.released_ms is not None:
        yield f"  {words['released']}: {_when(entry.released_ms)} → {entry.released_as}"
    if found is not None:
        now = found.why or " ".join((found.outcome, *found.codes)) + (
            f": {found.detail}" if found.detail else ""
        )
        yield f"  {words['today']}: {words['unchanged'] + ': ' if found.change is None else ''}{_plain(now)}"
    yield f"  {words['text']}: {_plain(entry.body.decode('utf-8', 'backslashreplace'))}"


def _codes_of(number: int | None) -> frozenset[str]:
    if number is None:
        return frozenset()
    for rule in CHECKS:
        if rule.number == number:
            return frozenset((rule.code,))
    raise click.BadParameter(f"{number}: docs/checks.md has no such rule", param_hint="--rule")


def _time(text: str | None) -> int:
    """A UTC time as ms since 1970."""
    if text is None or text.isdecimal():
        return int(text or 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: expected 2026-11-21, 2026-11-21T08:00 or ms since 1970", param_hint="--since"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _plain(text: str) -> str:
    """What came from outside, without what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _when(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
