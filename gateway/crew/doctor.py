"""From what a unit's console says to what a crew must know: what is fitted, what is wrong. Pure."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

CLOCK_OFF_MS = 120_000
LOG_BEHIND = 5_000  # records that wait; more than a day of readings of a bin
LOW_BATTERY_MV = {"bin": 3_450, "truck": 23_000}  # as the page judges it (gateway.web.projection.concerns)
WRONG_LINKS = ("mqtt-refused",)  # the unit's own fault; a network that is away is not

Json = dict[str, Any]


class Level(StrEnum):
    """`ok`; `note`: to be known, nothing to repair here; `wrong`: to be repaired."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part or one matter. `value` is what was measured, `detail` what the unit said."""

    part: str
    level: Level
    code: str = ""
    detail: str = ""
    driver: str = ""
    value: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings; `well` when nothing is wrong."""

    device: str
    unit: str
    board: str
    firmware: str
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        return all(finding.level != Level.WRONG for finding in self.findings)

    def as_json(self) -> Json:
        return {**asdict(self), "well": self.well}


def diagnose(who: Json, status: Json, tests: list[Json], now_ms: int) -> Diagnosis:
    """Judge the answers to `who`, `status` and `self-test`; what is missing or odd in them is not known."""
    unit = _text(who, "unit")
    parts = [_part(test) for test in tests]
    seen = {(finding.part, finding.code) for finding in parts}
    standing = [f for f in _standing(status) if (f.part, f.code) not in seen]
    battery = _battery(status, unit)
    if battery:  # the same voltage, judged
        parts = [finding for finding in parts if finding.part != "battery" or finding.level != Level.OK]
    rest = [*battery, *_clock(status, now_ms), *_log(status), *_link(status)]
    return Diagnosis(
        device=_text(who, "device"),
        unit=unit,
        board=_text(who, "hw"),
        firmware=_text(who, "fw"),
        findings=(*parts, *standing, *rest),
    )


def _part(test: Json) -> Finding:
    part, driver = _text(test, "part"), _text(test, "driver")
    if test.get("ok") is not True:
        code = _text(test, "code") or "unknown"
        return Finding(part, Level.WRONG, code, _text(test, "detail"), driver)
    value = test.get("value")
    value = value if isinstance(value, dict) else {}
    if value.get("stable") is False:
        return Finding(part, Level.NOTE, "unstable", "", driver, value)
    return Finding(part, Level.OK, driver=driver, value=value)


def _standing(status: Json) -> list[Finding]:
    """Faults that the unit has raised and not cleared, each `part code`."""
    found = []
    for fault in _faults(status):
        part, _, code = fault.partition(" ")
        found.append(Finding(part, Level.WRONG, code or "unknown"))
    return found


def _battery(status: Json, unit: str) -> list[Finding]:
    mv = status.get("battery_mv")
    if not isinstance(mv, int):
        return []
    low = mv < LOW_BATTERY_MV.get(unit, 0)
    if "battery battery-low" in _faults(status):
        return []  # said already
    level = Level.WRONG if low else Level.OK
    return [Finding("battery", level, "battery-low" if low else "", value={"mv": mv})]


def _clock(status: Json, now_ms: int) -> list[Finding]:
    t, source = status.get("t"), _text(status, "clock")
    if source in ("", "none") or not isinstance(t, int):
        return [Finding("clock", Level.NOTE, "clock-not-set")]
    off_ms = t - now_ms
    if abs(off_ms) > CLOCK_OFF_MS:
        return [Finding("clock", Level.WRONG, "clock-off", value={"off_s": off_ms // 1000, "source": source})]
    return [Finding("clock", Level.OK, value={"source": source})]


def _log(status: Json) -> list[Finding]:
    log = status.get("log")
    if not isinstance(log, dict) or not all(isinstance(log.get(k), int) for k in ("head", "acked")):
        return []
    waiting = max(0, log["head"] - log["acked"])
    value = {"id": _text(log, "id"), "head": log["head"], "waiting": waiting}
    behind = waiting > LOG_BEHIND
    return [Finding("log", Level.NOTE if behind else Level.OK, "log-behind" if behind else "", value=value)]


def _link(status: Json) -> list[Finding]:
    link = status.get("link")
    if not isinstance(link, dict):
        return []
    error = _text(link, "error")
    value = {key: link[key] for key in ("connected", "rssi_dbm") if link.get(key) is not None}
    if not error:
        return [Finding("link", Level.OK, value=value)]
    code, _, detail = error.partition(": ")
    level = Level.WRONG if code in WRONG_LINKS else Level.NOTE
    return [
        Finding(
            "link", level, code if code.replace("-", "").isalnum() else "link-failed", detail, value=value
        )
    ]


def _faults(status: Json) -> list[str]:
    found = status.get("faults")
    return [str(fault) for fault in found] if isinstance(found, list) else []


def _text(source: Json, name: str) -> str:
    value = source.get(name)
    return value if isinstance(value, str) else ""
