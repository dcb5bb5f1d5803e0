"""`huishou sim fleet`: the load generator as a command."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from simulators.fleet.fleet import Fleet, FleetError
from simulators.fleet.options import Faults, Flood, FloodKind, Options
from simulators.fleet.roster import devices_file

_FILE = click.Path(dir_okay=False, path_type=Path)
_FAULTS = tuple(Faults.__dataclass_fields__)


def _broker(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal():
        raise click.BadParameter(f"{value!r}: expected HOST:PORT, such as 127.0.0.1:1883")
    return host, int(port)


def _faults(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> Faults:
    chosen: dict[str, float] = {}
    for value in values:
        name, _, chance = value.partition("=")
        try:
            chosen[name.replace("-", "_")] = float(chance)
        except ValueError:
            chosen[""] = 0
    if not chosen.keys() <= set(_FAULTS):
        raise click.BadParameter(f"expected NAME=PROBABILITY, NAME one of {', '.join(_FAULTS)}")
    return Faults(**chosen)


@click.command("fleet")
@click.option("--broker", callback=_broker, default="127.0.0.1:1883", show_default=True, metavar="HOST:PORT")
@click.option("--user", "username", help="An account that may do what all the devices may.")
@click.option("--password-file", type=_FILE, help="Else the environment's HUISHOU_FLEET_PASSWORD.")
@click.option("--prefix", default="fleet", show_default=True, help="Device ids are PREFIX-00000 and so on.")
@click.option("--seed", default=1, show_default=True)
@click.option("--devices", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--per-connection", type=click.IntRange(1), default=250, show_default=True)
@click.option("--records", type=click.IntRange(1, 100), default=10, show_default=True, help="In a message.")
@click.option("--window", type=click.IntRange(1), default=4, show_default=True, help="Messages of a device.")
@click.option("--rate", type=float, help="Messages a second of all devices. Without: as fast as acked.")
@click.option("--poisson", is_flag=True, help="With --rate: at random instants.")
@click.option("--messages", type=int, help="Stop making after so many.")
@click.option("--seconds", type=float, help="Stop making after so long. Without either: until Ctrl-C.")
@click.option("--drain", "drain_s", type=float, default=30.0, show_default=True, help="Seconds for the rest.")
@click.option("--warmup", "warmup_s", type=float, default=0.0, help="Forget the delays of these seconds.")
@click.option("--stall", "stall_s", type=float, default=10.0, show_default=True)
@click.option("--hold", type=int, default=1_000_000, show_default=True, help="Records on flash, in all.")
@click.option("--history", type=int, default=0, help="Records on each flash at the start, a minute apart.")
@click.option("--step-ms", type=int, help="Record times in such steps, a device's own. Without: now.")
@click.option("--start-ms", type=int, help="With --step-ms: the first one's (ms since 1970).")
@click.option("--no-acks", is_flag=True, help="Nobody answers: fill the broker's queue.")
@click.option("--no-states", is_flag=True, help="Publish no `up/state`.")
@click.option("--fault", "faults", multiple=True, callback=_faults, metavar="NAME=PROBABILITY")
@click.option("--flood", type=click.Choice(get_args(FloodKind)), help="One more device, without measure.")
@click.option("--ledger", type=_FILE, help="Write down every record made (appended).")
@click.option("--stats", type=_FILE, help="Append a JSON line of counts each second.")
@click.option("--devices-file", type=_FILE, help="Write the gateway's devices file for this fleet, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def fleet(
    broker: tuple[str, int],
    password_file: Path | None,
    no_acks: bool,
    no_states: bool,
    flood: FloodKind | None,
    ledger: Path | None,
    stats: Path | None,
    devices_file: Path | None,
    as_json: bool,
    **rest: Any,
) -> None:
    """Thousands of devices that keep the contract: load for benches and sweeps.

    Exit 1 when records are left that nobody acknowledged, or the gateway acknowledged what was never sent.
    """
    options = Options(
        host=broker[0],
        port=broker[1],
        password=_password(password_file),
        acks=not no_acks,
        states=not no_states,
        flood=Flood(flood) if flood else None,
        **rest,
    )
    if devices_file:
        _write_devices(devices_file, options)
        return
    summary = asyncio.run(_run(options, ledger, stats, quiet=as_json))
    if as_json:
        click.echo(json.dumps(summary))
    else:
        click.echo(words(summary))
        ack = summary["ack_delay"]
        if ack["count"]:
            click.echo(f"publish to down/ack: p50 {ack['p50_ms']} ms, p99 {ack['p99_ms']} ms")
    raise SystemExit(0 if summary["drained"] and not summary["false_acks"] else 1)


def words(facts: dict[str, Any]) -> str:
    """A summary in a line."""
    rate = facts["made"] / facts["seconds"] if facts["seconds"] else 0.0
    return (
        f"{facts['devices']} devices, {facts['seconds']:.0f} s: {facts['made']} records made ({rate:.0f}/s), "
        f"{facts['freed']} freed, {facts['lost']} lost, {facts['held']} held; {facts['messages']} messages, "
        f"{facts['pubacks']} PUBACKs, {facts['disconnects']} disconnects"
    )


async def _run(options: Options, ledger: Path | None, stats: Path | None, *, quiet: bool) -> dict[str, Any]:
    run = Fleet(options, ledger)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, run.stop)
    screen = Console(stderr=True)
    lines = stats.open("a", buffering=1) if stats else None
    try:
        with Live(console=screen, transient=True, auto_refresh=False) as live:

            def each_second(facts: dict[str, Any]) -> None:
                if lines:
                    lines.write(json.dumps(facts) + "\n")
                if screen.is_terminal and not quiet:
                    live.update(Text(words(facts)), refresh=True)

            return await run.run(each_second)
    except FleetError as error:
        raise click.ClickException(f"[{error.code}] {error}") from None
    finally:
        if lines:
            lines.close()


def _password(file: Path | None) -> str | None:
    if file is not None:
        return file.read_text("utf-8").strip()
    return os.environ.get("HUISHOU_FLEET_PASSWORD")


def _write_devices(file: Path, options: Options) -> None:
    file.write_text(json.dumps(devices_file(options)), "utf-8")
