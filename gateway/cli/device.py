"""`huishou device`: ask something of a device (a command, settings), and see what became of it."""

import getpass
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import config_option, json_option, load_config
from gateway.config import Config

LOOK_S = 0.2
PATIENCE_S = 10.0  # after the expiry: a reply is on its way, the gateway joins it
WAIT_S = 60.0  # for a command that may be begun much later

_config_option = config_option("The configuration; `[devices] keys_file` names the devices' keys.")


@click.group()
def device() -> None:
    """Ask something of a device: commands, which it carries out once at most, and settings, which it tries.

    What is asked for is signed with the device's own key (`[devices] keys_file`), kept in commands.db of the
    store, and sent by the running gateway until the device has the last word. See docs/operators.md.
    """


@device.command()
@click.argument("device_id", metavar="DEVICE")
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]…")
@_config_option
@click.option("--within", "life_s", type=click.IntRange(1, 7 * 86_400), metavar="S",
              help="Seconds within which it may be begun; each command has its own.")  # fmt: skip
@click.option("--wait/--no-wait", default=True, help="Wait for the device's word (at most a minute or so).")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language of the explanations.")
@json_option
def command(
    device_id: str,
    name: str,
    words: tuple[str, ...],
    file: Path,
    life_s: int | None,
    wait: bool,
    lang: str,
    as_json: bool,
) -> None:
    """Have DEVICE do something: unlock, lock, zero, reboot, self-test, log-level, hold-awake, locate.

    For example `huishou device command bin-001 unlock bay=1`. Exit 0: done. 1: it was not, or nobody
    knows. 3: not answered yet; `huishou device commands` shows it later.
    """
    from gateway.command_codes import COMMAND_CODES
    from gateway.commands.ask import issue

    config = load_config(file)
    with _told():
        id_ = issue(config, device_id, name, words, life_s, getpass.getuser(), _now_ms())
        asked = _wait(config, id_, as_json) if wait else _look(config, id_)
    facts = _facts(asked)
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else _words(facts))
    if asked.code in COMMAND_CODES and not as_json:
        row = COMMAND_CODES[asked.code]
        click.echo(f"{row.zh} {row.zh_do}" if lang == "zh" else f"{row.en} {row.en_do}", err=True)
    if asked.state == "done" or not wait:
        return
    sys.exit(1 if asked.ended or asked.state == "unknown" else 3)


@device.command()
@click.argument("device_id", metavar="[DEVICE]", required=False)
@_config_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
def commands(device_id: str | None, file: Path, limit: int, as_json: bool) -> None:
    """List what was asked of DEVICE, or of all, newest first, and how it stands.

    waiting: not sent yet. sent, accepted: no last word yet. done, failed, refused, expired: the last word.
    unknown: nobody knows whether it was carried out; the device is asked again when it is back.
    """
    from gateway.commands.reader import CommandReader

    store = load_config(file).store.path
    with _told():
        found = [_facts(one) for one in CommandReader(store).commands(device_id, limit)]
    if as_json:
        click.echo(json.dumps({"commands": found}, ensure_ascii=False))
    else:
        click.echo("\n".join(_words(one) for one in found) or "nothing was asked of any device")


@device.command()
@click.argument("device_id", metavar="DEVICE")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]…")
@_config_option
@click.option("--unset", multiple=True, metavar="KEY", help="As provisioned again.")
@click.option("--again", is_flag=True, help="The same once more, as a new revision (one was rolled back).")
@json_option
def desire(
    device_id: str, words: tuple[str, ...], file: Path, unset: tuple[str, ...], again: bool, as_json: bool
) -> None:
    """Set settings of DEVICE; without any, show what was set and which revision is in force.

    For example `huishou device desire bin-001 wake_s=900 bay.1.full_pct=90`. What was set before stays set.
    The device checks all, tries it, and goes back to what it had when its link does not come up with it.
    """
    from gateway.commands.ask import desire as ask
    from gateway.commands.ask import in_force

    config = load_config(file)
    with _told():
        if words or unset or again:
            ask(config, device_id, words, unset, getpass.getuser(), _now_ms())
        facts = in_force(config, device_id)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    wanted, force = facts["desired_rev"], facts["rev"]
    click.echo(f"{device_id}: revision {wanted} desired, {'?' if force is None else force} in force")
    for key, value in facts["config"].items():
        click.echo(f"  {key} = {json.dumps(value, ensure_ascii=False)}")


