"""`huishou journal`: what the journal holds, whether it is sound, and copies of it."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.common import config_option, json_option, load_config
from gateway.cli.replay import replay

_config_option = config_option("The configuration; its `[store] path` says where the journal is.")


@click.group()
def journal() -> None:
    """Look into the journal, verify it, back it up, bring it back, judge refused records anew.

    The journal (journal.db in the store) is the one thing of a gateway that cannot be made again from
    something else. All of this may be done while the gateway runs, except `restore`. See docs/journal.md.
    """


journal.add_command(replay)


@journal.command()
@_config_option
@json_option
def stat(file: Path, as_json: bool) -> None:
    """Say what is in the journal: rows, records, logs, gaps, losses, quarantine, readers, growth."""
    from gateway.cli.journal_words import stat_words
    from gateway.journal.stat import stat as look

    config, now_ms = load_config(file), _now_ms()
    with _told():
        limits = config.journal.limits(sink.name for sink in config.all_sinks())
        facts = look(config.store.path, limits, now_ms)
    _out(facts) if as_json else click.echo(stat_words(facts, now_ms))


@journal.command()
@_config_option
@click.option(
    "--file", "journal_file", type=click.Path(path_type=Path), help="Another journal file: a backup."
)
@click.option("--from-row", type=click.IntRange(0), default=0, help="Look at rows from this number on only.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language of the explanations.")
@json_option
def verify(file: Path, journal_file: Path | None, from_row: int, lang: str, as_json: bool) -> None:
    """Check the journal; exit 1 when anything is wrong with it.

    SQLite's own check of the file; each row's check sum, and that it holds exactly the records that it says;
    that the rows of a log do not overlap and its mark covers an unbroken run; that the counters fit the
    rows. Each finding comes with its code and what to do. Reads only, also beside a running gateway.
    """
    from gateway.cli.journal_words import verify_words
    from gateway.journal.schema import FILE
    from gateway.journal.verify import verify as check

    path = journal_file or load_config(file).store.path / FILE
    if not path.is_file():
        raise click.ClickException(
            f"[no-journal] {path} is not there: check `[store] path`, or name a --file."
        )
    with _told(), _progress(as_json) as progress:
        report = check(path, from_row, progress)
    _out(msgspec.to_builtins(report)) if as_json else click.echo(verify_words(report, lang))
    raise SystemExit(1 if report.findings else 0)


@journal.command()
@_config_option
@click.option("--device", help="Of this device only.")
@click.option(
    "--since", help="Received at or after this UTC time: 2026-11-21, 2026-11-21T08:00, or ms since 1970."
)
@click.option("--until", help="Received before this UTC time.")
@click.option("--refused", is_flag=True, help="Afterwards, what is kept in the quarantine alone.")
@click.option("--to", type=click.Path(path_type=Path), help="A new file; without it, standard output.")
@json_option
def export(
    file: Path,
    device: str | None,
    since: str | None,
    until: str | None,
    refused: bool,
    to: Path | None,
    as_json: bool,
) -> None:
    """Write records as JSON lines, each with its exact text, outcome and codes, in the journal's order.

    The first line says what it is; then {"row", "received_ms", "device", "log", "seq", "outcome", "codes",
    "t_ms", "text"} a record; the last line counts and has the SHA-256 of all bytes before it. For example:

        huishou journal export --since 2026-11-20 | jq -c 'select(.outcome == "flagged") | .text | fromjson'

    Exit 1 when a row is damaged (it comes as a line with "damaged").
    """
    from gateway.journal.export import Exported, Selection, lines

    config = load_config(file)
    selection = Selection(device, _time(since, "--since") or 0, _time(until, "--until"), refused)
    done = Exported()
    with _told():
        if to is None:
            sys.stdout.buffer.writelines(lines(config.store.path, selection, done))
        else:
            _to_file(to, lines(config.store.path, selection, done))
    if to is not None:
        facts = {"file": str(to), **msgspec.to_builtins(done)}
        words = f"{to}: {done.records} records, {done.refused} refused messages, SHA-256 {done.sha256}"
        _out(facts) if as_json else click.echo(words)
    if done.damaged_rows:
        raise click.ClickException(f"[row-damaged] {done.damaged_rows} rows; run `huishou journal verify`.")


@journal.command()
@click.argument("target", type=click.Path(path_type=Path))
@_config_option
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=50.0,
    show_default=True,
    help="MB/s at most.",
)
@click.option(
    "--keep", type=click.IntRange(1), help="In a directory: remove all but the newest so many copies."
)
@click.option("--compact", is_flag=True, help="Leave out what is free inside the file; slower.")
@json_option
def backup(target: Path, file: Path, rate: float, keep: int | None, compact: bool, as_json: bool) -> None:
    """Copy the journal, and commands.db with it, to TARGET, a directory or a new file. The gateway may run.

    The copy is the journal at one instant, verified from the disk before it gets its name; so a file that is
    there is whole. Put it on another machine. Keep huishou.toml and devices.json beside it: they are yours,
    and not in it.
    """
    from gateway.cli.journal_words import backup_words
    from gateway.journal.backup import backup as copy

    config = load_config(file)
    with _told(), _progress(as_json) as progress:
        made = copy(config.store.path, target, _now_ms(), rate * 1e6, keep, compact, progress)
    _out(msgspec.to_builtins(made)) if as_json else click.echo(backup_words(made))
    if made.problem:
        raise click.ClickException(f"[commands-unreadable] {made.problem}. The journal's copy is whole.")


@journal.command()
@click.argument("backup_file", metavar="FILE", type=click.Path(path_type=Path))
@_config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what it would mean.")
@json_option
def restore(backup_file: Path, file: Path, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Put the backup FILE in the place of the journal. The gateway must be stopped.

    The backup is verified first; the present journal is set aside, not deleted. When the gateway starts
    again, devices send what they still hold; numbers that nobody holds any more are declared lost with the
    cause "restore", and alarmed. InfluxDB and the page go on from where both journals agree.

    For a damaged journal you need no restore: intake salvages it by itself.
    """
    from gateway.cli.journal_words import plan_words, restored_words
    from gateway.journal.restore import plan as look
    from gateway.journal.restore import restore as put

    store = load_config(file).store.path
    with _told(), _progress(as_json) as progress:
        planned = look(store, backup_file, progress)
    if dry_run:
        _out(msgspec.to_builtins(planned)) if as_json else click.echo(plan_words(planned))
        return
    if not yes:
        click.echo(plan_words(planned), err=True)
        click.confirm("Restore it?", abort=True, err=True)
    with _told(), _progress(as_json) as progress:
        done = put(store, backup_file, _now_ms(), progress)
    _out(msgspec.to_builtins(done)) if as_json else click.echo(restored_words(done))


