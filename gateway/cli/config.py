"""`huishou config`: what the settings are, and whether a file of them is good."""

import json
from pathlib import Path

import click

from gateway.config import ConfigError, load


@click.group()
def config() -> None:
    """Check a configuration before it is used."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("huishou.toml"))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(file: Path, as_json: bool) -> None:
    """Say all that is wrong with FILE (default huishou.toml); exit 1 if anything is.

    Starts nothing and changes nothing: names the key, what came, what was expected and what to do.
    """
    try:
        settings = load(file)
    except ConfigError as err:
        if as_json:
            found = [{"key": p.key, "got": p.got, "expected": p.expected, "do": p.do} for p in err.problems]
            click.echo(json.dumps({"file": str(file), "ok": False, "code": err.code, "problems": found}))
        else:
            click.echo(str(err), err=True)
        raise SystemExit(1) from None
    if as_json:
        click.echo(json.dumps({"file": str(file), "ok": True, "code": None, "problems": []}))
    else:
        click.echo(
            f"{file}: good. Store {settings.store.path}, broker {settings.mqtt.host}:{settings.mqtt.port}, "
            f"InfluxDB {settings.influxdb.url}, page {settings.web.host}:{settings.web.port}."
        )
