"""`huishou config`: what the settings are, and whether a file of them is good."""

import inspect
import json
from pathlib import Path

import click
import msgspec

from gateway.checks.page import checks_page
from gateway.config import SECTIONS, ConfigError, load
from gateway.toml_struct import default_of


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


@config.command()
def checks() -> None:
    """Print the rules that records are judged by, as the page docs/checks.md."""
    click.echo(checks_page(), nl=False)


@config.command()
@click.argument("page", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def tables(page: Path) -> None:
    """Bring the tables of alarms and log codes in the Markdown file PAGE up to date (docs/operators.md)."""
    from gateway.cli.tables import fill

    click.echo(f"{page}: {'brought up to date' if fill(page) else 'was up to date'}")


@config.command()
def example() -> None:
    """Print a configuration with every setting at its default, each commented out."""
    click.echo(example_page(), nl=False)


def example_page() -> str:
    """All sections and keys, made of the types that check a configuration."""
    lines = [
        "# Every setting with its default: remove the # of what you change. Paths: relative to this file.\n"
    ]
    for name, section in SECTIONS.items():
        lines.append("\n")
        words = inspect.cleandoc(section.__doc__ or "").split("\n")
        lines += [f"# {line}".rstrip() + "\n" for line in words]
        lines.append(f"# [[{name}]]\n" if name in ("sinks", "stations") else f"[{name}]\n")
        for field in msgspec.structs.fields(section):
            value = default_of(field)
            if value is None:
                lines.append(f"# {field.encode_name} = …\n")
            elif isinstance(value, dict):
                lines.append(f"# {field.encode_name} = {{}}\n")
            else:
                text = str(value) if isinstance(value, Path) else value
                lines.append(f"# {field.encode_name} = {json.dumps(text, ensure_ascii=False)}\n")
    return "".join(lines)
