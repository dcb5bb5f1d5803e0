"""`huishou gateway`: all three processes, or one of them, how they are, and new settings for them."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import F, config_option, load_config
from gateway.cli.refused import refused
from gateway.config import Config, ConfigError


def _child_options(function: F) -> F:
    """What the parent tells its children, and nobody else needs."""
    pipe = click.option("--parent-fd", type=int, hidden=True, help="Pipe that tells that the parent died.")
    kept = click.option(
        "--former", type=click.Path(path_type=Path), hidden=True, help="The settings that are in force."
    )
    return pipe(kept(function))


@click.group(invoke_without_command=True)
@config_option()
@click.pass_context
def gateway(ctx: click.Context, file: Path) -> None:
    """Run the gateway: intake, writer and web, restarted when they die, stopped in order by Ctrl-C.

    Without a subcommand all three run here. A subcommand runs one of them alone, or tells how they are.
    """
    if ctx.invoked_subcommand is not None:
        return
    from gateway import logs
    from gateway.processes import sole
    from gateway.reload import hasten
    from gateway.supervisor import Supervisor

    config = load_config(file)
    logs.set_up("gateway", config.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: hasten())
    with _told(), sole(config.store.path, "gateway"):
        Supervisor(config).run(stop)


gateway.add_command(refused)


@gateway.command()
@config_option()
@_child_options
def intake(file: Path, parent_fd: int | None, former: Path | None) -> None:
    """Run intake alone: MQTT and Modbus in, checks, journal, acknowledgements."""
    from gateway.intake.service import run
    from gateway.processes import run_process

    config = _load(file, former)
    with _told():
        run_process("intake", config, run, parent_fd)


@gateway.command()
@config_option()
@_child_options
def writer(file: Path, parent_fd: int | None, former: Path | None) -> None:
    """Run the writer alone: journal to InfluxDB."""
    from gateway.processes import run_process
    from gateway.writer.service import run

    config = _load(file, former)
    with _told():
        run_process("writer", config, run, parent_fd)


@gateway.command()
@config_option()
@_child_options
def web(file: Path, parent_fd: int | None, former: Path | None) -> None:
    """Run the page and the API alone."""
    from gateway.processes import run_process
    from gateway.web import run

    config = _load(file, former)
    with _told():
        run_process("web", config, run, parent_fd)


@gateway.command()
@config_option()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--watch", is_flag=True, help="Show it anew every second until Ctrl-C.")
def status(file: Path, as_json: bool, watch: bool) -> None:
    """Say how the gateway is; exit 1 if not well.

    What needs somebody comes first: each alarm with what to do. Then the processes, what arrived and what
    became of it, and how far each reader of the journal is. Well: all processes run, and no alarm stands (a
    warning may).
    """
    from gateway.cli import status as words
    from gateway.metrics import look

    store = load_config(file).store.path

    def facts() -> dict[str, Any]:
        return look(store, time.time_ns() // 1_000_000)

    if watch and not as_json:
        words.show(facts)
        return
    found = facts()
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        words.print_once(found)
    raise SystemExit(0 if words.is_well(found) else 1)


@gateway.command()
@config_option()
@click.option("--dry-run", is_flag=True, help="Only say what would change; ask nobody.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def reload(file: Path, dry_run: bool, as_json: bool) -> None:
    """Have the running gateway take a changed settings file now, and say what changes.

    Without this it does so by itself within a second or two. A file with a mistake changes nothing: all
    mistakes are listed, and the exit code is 1. Same as SIGHUP to the processes.
    """
    from gateway.cli import reload as work

    config = load_config(file)
    would = work.would_change(config)
    told = [] if dry_run else work.ask(config.store.path)
    if as_json:
        click.echo(json.dumps({"would_change": would, "processes": work.as_json(told)}, ensure_ascii=False))
    else:
        click.echo(work.words(would, told, dry_run=dry_run))
    if not dry_run and (not told or not all(one.answered and not one.problem for one in told)):
        raise SystemExit(1)


def _load(file: Path, former: Path | None) -> Config:
    """As `load_config`; for a child the settings that are in force, when there are any."""
    if former is None:
        return load_config(file)
    from gateway.former import load_former

    try:
        return load_former(file, former)
    except ConfigError as err:
        raise click.ClickException(str(err)) from None


@contextmanager
def _told() -> Iterator[None]:
    """Errors that a person can act upon end the program with their sentence, not with a traceback."""
    from gateway.journal import JournalError
    from gateway.processes import ProcessError

    try:
        yield
    except (ProcessError, JournalError) as err:
        raise click.ClickException(str(err)) from None
