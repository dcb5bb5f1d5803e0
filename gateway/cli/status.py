"""`huishou gateway status`: how the gateway is, laid out for people."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.alarm_codes import row
from gateway.delays import counts_of, quantile

Facts = Mapping[str, Any]

PIPE_WIDTH = 1_000  # wider than any line: a script must not find one broken
WELL, BAD, ODD, DIM = "green", "bold red", "yellow", "dim"
LEVELS = {"alarm": ("▲", BAD), "warning": ("◆", ODD)}


def is_well(facts: Facts) -> bool:
    """Whether nobody is needed: everything runs, the store is readable, no alarm (a warning may stand)."""
    up = all(process["up"] for process in facts["processes"].values())
    return up and "problem" not in facts and not any(one["level"] == "alarm" for one in facts["alarms"])


def view(facts: Facts) -> RenderableType:
    """All of it, what needs somebody first."""
    parts: list[RenderableType] = [_alarms(facts)] if facts["alarms"] else []
    parts.append(_processes(facts))
    if "problem" in facts:
        parts.append(Text(f"store     {facts['problem']}", style=BAD))
        return Group(*parts)
    parts += [_records(facts), _figures(facts)]
    return Group(*parts)


def print_once(facts: Facts) -> None:
    """To standard output: colours and line breaks for a terminal, whole lines for a pipe."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(view(facts))
        return
    plain = Console(highlight=False, width=PIPE_WIDTH)
    with plain.capture() as captured:
        plain.print(view(facts))
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show(find: Callable[[], Facts], every_s: float = 1.0) -> None:
    """Keep it on the screen until Ctrl-C."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(console=Console(), auto_refresh=False, screen=True) as live,
    ):
        while True:
            facts = find()
            title = Text(f"huishou gateway  {_when(facts['now_ms'])}  Ctrl-C ends this", DIM)
            live.update(Group(title, view(facts)), refresh=True)
            time.sleep(every_s)


def _alarms(facts: Facts) -> Table:
    table = _grid()
    for alarm in facts["alarms"]:
        sign, style = LEVELS[alarm["level"]]
        known = row(alarm["code"])
        about = f" ({alarm['about']})" if alarm["about"] else ""
        since = f"since {_when(alarm['since_ms'])}, {_ago((facts['now_ms'] - alarm['since_ms']) / 1000)}"
        words = Text.assemble((f"{alarm['code']}{about}: ", style), known.en or alarm["detail"])
        if alarm["detail"] and known.en:
            words.append(f" {alarm['detail']}")
        words.append(f"\n{since}. {known.en_do}", DIM)
        table.add_row(Text(f"{sign} {alarm['level']}", style), words)
    return table


def _processes(facts: Facts) -> Table:
    table = _grid()
    for name, process in facts["processes"].items():
        up = Text("up", WELL) if process["up"] else Text("DOWN", BAD)
        table.add_row(name, Text.assemble(up, "  ", _state(process), (f"  {_cost(facts, process)}", DIM)))
    return table


def _state(process: Facts) -> str:
    detail = f": {process['detail']}" if process.get("detail") else ""
    return f"{process.get('state', '')}{detail}"


def _cost(facts: Facts, process: Facts) -> str:
    """Age, memory and share of a core since the start."""
    if not process["up"] or "cpu_s" not in process:
        return ""
    age_s = max(0.001, (facts["now_ms"] - process["started_ms"]) / 1000)
    memory_mb = process["rss_bytes"] / 1e6
    return f"for {_span(age_s)}, {memory_mb:.0f} MB, {100 * process['cpu_s'] / age_s:.1f} % of a core"


def _records(facts: Facts) -> Table:
    table = _grid()
    records = facts["records"]
    parts = ", ".join(f"{count} {outcome}" for outcome, count in records["outcomes"].items())
    total = Text.assemble((str(records["received"]), "bold"), f" received = {parts}")
    if not facts["sum_ok"]:
        total.append("  SUM IS WRONG", BAD)
    table.add_row("records", total)
    for key, count in sorted(records["codes"].items(), key=lambda item: (-item[1], item[0])):
        table.add_row("", Text(f"{count:>10}  {key}", DIM))
    return table


def _figures(facts: Facts) -> Table:
    table = _grid()
    for name, text in (*_intake(facts), *_journal(facts), *_sinks(facts), *_readers(facts)):
        table.add_row(name, text)
    return table


def _intake(facts: Facts) -> Iterator[tuple[str, str]]:
    intake = facts["processes"]["intake"]
    if intake["up"] and "queue" in intake:
        text = f"{intake['queue']} messages wait"
        if intake.get("deferred"):
            text += f", {intake['deferred']} put off (flood)"
        yield "intake", text + _delays(intake.get("delays", {}).get("receive_journal"), "to disk")
    for station, state in intake.get("stations", {}).items():
        yield "station", f"{station}: {state.get('code') or 'answers'} {state.get('detail', '')}".rstrip()


def _journal(facts: Facts) -> Iterator[tuple[str, str]]:
    journal, disk = facts["journal"], facts["disk"]
    free = f", {disk['free_bytes'] / 1e9:.1f} GB free" if disk else ""
    yield "journal", f"row {journal['end']}, {journal['bytes'] / 1e6:.1f} MB{free}"
    lost = f"{journal['lost']} records lost"
    gaps = f"{journal['gaps']} gaps open" if journal["gaps"] else "no gap"
    yield "", f"{gaps}, {lost}"
    yield from _retention(facts["processes"]["intake"].get("journal") or {}, facts["now_ms"])


def _retention(kept: Facts, now_ms: int) -> Iterator[tuple[str, str]]:
    """Told by intake, so only while it runs or ran."""
    if "keep_days" not in kept:
        return
    limits = [f"{kept['keep_days']:g} days"] if kept["keep_days"] is not None else []
    limits += [f"{kept['keep_bytes'] / 1e9:.1f} GB"] if kept["keep_bytes"] is not None else []
    text = f"keeps {' or '.join(limits) or 'everything'}"
    if kept["oldest_ms"]:
        text += f", oldest row {_ago((now_ms - kept['oldest_ms']) / 1000)}"
    yield "", text


def _sinks(facts: Facts) -> Iterator[tuple[str, str]]:
    for name, sink in facts["sinks"].items():
        state = f"{sink['state']}, " if "state" in sink else ""
        text = f"{state}{sink['lines']} lines written, {sink['refused']} refused, {_lag(sink)}"
        yield f"→ {name}", text + _delays(sink.get("delay"), "from arrival")


def _readers(facts: Facts) -> Iterator[tuple[str, str]]:
    for name, reader in facts["readers"].items():
        if name not in facts["sinks"]:
            yield f"→ {name}", _lag(reader)


def _lag(reader: Facts) -> str:
    if not reader["behind_rows"]:
        return "up to date"
    return f"{reader['behind_rows']} rows behind ({_span(reader['behind_s'])})"


def _delays(facts: Facts | None, what: str) -> str:
    counts = counts_of(facts)
    if not counts or not sum(counts):
        return ""
    half, most = quantile(counts, 0.5), quantile(counts, 0.99)
    return f"; {what} {_bound(half)}, 99 % {_bound(most)}"


def _bound(seconds: float | None) -> str:
    if seconds is None or seconds == float("inf"):
        return "over a week"
    return f"≤ {seconds * 1000:.0f} ms" if seconds < 1 else f"≤ {_span(seconds)}"


def _span(seconds: float) -> str:
    """A length of time as people say it: two steps at most."""
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def _ago(seconds: float) -> str:
    return f"{_span(max(0.0, seconds))} ago"


def _when(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at_ms / 1000))


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=9, no_wrap=True)
    table.add_column()
    return table
