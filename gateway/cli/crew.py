"""`huishou crew …`: what a maintenance crew's laptop runs, plugged into a unit's serial line."""

import json
import os
import sys
import time
from typing import Any

import click

from gateway.crew.doctor import Level

LANGUAGES = ("en", "zh-CN")
COLOURS = {Level.OK: "green", Level.NOTE: "yellow", Level.WRONG: "red"}
WHO_TRIES = 3  # a unit that wakes may miss the first line
STATUS_S = 10.0
SELF_TEST_S = 90.0  # each part has its own deadline on the unit; this is over their sum


@click.group()
def crew() -> None:
    """At a bin or a truck: find out what is wrong with it, through its serial line."""


@crew.command()
@click.option("--port", required=True, metavar="PATH", help="The serial port, for example /dev/ttyACM0.")
@click.option(
    "--lang",
    type=click.Choice((*LANGUAGES, "zh"), case_sensitive=False),
    help="Language of the report; when absent, by the environment (LC_ALL, LC_MESSAGES, LANG).",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.5, max=600),
    default=12.0,
    show_default=True,
    help="Seconds to wait for the unit's first answer.",
)
def doctor(port: str, lang: str | None, as_json: bool, timeout_s: float) -> None:
    """Say what is fitted, what is wrong, and what to do.

    Exit 0: all is well. 1: something is wrong. 2: the unit cannot be talked to.
    """
    from gateway.crew.console import Console, ConsoleError
    from gateway.crew.doctor import diagnose
    from gateway.crew.words import error_text, lines, text

    lang = ("zh-CN" if lang == "zh" else lang) or _environment_language()
    try:
        with Console(port) as console:
            _say(text("asking", lang, port=port), quiet=as_json)
            who = _object(console.ask("who", timeout_s, WHO_TRIES), "who")
            status = _object(console.ask("status", STATUS_S, 2), "status")
            _say(text("testing", lang), quiet=as_json)
            tests = _objects(console.ask("self-test", SELF_TEST_S), "self-test")
    except ConsoleError as err:
        message = error_text(err.code, str(err), lang)
        if as_json:
            click.echo(json.dumps({"error": {"code": err.code, "message": message}}, ensure_ascii=False))
        else:
            click.secho(f"{message} [{err.code}]", fg="red", err=True)
        sys.exit(2)
    diagnosis = diagnose(who, status, tests, time.time_ns() // 1_000_000)
    if as_json:
        click.echo(json.dumps(diagnosis.as_json(), ensure_ascii=False, indent=2))
    else:
        for level, line in lines(diagnosis, lang):
            click.secho(line, fg=COLOURS[level] if level else None, bold=level is None)
    sys.exit(0 if diagnosis.well else 1)


def _object(answer: Any, command: str) -> dict[str, Any]:
    from gateway.crew.console import ConsoleError

    if not isinstance(answer, dict):
        raise ConsoleError("garbled", command)
    return answer


def _objects(answer: Any, command: str) -> list[dict[str, Any]]:
    from gateway.crew.console import ConsoleError

    if not isinstance(answer, list):
        raise ConsoleError("garbled", command)
    return [_object(entry, command) for entry in answer]


def _say(line: str, *, quiet: bool) -> None:
    """Progress goes to standard error, so that a script reads the report alone."""
    if not quiet:
        click.echo(line, err=True)


def _environment_language() -> str:
    """POSIX order of precedence."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(variable):
            return "zh-CN" if os.environ[variable].lower().startswith("zh") else "en"
    return "en"
