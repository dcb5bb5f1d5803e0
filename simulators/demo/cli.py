"""`huishou demo`."""

import asyncio
import shutil
import sys
from pathlib import Path

import click

from simulators.demo.mishaps import Mishap, What, parse
from simulators.demo.rundir import Plan
from simulators.servers.errors import ServerError


class MishapType(click.ParamType[Mishap]):
    """`NAME@SECOND` or `NAME@SECOND+FOR`."""

    def __init__(self, what: What) -> None:
        self.name = "NAME@S" if what is What.KILL else "NAME@S+FOR"
        self._what = what

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Mishap:
        if isinstance(value, Mishap):
            return value
        try:
            return parse(self._what, str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    default=Path("run/demo"),
    show_default=True,
    help="Everything of the run is there; a second start carries on.",
)
@click.option("--fresh", is_flag=True, help="Forget the run that is in the directory.")
@click.option("--seed", type=int, default=1, show_default=True, help="Which city: town, units, people.")
@click.option("--bins", type=click.IntRange(1, 500), default=60, show_default=True)
@click.option("--trucks", type=click.IntRange(1, 100), default=12, show_default=True)
@click.option(
    "--days",
    type=click.FloatRange(0.0, 60.0),
    default=7.0,
    show_default=True,
    help="The bins' history that arrives as a backlog.",
)
@click.option(
    "--shift",
    type=click.FloatRange(0.0, 24.0),
    default=1.5,
    show_default=True,
    help="The trucks' history, in hours.",
)
@click.option(
    "--visits",
    type=click.FloatRange(0.0, 10_000.0),
    default=15.0,
    show_default=True,
    help="Visitors a minute in the whole city, live.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Of the operators' page; 8080 when it is free.")
@click.option("--seconds", type=click.FloatRange(min=0.0), help="Stop by itself, once all are live.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="In the end let all drain, compare the three ledgers, write what was found.",
)
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(min=1.0),
    default=180.0,
    show_default=True,
    help="Seconds that draining may take.",
)
@click.option(
    "--kill",
    "kills",
    multiple=True,
    type=MishapType(What.KILL),
    help="kill -9 broker, influxdb, gateway, or one of the gateway's: intake, writer, web.",
)
@click.option(
    "--pause",
    "pauses",
    multiple=True,
    type=MishapType(What.PAUSE),
    help="Freeze a server: connections stay open, nothing answers.",
)
@click.option(
    "--down", "downs", multiple=True, type=MishapType(What.DOWN), help="Kill a server and keep it down."
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def demo(
    directory: Path,
    fresh: bool,
    seed: int,
    bins: int,
    trucks: int,
    days: float,
    shift: float,
    visits: float,
    port: int | None,
    seconds: float | None,
    report: Path | None,
    drain_s: float,
    kills: tuple[Mishap, ...],
    pauses: tuple[Mishap, ...],
    downs: tuple[Mishap, ...],
    quiet: bool,
) -> None:
    """A district at work on this machine: real firmware, broker, gateway, InfluxDB and page, until Ctrl-C.

    With --seconds and --report: the same without a person. At the end the city stops, everything drains, and
    what the firmware logged is compared with what the journal holds and what InfluxDB returns. Ends with 0
    when they are equal.
    """
    from simulators.demo.run import Options, run

    if report is not None and seconds is None:
        raise click.UsageError("--report needs --seconds: it is written when the run is over")
    if fresh:
        shutil.rmtree(directory, ignore_errors=True)
    options = Options(
        Plan(seed, bins, trucks, days),
        directory,
        truck_hours=shift,
        visits_per_minute=visits,
        port=port,
        seconds=seconds,
        report=report,
        drain_s=drain_s,
        mishaps=tuple(sorted((*kills, *pauses, *downs))),
        quiet=quiet,
    )
    try:
        code = asyncio.run(run(options))
    except ServerError as error:
        raise click.ClickException(f"{error} [{error.code}]") from None
    sys.exit(code)