def _to_file(file: Path, lines: Iterator[bytes]) -> None:
    """A file that is whole or not there."""
    from gateway.journal.backup import sync_file

    if file.exists():
        raise click.ClickException(f"[file-exists] {file} is already there: name another one.")
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as out:
            out.writelines(lines)
        sync_file(part)
        part.replace(file)
    except OSError as err:
        raise click.ClickException(f"[export-failed] {file}: {err}") from None
    finally:
        part.unlink(missing_ok=True)


def _time(text: str | None, option: str) -> int | None:
    """A time as ms since 1970 UTC."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r}: expected 2026-11-21, 2026-11-21T08:00 or ms since 1970", param_hint=option
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(
        console=Console(stderr=True), transient=True, disable=quiet or not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("…", total=None)
        yield lambda words, done, total: bar.update(
            task, description=words, completed=done, total=total or None
        )


@contextmanager
def _told() -> Iterator[None]:
    """Errors that a person can act upon end the program with their sentence, not with a traceback."""
    from gateway.journal import JournalError
    from gateway.journal.backup import BackupError
    from gateway.processes import ProcessError

    try:
        yield
    except JournalError as err:
        raise click.ClickException(f"[{err.code}] {err}") from None
    except (BackupError, ProcessError) as err:
        raise click.ClickException(str(err)) from None


def _out(facts: Any) -> None:
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
