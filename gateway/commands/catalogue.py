"""Which commands there are, with their arguments, and which settings: what is asked for is checked before it
is signed. The device checks again, by its own table.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

from gateway.commands.errors import AskError

Kind = Literal["bin", "truck", "all"]


class Arg(msgspec.Struct, frozen=True):
    """An argument. `most` None: it is text; else a number from `least` to `most`."""

    name: str
    en: str
    zh: str
    least: int = 0
    most: int | None = None
    required: bool = False


class Entry(msgspec.Struct, frozen=True):
    """A command. `life_s`: how long it may be begun unless somebody says otherwise; `retain`: the broker
    keeps it for a unit that sleeps.
    """

    name: str
    unit: Kind
    life_s: int
    en: str
    zh: str
    args: tuple[Arg, ...] = ()
    retain: bool = False


_BAY = Arg("bay", "number of the bay", "投放口编号", 0, 99)
_FOR_S = Arg("for_s", "seconds", "秒", 1, 600)
COMMANDS: tuple[Entry, ...] = (
    Entry("unlock", "all", 120, "Unlock a bay or the cargo door", "打开投放口或货厢锁", (_BAY,)),
    Entry("lock", "all", 120, "Lock a bay or the cargo door", "锁上投放口或货厢", (_BAY,)),
    Entry("zero", "bin", 300, "Set an empty bay's zero", "空仓时置零", (
        Arg("bay", "number of the bay", "投放口编号", 0, 99, required=True),)),
    Entry("reboot", "all", 3600, "Start the program anew", "重新启动"),
    Entry("self-test", "all", 900, "Try each part, or one", "自检所有部件或某一部件", (
        Arg("part", "name of a part", "部件名称"),)),
    Entry("events", "all", 3600, "Fetch the black box: the last 64 events", "读取黑匣子：最近 64 个事件"),
    Entry("log-level", "all", 3600, "How much the console tells", "控制台输出的详细程度", (
        Arg("level", "error, warning, info or debug", "error、warning、info 或 debug", required=True),)),
    Entry("hold-awake", "bin", 86_400, "Stay awake and connected for a while", "保持唤醒和连接一段时间", (
        Arg("for_s", "seconds", "秒", 60, 14_400, required=True),), retain=True),
    Entry("locate", "all", 600, "Buzz and blink", "鸣响并闪灯以便寻找", (_FOR_S,)),
)  # fmt: skip
BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in COMMANDS}
SECRET = "(hidden)"  # noqa: S105 - what is shown in place of one
SECRETS = ("password", "tokens", "crew")  # ends of keys whose values open something


class Setting(msgspec.Struct, frozen=True):
    """A row of `schemas/settings.json`. `min` and `max` bound a number, or the length of anything else."""

    key: str
    kind: str
    unit: str
    min: int
    max: int
    unit_kind: Kind
    en: str
    zh: str


@cache
def settings() -> Mapping[str, Setting]:
    """Every key that may be set from afar."""
    text = resources.files("schemas").joinpath("settings.json").read_bytes()
    return {one.key: one for one in msgspec.json.decode(text, type=list[Setting])}


def setting(key: str) -> Setting | None:
    """The row of a key; `bay.2.full_pct` is of the row `bay.N.full_pct`."""
    return settings().get(re.sub(r"^bay\.\d+\.", "bay.N.", key))


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without what opens something."""
    return {key: SECRET if key.endswith(SECRETS) else value for key, value in config.items()}


def parse(words: Sequence[str]) -> dict[str, Any]:
    """`key=value` words: a number, true, false, null, a JSON list or object, else text. Raises AskError
    `bad-argument`."""
    found: dict[str, Any] = {}
    for word in words:
        key, sign, text = word.partition("=")
        if not sign or not key or key in found:
            raise AskError("bad-argument", f"{word!r}: expected key=value, each key once.")
        found[key] = _value(text)
    return found


def _value(text: str) -> Any:
    if re.fullmatch(r"-?\d{1,15}|true|false|null", text) or text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except ValueError as err:
            raise AskError("bad-argument", f"{text!r} is not JSON: {err}.") from None
    return text


def check_command(name: str, args: Mapping[str, Any], unit: str) -> Entry:
    """The command's entry. Raises AskError `unknown-command` or `bad-argument`."""
    entry = BY_NAME.get(name)
    if entry is None or entry.unit not in ("all", unit):
        fitting = ", ".join(one.name for one in COMMANDS if one.unit in ("all", unit))
        raise AskError("unknown-command", f"{name!r} is no command for a {unit}; there are: {fitting}.")
    known = {arg.name: arg for arg in entry.args}
    for key, value in args.items():
        if key not in known:
            raise AskError(
                "bad-argument", f"{name} takes no {key!r}; it takes: {', '.join(known) or 'nothing'}."
            )
        arg = known[key]
        if arg.most is None:
            good = isinstance(value, str) and 1 <= len(value) <= 64
        else:
            good = type(value) is int and arg.least <= value <= arg.most
        if not good:
            expected = "a text" if arg.most is None else f"{arg.least} to {arg.most}"
            raise AskError("bad-argument", f"{name}: {key} is {value!r}, expected {expected} ({arg.en}).")
    for arg in entry.args:
        if arg.required and arg.name not in args:
            raise AskError("bad-argument", f"{name} needs {arg.name}=… ({arg.en}).")
    return entry


def check_settings(config: Mapping[str, Any], unit: str) -> None:
    """Raises AskError `unknown-setting` or `setting-range`."""
    for key, value in config.items():
        row = setting(key)
        if row is None or row.unit_kind not in ("all", unit):
            raise AskError(
                "unknown-setting", f"{key!r} cannot be set on a {unit}; see `huishou device settings`."
            )
        if row.kind == "int" and not (type(value) is int and row.min <= value <= row.max):
            raise AskError(
                "setting-range", f"{key} is {value!r}, expected {row.min} to {row.max} {row.unit}."
            )
        if row.kind in ("text", "word"):
            size = len(value.encode()) if isinstance(value, str) else -1
            if not row.min <= size <= row.max:
                raise AskError("setting-range", f"{key}: expected a text of {row.min} to {row.max} bytes.")
        if row.kind in ("tokens", "texts", "fences") and not (
            isinstance(value, list) and row.min <= len(value) <= row.max
        ):
            raise AskError("setting-range", f"{key}: expected a list of {row.min} to {row.max}.")
