"""What was asked of a device, as its page shows it: commands and how they stand, settings and revisions.

Pure. What a device answered is its own: nothing of it is trusted to have a shape.
"""

import json
from collections.abc import Sequence
from typing import Any

from gateway.command_codes import COMMAND_CODES
from gateway.commands.catalogue import BY_NAME, setting, shown
from gateway.commands.events import Event, decode
from gateway.commands.model import Word
from gateway.commands.reader import Asked, Wanted
from gateway.device_codes import meaning
from gateway.web.i18n import known, translator
from gateway.web.projection.model import DeviceState
from gateway.web.text import printable
from gateway.web.view import View

SHOWN = 6  # commands
MAX_TEXT = 300  # characters of a value that a device gave
_BAD = frozenset({Word.FAILED, Word.REFUSED, Word.EXPIRED, Word.UNKNOWN})
_TAKEN_BACK = ("settings-refused", "settings-rolled-back")


def asked_view(
    commands: Sequence[Asked], wanted: Wanted | None, state: DeviceState | None, lang: str
) -> View:
    """All of it. `commands`: newest first; of more than SHOWN it is only said that there are more."""
    return {
        "settings": _settings(wanted, state, lang),
        "commands": [_command(one, lang) for one in commands[:SHOWN]],
        "more": len(commands) > SHOWN,
    }


def _command(asked: Asked, lang: str) -> View:
    entry = BY_NAME.get(asked.name)
    words = [asked.name, *(f"{key}={_text(value)}" for key, value in asked.args.items())]
    why, advice = _meaning(asked.code, lang) if asked.code else ("", "")
    return {
        "id": asked.id,
        "what": " ".join(words),
        "text": "" if entry is None else entry.zh if lang == "zh-CN" else entry.en,
        "who": asked.who,
        "issued_ms": asked.issued_ms,
        "exp_ms": None if asked.ended or asked.state == Word.UNKNOWN else asked.exp_ms,
        "heard_ms": asked.heard_ms,
        "state": asked.state,
        "odd": asked.state in _BAD,
        "why": why,
        "advice": advice,
        **_result(asked, lang),
    }


def _meaning(code: str, lang: str) -> tuple[str, str]:
    """What a code of a reply means and what to do; the code itself when nobody knows it."""
    row = COMMAND_CODES.get(code)
    if row is None:
        return meaning(code, lang) or (code, "")
    return (row.zh, row.zh_do) if lang == "zh-CN" else (row.en, row.en_do)


def _result(asked: Asked, lang: str) -> View:
    """`result`: in one line; `lines`: what is too long for one, under `title`."""
    result, t = asked.result or {}, translator(lang)
    if isinstance(result.get("events"), str):
        try:
            events = decode(result["events"])
        except ValueError:
            return {"result": t("asked.no-black-box"), "title": "", "lines": []}
        lines = [_event(event) for event in events]
        cause = known(lang, "boot", result.get("cause"))
        title = t("asked.black-box", number=len(lines), boot=_text(result.get("boot")), cause=_text(cause))
        return {"result": "", "title": title, "lines": lines[::-1]}
    if isinstance(result.get("parts"), list):
        lines = [{"t_ms": None, "text": _part(one, lang)} for one in result["parts"]]
        title = t("asked.parts", number=_text(result.get("tried", len(lines))))
        return {"result": "", "title": title, "lines": lines}
    line = " · ".join(_fact(key, value, lang) for key, value in result.items())
    return {"result": line, "title": "", "lines": []}


def _fact(key: str, value: object, lang: str) -> str:
    """One thing that a command returned."""
    if key == "bay":
        return translator(lang)("bay", bay=_text(value))
    if key == "door":
        return _text(known(lang, "door", value))
    if key == "detail":
        return _text(value)
    if key == "for_s":
        return f"{_text(value)}\u00a0s"
    return f"{_text(key)} {_text(value)}"


def _event(event: Event) -> View:
    return {"t_ms": event.t_s * 1000 or None, "text": f"#{event.boot} {event.code} {printable(event.detail)}"}


def _part(entry: object, lang: str) -> str:
    """A part of a self-test: `lock0 ✓ bolted true · closed true`."""
    if not isinstance(entry, dict):
        return _text(entry)
    name, value = _text(entry.get("part", "?")), entry.get("value")
    if entry.get("ok") is True:
        facts = value if isinstance(value, dict) else {"": value}
        return f"{name} ✓ " + " · ".join(f"{_text(k)} {_text(v)}".strip() for k, v in facts.items())
    why, advice = _meaning(str(entry.get("code", "")), lang)
    detail = _text(entry.get("detail", ""))
    words = f"{name} ✗ {_text(why)}" + (f" ({detail})" if detail else "")
    return f"{words} → {advice}" if advice else words


def _settings(wanted: Wanted | None, state: DeviceState | None, lang: str) -> View:
    """`text` says which revision is wished and which is in force; `odd`: the device would not have it."""
    rev = _rev(state)
    newest = 0 if wanted is None else wanted.rev
    undone = "" if rev is None or rev >= newest else _undone(state, newest)
    if rev is None:
        key = "asked.rev.unheard" if newest else "asked.rev.nothing"
    elif undone:
        key = f"asked.rev.{undone}"
    elif rev < newest:
        key = "asked.rev.wished"
    elif rev > newest:
        key = "asked.rev.ahead"
    else:
        key = "asked.rev.in-force" if rev else "asked.rev.provisioned"
    return {
        "text": translator(lang)(key, wanted=newest, rev=rev),
        "rev": newest,
        "odd": bool(undone),
        "who": "" if wanted is None else wanted.who,
        "issued_ms": None if wanted is None else wanted.issued_ms,
        "set": [] if wanted is None else [_value(*one, lang) for one in shown(wanted.config).items()],
    }


def _rev(state: DeviceState | None) -> int | None:
    rev = None if state is None or state.link is None else state.link.get("rev")
    return rev if type(rev) is int else None


def _undone(state: DeviceState | None, rev: int) -> str:
    """Why a device has not got this revision, when it said so: the end of a key."""
    faults = {} if state is None else state.faults
    for code in _TAKEN_BACK:
        slot = faults.get(f"settings/{code}")
        told = {} if slot is None else slot.value
        if told.get("state") == "raised" and str(told.get("detail", "")).startswith(f"rev {rev}:"):
            return code.removeprefix("settings-")
    return ""


def _value(key: str, value: Any, lang: str) -> View:
    row = setting(key)
    unit = f" {row.unit}" if row is not None and row.kind == "int" and row.unit else ""
    label = key if row is None else row.zh if lang == "zh-CN" else row.en
    return {"key": key, "label": label, "value": _text(value) + unit}


def _text(value: object) -> str:
    """A value of JSON as people read it, and no longer than MAX_TEXT."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = printable(text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
