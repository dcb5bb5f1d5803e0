"""`huishou web …`: who may look at the page and use the API."""

import os
import re
import secrets
import sys
from pathlib import Path

import click

NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
MIN_PASSWORD = 10
_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The password file that the configuration names as [web] password_file; made when missing.",
)


def _name(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r}: expected up to 64 letters, digits, and _ . @ -")
    return value


@click.group()
def web() -> None:
    """Who may look at the operators' page and use the API."""


@web.command()
@click.argument("name", callback=_name)
@_file
@click.option("--generate", is_flag=True, help="Make a password and print it, instead of asking for one.")
def password(name: str, file: Path, generate: bool) -> None:
    """Set a person's password (asked for, or from standard input). Takes effect at once."""
    from gateway.web.passwords import hash_password

    if generate:
        chosen = secrets.token_urlsafe(12)
    elif sys.stdin.isatty():
        chosen = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        chosen = sys.stdin.readline().rstrip("\n")
    if len(chosen) < MIN_PASSWORD:
        raise click.ClickException(f"too short [weak-password]: at least {MIN_PASSWORD} characters")
    _write(file, name, f"{name}:{hash_password(chosen)}")
    click.echo(chosen if generate else f"password of {name} set in {file}")


@web.command()
@click.argument("name", callback=_name)
@_file
def token(name: str, file: Path) -> None:
    """Make a bearer token for a program, print it, and keep only its hash. A former one of that name ends."""
    from gateway.web.passwords import new_token

    made, line = new_token(name)
    _write(file, name, line)
    click.echo(made)


@web.command()
@click.argument("name", callback=_name)
@_file
def remove(name: str, file: Path) -> None:
    """Take a person's or a program's access away; sessions end at once."""
    if not _write(file, name, None):
        raise click.ClickException(f"{name} is not in {file} [unknown-user]")
    click.echo(f"{name} removed from {file}")


def _write(file: Path, name: str, line: str | None) -> bool:
    """Replace the file whole, so that no reader sees half of it; whether the name was there."""
    try:
        before = file.read_text("utf-8").splitlines() if file.exists() else []
        kept = [old for old in before if old.partition(":")[0].strip() != name]
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text("".join(f"{text}\n" for text in [*kept, *([line] if line else [])]), "utf-8")
        temporary.replace(file)
    except (OSError, UnicodeDecodeError) as err:
        raise click.ClickException(f"{file}: {err} [password-file]") from err
    return len(kept) < len(before)