@device.command()
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language of the explanations.")
@json_option
def settings(lang: str, as_json: bool) -> None:
    """List which settings can be set, with their units and ranges, and which commands there are."""
    from gateway.commands.catalogue import COMMANDS
    from gateway.commands.catalogue import settings as rows

    table = list(rows().values())
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"settings": table, "commands": COMMANDS}).decode())
        return
    for row in table:
        bounds = f"{row.min}…{row.max} {row.unit}" if row.kind in ("int", "text", "word") else row.unit
        click.echo(f"{row.key:20} {row.unit_kind:6} {bounds:22} {row.zh if lang == 'zh' else row.en}")
    click.echo()
    for entry in COMMANDS:
        args = " ".join(f"{arg.name}=…" if arg.required else f"[{arg.name}=…]" for arg in entry.args)
        click.echo(f"{entry.name:12} {args:16} {entry.unit:6} {entry.zh if lang == 'zh' else entry.en}")


def _wait(config: Config, id_: str, quiet: bool) -> Any:
    """Until the device has the last word, or nobody can be expected to wait longer."""
    from gateway.processes import status_of

    start_s, said = time.monotonic(), ""
    while True:
        asked = _look(config, id_)
        waited_s = time.monotonic() - start_s
        over = _now_ms() > asked.exp_ms + PATIENCE_S * 1000 or waited_s > WAIT_S
        if asked.ended or asked.state == "unknown" or over:
            return asked
        hint = ""
        if (
            asked.state == "waiting"
            and waited_s > 2
            and not status_of(config.store.path, "intake", _now_ms())["up"]
        ):
            hint = ": the gateway does not run; it is sent when it does"
        text = f"{asked.name} for {asked.device}: {asked.state} {asked.code}".rstrip() + hint
        if text != said and not quiet:
            click.echo(text, err=True)
            said = text
        time.sleep(LOOK_S)


def _look(config: Config, id_: str) -> Any:
    from gateway.commands.reader import CommandReader

    return CommandReader(config.store.path).command(id_)


def _facts(asked: Any) -> dict[str, Any]:
    return {
        "id": asked.id,
        "device": asked.device,
        "name": asked.name,
        "args": asked.args,
        "who": asked.who,
        "issued_ms": asked.issued_ms,
        "exp_ms": asked.exp_ms,
        "copies": asked.copies,
        "state": asked.state,
        "code": asked.code,
        "ended": asked.ended,
        "result": asked.result,
        "heard_ms": asked.heard_ms,
    }


def _words(facts: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(facts["issued_ms"] / 1000, UTC)
    args = " ".join(f"{key}={value}" for key, value in facts["args"].items())
    result = "" if facts["result"] is None else " " + _result(facts)
    state = facts["state"] + (f" ({facts['code']})" if facts["code"] else "")
    what = f"{facts['name']} {args}".rstrip()
    return f"{at:%Y-%m-%d %H:%M:%S}Z  {facts['device']}  {what}  {state}{result}"


def _result(facts: dict[str, Any]) -> str:
    """What a command returned; a black box event by event."""
    result = facts["result"]
    text = json.dumps(result, ensure_ascii=False)
    if facts["name"] != "events" or not isinstance(result.get("events"), str):
        return text
    from gateway.commands.events import decode

    try:
        events = decode(result["events"])
    except ValueError as err:
        return f"{text}\n  not a black box: {err}"
    lines = [f"boot {result.get('boot')}, started by {result.get('cause')}"]
    for event in events:
        at = f"{datetime.fromtimestamp(event.t_s, UTC):%Y-%m-%d %H:%M:%S}Z" if event.t_s else "time not known"
        lines.append(f"  {at:20}  {event.boot:5}  {event.code:20} {event.detail}".rstrip())
    return "\n".join(lines)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _told() -> Iterator[None]:
    """Errors that a person can act upon end the program with their sentence, not with a traceback."""
    from gateway.commands.errors import AskError
    from gateway.journal import JournalError

    try:
        yield
    except (AskError, JournalError) as err:
        raise click.ClickException(str(err)) from None
    except sqlite3.Error as err:
        raise click.ClickException(
            f"commands.db cannot be used: {err}. Check the disk and permissions. [commands-unreadable]"
        ) from None
