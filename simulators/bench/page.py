"""`make bench-page`: write the benches' last results into the tables of docs/performance.md.

Each bench leaves its output in run/bench/<name>.txt, the last line a JSON object. A table stands between
`<!-- bench:<name> -->` and `<!-- /bench:<name> -->`; a bench that has no result keeps its table.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PAGE = Path("docs/performance.md")
RESULTS = Path("run/bench")
Facts = dict[str, Any]


class PageError(ValueError):
    """A page without the place for a table, or a result that is none."""


def fill(page: str, name: str, block: str) -> str:
    """The page with a block put between its markers. Raises PageError when they are missing."""
    pattern = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.DOTALL)
    filled, count = pattern.subn(lambda match: f"{match[1]}{block.strip()}\n{match[2]}", page)
    if count != 1:
        raise PageError(f"{PAGE}: expected one block `<!-- bench:{name} -->` … `<!-- /bench:{name} -->`")
    return filled


def render(facts: Facts) -> str:
    """The Markdown of a bench's result."""
    return f"{_RENDER[facts['bench']](facts)}\n\n{_where(facts)}\n"


def _where(facts: Facts) -> str:
    machine = f"{facts['cores']} cores of an {facts['cpu']}, Python {facts['python']}"
    return f"{facts['date']}, {machine}, load before the run {facts['load_before']}."


def _table(head: list[str], rows: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows])


def _intake(facts: Facts) -> str:
    rows = []
    for records, size in facts["sizes"].items():
        for name, rate in size["rates"].items():
            ratio = size["ratios"].get(name)
            cpu = dict(size["cpu_us"][name])
            shared = [f"{cpu.pop(server):.1f}" for server in ("mosquitto", "influxd")]
            own = " + ".join(f"{process} {value:.1f}" for process, value in cpu.items())
            rows.append(
                [
                    *(
                        f"{records}, {name}",
                        f"{rate['median']:,.0f}",
                        f"{rate['min']:,.0f} – {rate['max']:,.0f}",
                    ),
                    f"{ratio['median']:.2f} × ({ratio['min']:.2f} – {ratio['max']:.2f})" if ratio else "",
                    *(f"{ratio['wanted']:g} ×" if ratio and ratio["wanted"] else "", own, *shared),
                ]
            )
    head = ["records a message, who", "readings/s, median", "min – max", "huishou's rate to it", "wanted"]
    head += ["its CPU, µs a reading", "Mosquitto", "InfluxDB"]
    rounds = max(one["round"] for one in facts["drains"])
    missing = {
        f"{name} at {records}": f"{count:,}"
        for records, size in facts["sizes"].items()
        for name, count in size["missing"].items()
        if count
    }
    lost = ", ".join(f"{name}: {count}" for name, count in missing.items()) or "none"
    return f"{_table(head, rows)}\n\n{rounds} rounds in turn. Readings missing in the end: {lost}."


def _devices(facts: Facts) -> str:
    tables = []
    for key, title in (
        ("busy", "{devices:,} devices at one message a minute"),
        ("quiet", "{devices:,} quiet devices"),
    ):
        found = facts[key]
        rows = [
            [
                *(name, f"{one['cpu_percent']:.2f}", f"{one['rss_mb']:.0f}"),
                f"{one['growth_mb_h']:+.2f} ± {one['growth_error_mb_h']:.2f}",
            ]
            for name, one in found["processes"].items()
        ]
        rows.append(["sum", f"{found['sum']['cpu_percent']:.2f}", f"{found['sum']['rss_mb']:.0f}", ""])
        caption = f"{title.format(**found)}, {found['seconds']} s"
        tables.append(_table([caption, "CPU, % of a core", "RSS, MB", "growth, MB/h ± standard error"], rows))
    return "\n\n".join(tables)


def _latency(facts: Facts) -> str:
    rows = []
    for one in facts["runs"]:
        for key, label in (("puback", "PUBACK: the broker has it"), ("ack", "`down/ack`: it is on disk")):
            delay = [f"{one[key][name]:g}" for name in ("p50_ms", "p99_ms", "max_ms")]
            speed = [f"{one['highest']['messages_per_s']:,.0f}", f"{one['half_messages_per_s']:,.0f}"]
            rows.append([f"{one['records']}, {label}", *speed, *delay])
    head = [
        "records a message, until",
        "highest, messages/s",
        "sent, messages/s",
        "p50, ms",
        "p99, ms",
        "max, ms",
    ]
    return _table(head, rows)


def _flood(facts: Facts) -> str:
    rows = [
        [
            *(one["flood"], f"{one['flood_messages_per_s']:,}", f"{one['freed_per_s']:,.0f}"),
            *(f"{one['left']:.1%}", f"{one['ack']['p50_ms']:g}", f"{one['ack']['p99_ms']:g}"),
        ]
        for one in facts["runs"]
    ]
    head = ["beside", "flood, messages/s", "others' records/s", "left to them", "p50, ms", "p99, ms"]
    return _table(head, rows)


def _profile(facts: Facts) -> str:
    tables = []
    for one in facts["profiles"]:
        rows = [
            [f"`{function['function']}` {function['file']}", f"{function['us']:.2f}"]
            for function in one["functions"]
        ]
        caption = f"{one['process']}, {one['records']} a message: {one['cpu_us']:.1f} µs a reading"
        tables.append(_table([caption, "µs"], rows))
    return "\n\n".join(tables)


_RENDER: dict[str, Callable[[Facts], str]] = {
    "intake": _intake,
    "devices": _devices,
    "latency": _latency,
    "flood": _flood,
    "profile": _profile,
}


def result(file: Path) -> Facts:
    """The last line of a bench's output. Raises PageError."""
    lines = file.read_text("utf-8").splitlines()
    try:
        facts: Facts = json.loads(lines[-1])
    except (ValueError, IndexError):
        raise PageError(f"{file}: its last line is no JSON object: did the bench end?") from None
    return facts


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Write results (default: run/bench/*.txt) into docs/performance.md."""
    try:
        page = PAGE.read_text("utf-8")
        for file in files or sorted(RESULTS.glob("*.txt")):
            facts = result(file)
            if facts.get("bench") in _RENDER:
                page = fill(page, facts["bench"], render(facts))
                click.echo(f"{PAGE}: {facts['bench']} of {facts['date']}")
        PAGE.write_text(page, "utf-8")
    except (PageError, OSError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
