"""`huishou gateway refused`: what databases did not take, and to write it again once the cause is gone."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.common import config_option, load_config


@click.command()
@config_option()
@click.option("--sink", help="Of one database only (`influxdb`, or a name of [[sinks]]).")
@click.option("--limit", default=20, show_default=True, help="How many lines to show, the newest first.")
@click.option("--retry", is_flag=True, help="Have the writer write them again: after the cause is repaired.")
@click.option("--forget", is_flag=True, help="Take them off the list; the journal keeps the records.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def refused(file: Path, sink: str | None, limit: int, *, retry: bool, forget: bool, as_json: bool) -> None:
    """List the records that a database refused, with its words.

    They are in the journal, whatever happens here. The usual causes: somebody else wrote a field of the same
    name with another type into the bucket, or the points are older than the bucket keeps.
    """
    from gateway.writer.store import count_refused, forget_refused, read_refused, retry_refused

    if retry and forget:
        raise click.UsageError("--retry or --forget, not both")
    store = load_config(file).store.path
    if retry or forget:
        done = retry_refused(store, sink) if retry else forget_refused(store, sink)
        what = "will be written again within seconds, when the writer runs" if retry else "forgotten"
        click.echo(json.dumps({"lines": done}) if as_json else f"{done} lines {what}.")
        return
    counts, lines = count_refused(store), read_refused(store, limit, sink)
    if as_json:
        groups = [
            {"sink": name, "status": status, "words": words, "lines": count, "retry": waiting}
            for (name, status, words), (count, waiting) in counts.items()
            if sink in (None, name)
        ]
        shown = [
            {
                "at_ms": one.at_ms,
                "sink": one.sink,
                "device": one.device,
                "log": one.log,
                "seq": one.seq,
                "row": one.row,
                "status": one.status,
                "words": one.words,
                "line": one.line.decode("utf-8", "replace"),
                "retry": one.retry,
            }
            for one in lines
        ]
        click.echo(json.dumps({"groups": groups, "lines": shown}, ensure_ascii=False, indent=2))
        return
    for (name, status, words), (count, waiting) in sorted(counts.items(), key=lambda item: -item[1][0]):
        if sink in (None, name):
            again = ", to be written again" if waiting else ""
            click.echo(f"{count:8} lines  {name}: {_by(status)}{words}{again}")
    for one in lines:
        at = datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(timespec="seconds")
        click.echo(f"{at}  {one.sink}  {one.device} {one.log} {one.seq}  {_by(one.status)}{one.words}")
    if not lines:
        click.echo("Nothing is refused.")


def _by(status: int) -> str:
    return f"{status} " if status else "(by the writer) "
