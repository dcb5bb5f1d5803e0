"""`huishou sim …`: one device under real firmware, in virtual or in real time; or a fleet without it."""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console as Screen
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from simulators.board.firmware import FirmwareError
from simulators.board.image import Image
from simulators.board.interpreter import InterpreterError
from simulators.board.virtual import Fidelity, Result, run
from simulators.fences import FencesError, read_fences
from simulators.fleet.cli import fleet
from simulators.world.district import district

DAY_MS = 86_400_000
START = "2026-03-02T00:00:00+08:00"
SETTLE_MS = 5_000  # after a log's last line: the firmware's own queue empties

_FILE = click.Path(dir_okay=False, path_type=Path)
_fidelity = click.option(
    "--fidelity",
    type=click.Choice([str(f) for f in Fidelity]),
    default=str(Fidelity.STANDARD),
    show_default=True,
    help="fast: converter values handed over; standard: clocked bits; full: and a new interpreter each wake.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
_seed = click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same bytes.")
_OUT_HELP = "Records as the firmware logged them, one a line."


@click.group()
def sim() -> None:
    """One device under its real firmware, on the real MicroPython interpreter; or a fleet of imitations."""


sim.add_command(fleet)


def _instant(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected an ISO 8601 instant such as {START}") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _fault(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    faults = dict(v.split("=", 1) for v in values if "=" in v)
    if len(faults) != len(values):
        raise click.BadParameter("expected PART=FAULT, for example scale0=disconnected")
    return faults


_faults = click.option(
    "--fault", "faults", multiple=True, callback=_fault, metavar="PART=FAULT", help="Break a part."
)


@sim.command("bin")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
@_seed
@click.option("--out", type=_FILE, help=_OUT_HELP)
@click.option("--truth", type=_FILE, help="What really happened, one event a line.")
@click.option("--network", type=click.Choice(["up", "down"]), default="up", show_default=True)
@click.option("--start", callback=_instant, default=START, show_default=True, metavar="INSTANT")
@_fidelity
@_faults
@_as_json
@click.option("--live", is_flag=True, help="In real time, its console on a pseudo-terminal, until Ctrl-C.")
@click.option("--pty", type=click.Path(path_type=Path), help="With --live: a link to the console, made here.")
@click.option("--broker", metavar="HOST:PORT", help="With --live: the MQTT broker. Without: no network.")
@click.option(
    "--pace", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Factor of visits."
)
@click.option(
    "--number",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Which bin of the district; 6, 14, 22, … are on a modem. Not with --live.",
)
def bin_command(
    days: float,
    seed: int,
    out: Path | None,
    truth: Path | None,
    network: str,
    start: int,
    fidelity: str,
    faults: dict[str, str],
    as_json: bool,
    live: bool,
    pty: Path | None,
    broker: str | None,
    pace: float,
    number: int,
) -> None:
    """One solar bin: its firmware, its people, its weather."""
    if live:
        from simulators.training import run_live_bin

        run_live_bin(seed=seed, pty=pty, broker=broker, faults=faults, pace=pace, fidelity=Fidelity(fidelity))
        return
    if out is None:
        raise click.UsageError("--out is missing: where the records shall go (or use --live)")
    plan = district(seed)
    if number > len(plan.bins):
        raise click.BadParameter(f"{number}: the district has {len(plan.bins)} bins", param_hint="--number")
    device = plan.bins[number - 1].device
    events: list[dict[str, Any]] = []
    with _errors(), tempfile.TemporaryDirectory(prefix="huishou-") as folder:
        board = plan.unit(device).board
        image = Image.create(Path(folder), device, board, plan.settings(device), seed, start)
        scene = plan.scene(device, start, truth=events.append, faults=faults, pace=pace)
        until = start + round(days * DAY_MS)
        with _progress(f"{device}, {days:g} days", start, until, quiet=as_json) as tick:
            result = run(image, scene, until, fidelity=Fidelity(fidelity), network=network, on_time=tick)
        counts = _write(out, image)
    if truth is not None:
        truth.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events), encoding="utf-8")
    _summary(result, counts, as_json)


@sim.command("truck")
@click.option("--nmea", type=_FILE, required=True, help="A receiver's log; lines with # are comments.")
@click.option("--fences", type=_FILE, help="GeoJSON polygons with properties `id` and `door`.")
@_seed
@click.option("--out", type=_FILE, required=True, help=_OUT_HELP)
@_fidelity
@_as_json
def truck_command(
    nmea: Path, fences: Path | None, seed: int, out: Path, fidelity: str, as_json: bool
) -> None:
    """One collection truck whose receiver plays back a recorded NMEA log."""
    with _errors(), tempfile.TemporaryDirectory(prefix="huishou-") as folder:
        log = _log(nmea)
        area = read_fences(fences) if fences is not None else None
        start = _instant_ms(START)
        scene, settings = district(seed).replay(log, start, fences=area)
        settings.pop("ntp", None)  # the log's own time is the one that counts
        image = Image.create(Path(folder), settings["device"], "truck-s3", settings, seed, start)
        until = scene.end_ms + SETTLE_MS
        with _progress(f"{settings['device']}, {nmea.name}", start, until, quiet=as_json) as tick:
            result = run(image, scene, until, fidelity=Fidelity(fidelity), on_time=tick)
        counts = _write(out, image)
    _summary(result, counts, as_json)


def _log(path: Path) -> bytes:
    try:
        log = path.read_bytes()
    except OSError as error:
        raise click.ClickException(
            f"{path}: cannot be read ({error.strerror}); expected an NMEA log"
        ) from None
    if b"$" not in log:
        raise click.ClickException(f"{path}: no sentence in it; expected NMEA lines such as $GPRMC,…*hh")
    return log


def _instant_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (FencesError, FirmwareError, InterpreterError) as error:
        raise click.ClickException(str(error)) from None
    except (KeyError, ValueError) as error:
        raise click.ClickException(str(error.args[0] if error.args else error)) from error


@contextmanager
def _progress(what: str, start_ms: int, until_ms: int, *, quiet: bool) -> Iterator[Any]:
    """A bar of virtual time on standard error; yields what to call with the time."""
    screen = Screen(stderr=True)
    if quiet or not screen.is_terminal:
        yield lambda _ms: None
        return
    percentage = TextColumn("{task.percentage:>3.0f} %")
    columns = (TextColumn("{task.description}"), BarColumn(), percentage, TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task(what, total=until_ms - start_ms)
        yield lambda ms: progress.update(task, completed=ms - start_ms)


def _write(out: Path, image: Image) -> Counter[str]:
    """Write what the firmware logged, byte for byte, one record a line; count the kinds."""
    counts: Counter[str] = Counter()
    with out.open("wb") as f:
        for _log, _seq, record in image.logged():
            f.write(record + b"\n")
            counts[json.loads(record)["kind"]] += 1
    return counts


def _summary(result: Result, counts: Counter[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**result.as_json(), "records": sum(counts.values()), "kinds": dict(counts)}))
    else:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())) or "none"
        click.echo(f"{result.device} ({result.fidelity}): {sum(counts.values())} records: {kinds}")
    if result.halted is not None:
        click.echo(f"the firmware ended: {result.halted}", err=True)
        sys.exit(1)
