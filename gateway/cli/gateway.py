"""`huishou gateway`: all three processes, or one of them, or how they are."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.config import Config, ConfigError, load

F = TypeVar("F", bound=Callable[..., Any])


def _config_option(function: F) -> F:
    return click.option(
        "--config",
        "-c",
        "file",
        type=click.Path(path_type=Path),
        default=Path("huishou.toml"),
        show_default=True,
        help="The configuration.",
    )(function)


_parent_option = click.option(
    "--parent-fd", type=int, hidden=True, help="Pipe that tells that the parent died."
)


@click.group(invoke_without_command=True)
@_config_option
@click.pass_context
def gateway(ctx: click.Context, file: Path) -> None:
    """Run the gateway: intake, writer and web, restarted when they die, stopped in order by Ctrl-C.

    Without a subcommand all three run here. A subcommand runs one of them alone, or tells how they are.
    """
    if ctx.invoked_subcommand is not None:
        return
    from gateway import logs
    from gateway.processes import sole
    from gateway.supervisor import Supervisor

    config = _load(file)
    logs.set_up("gateway", config.log)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _told(), sole(config.store.path, "gateway"):
        Supervisor(file.absolute()).run(stop)


@gateway.command()
@_config_option
@_parent_option
def intake(file: Path, parent_fd: int | None) -> None:
    """Run intake alone: MQTT and Modbus in, checks, journal, acknowledgements."""
    from gateway.intake.service import run
    from gateway.processes import run_process

    config = _load(file)
    with _told():
        run_process("intake", config, run, parent_fd)


@gateway.command()
@_config_option
@_parent_option
def writer(file: Path, parent_fd: int | None) -> None:
    """Run the writer alone: journal to InfluxDB."""
    from gateway.processes import run_process
    from gateway.writer.service import run

    config = _load(file)
    with _told():
        run_process("writer", config, run, parent_fd)


@gateway.command()
@_config_option
@_parent_option
def web(file: Path, parent_fd: int | None) -> None:
    """Run the page and the API alone."""
    from gateway.processes import run_process
    from gateway.web import run

    config = _load(file)
    with _told():
        run_process("web", config, run, parent_fd)


@gateway.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def status(file: Path, as_json: bool) -> None:
    """Say how the gateway is; exit 1 if not well.

    Processes, what arrived, what became of it, how far the writer is.
    """
    from gateway.metrics import snapshot

    config = _load(file)
    facts = snapshot(config.store.path, time.time_ns() // 1_000_000)
    well = all(process["up"] for process in facts["processes"].values()) and facts["sum_ok"]
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        click.echo(_words(facts))
    raise SystemExit(0 if well else 1)


def _words(facts: dict[str, Any]) -> str:
    lines = []
    for name, process in facts["processes"].items():
        lines.append(f"{name:8} {'up  ' if process['up'] else 'DOWN'} {process.get('state', '')}")
        if process.get("detail"):
            lines[-1] += f": {process['detail']}"
    records = facts["records"]
    parts = ", ".join(f"{count} {outcome}" for outcome, count in records["outcomes"].items())
    lines.append(
        f"records  {records['received']} received = {parts}{'' if facts['sum_ok'] else '  SUM IS WRONG'}"
    )
    for key, count in sorted(records["codes"].items()):
        lines.append(f"         {count:8} {key}")
    journal, writer = facts["journal"], facts["writer"]
    size = f"{journal['rows']} rows, {journal['bytes'] / 1e6:.1f} MB"
    lines.append(f"journal  {size}, {journal['lost']} records lost by devices")
    lines.append(
        f"writer   {writer['lines']} lines written, {writer['refused']} refused,"
        f" {writer['behind_rows']} rows behind ({writer['behind_s']:.0f} s)"
    )
    return "\n".join(lines)


def _load(file: Path) -> Config:
    """The checked configuration, or the end of the program with all that is wrong."""
    try:
        return load(file)
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
