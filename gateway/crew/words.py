"""What `huishou crew doctor` prints, in English and Chinese. Pure: a diagnosis in, lines out."""

from collections.abc import Iterator
from typing import Any

from gateway.crew.doctor import Diagnosis, Finding, Level
from gateway.device_codes import meaning

LANGUAGES = ("en", "zh-CN")

TEXTS: dict[str, tuple[str, str]] = {
    "head": (
        "{device} · {unit} · board {board} · firmware {firmware}",
        "{device} · {unit} · 主板 {board} · 固件 {firmware}",
    ),
    "asking": ("Asking {port} …", "正在询问 {port} …"),
    "testing": ("Trying each part (takes some seconds) …", "正在逐项自检（需要数秒）…"),
    "well": ("All is well: {count} parts and matters checked.", "一切正常：共检查 {count} 项。"),
    "wrong": ("{count} to repair.", "需要修复 {count} 项。"),
    "notes": ("{count} to know.", "需留意 {count} 项。"),
    "do": ("→ {text}", "→ {text}"),
    "unknown": ("It reports “{code}”.", "设备报告“{code}”。"),
    "unit.bin": ("bin", "回收箱"),
    "unit.truck": ("truck", "车辆"),
    "part.scale": ("scale", "秤"),
    "part.lock": ("lock", "锁"),
    "part.reader": ("card reader", "读卡器"),
    "part.ident": ("tag reader", "标签读头"),
    "part.ranger": ("fill sensor", "满溢传感器"),
    "part.display": ("display", "显示屏"),
    "part.battery": ("battery", "电池"),
    "part.solar_voltage": ("panel voltage", "光伏电压"),
    "part.solar_current": ("panel current", "光伏电流"),
    "part.temperature": ("temperature", "温度"),
    "part.wake": ("user button", "用户按键"),
    "part.thermostat": ("thermostat", "温控开关"),
    "part.service": ("service plug", "维护接口"),
    "part.gnss": ("satellite receiver", "卫星定位"),
    "part.lifter": ("lifter switch", "举升开关"),
    "part.clock": ("clock", "时钟"),
    "part.log": ("flash log", "闪存日志"),
    "part.link": ("connection", "网络连接"),
    "value.mass_g": ("{0:.2f} kg", "{0:.2f} kg"),
    "value.stable": ("at rest", "稳定"),
    "value.unstable": ("not at rest", "不稳定"),
    "value.distance_mm": ("{0} mm to the contents", "距内容物 {0} mm"),
    "value.mv": ("{0:.2f} V", "{0:.2f} V"),
    "value.temp_dc": ("{0:.1f} °C", "{0:.1f} °C"),
    "value.bolted": ("bolted", "已锁"),
    "value.unbolted": ("not bolted", "未锁"),
    "value.closed": ("door closed", "门已关"),
    "value.open": ("door open", "门开着"),
    "value.source": ("set by {0}", "来源 {0}"),
    "value.off_s": ("off by {0} s", "相差 {0} 秒"),
    "value.waiting": ("{0} records wait", "{0} 条待传"),
    "value.connected": ("connected", "已连接"),
    "value.unconnected": ("not connected now", "当前未连接"),
    "value.rssi_dbm": ("{0} dBm", "{0} dBm"),
    "error.no-port": (
        "{message}. Is the cable in, is it the right port, does another program hold it?",
        "{message}。请检查线缆、端口是否正确、是否被其他程序占用。",
    ),
    "error.port-lost": ("The line was lost: {message}. Plug in again.", "连接中断：{message}。请重新插入。"),
    "error.silent": (
        "{message}. Press the user button to wake the unit, check the cable, then try again.",
        "{message}。请按用户键唤醒设备、检查线缆后重试。",
    ),
    "error.garbled": (
        "The unit's answer to `{message}` cannot be understood. Is this a huishou unit of this version?",
        "无法理解设备对“{message}”的回答。请确认设备与版本。",
    ),
    "error.refused": ("The unit refused: {message}.", "设备拒绝：{message}。"),
}
_SIGNS = {Level.OK: "✓", Level.NOTE: "!", Level.WRONG: "✗"}
_INDENT = " " * 6


def text(key: str, lang: str, *values: Any, **named: Any) -> str:
    """One text in a language of LANGUAGES."""
    return TEXTS[key][LANGUAGES.index(lang)].format(*values, **named)


def error_text(code: str, message: str, lang: str) -> str:
    """Why the unit could not be talked to, and what to do."""
    if f"error.{code}" in TEXTS:
        return text(f"error.{code}", lang, message=message)
    known = meaning(code, lang)
    return " ".join(known) if known else text("error.refused", lang, message=f"{code}: {message}")


def lines(diagnosis: Diagnosis, lang: str) -> Iterator[tuple[Level | None, str]]:
    """The report, line by line, each with the level that may colour it (None: plain)."""
    unit = diagnosis.unit
    unit = text(f"unit.{unit}", lang) if f"unit.{unit}" in TEXTS else unit
    board, firmware = diagnosis.board or "?", diagnosis.firmware or "?"
    yield (
        None,
        text("head", lang, device=diagnosis.device or "?", unit=unit or "?", board=board, firmware=firmware),
    )
    yield None, ""
    for finding in sorted(diagnosis.findings, key=lambda f: list(_SIGNS).index(f.level), reverse=True):
        yield from _finding(finding, lang)
    yield None, ""
    wrong = sum(finding.level == Level.WRONG for finding in diagnosis.findings)
    notes = sum(finding.level == Level.NOTE for finding in diagnosis.findings)
    if wrong:
        yield Level.WRONG, text("wrong", lang, count=wrong)
    else:
        yield Level.OK, text("well", lang, count=len(diagnosis.findings))
    if notes:
        yield Level.NOTE, text("notes", lang, count=notes)


def _finding(finding: Finding, lang: str) -> Iterator[tuple[Level, str]]:
    value = ", ".join(_values(finding.value, lang))
    head = f"  {_SIGNS[finding.level]} {_part(finding.part, lang)}"
    if not finding.code:
        yield finding.level, f"{head}: {value}" if value else head
        return
    known = meaning(finding.code, lang)
    said = known[0] if known else text("unknown", lang, code=finding.code)
    extra = "; ".join(part for part in (finding.detail, value) if part)
    yield finding.level, f"{head}: {said} [{finding.code}]{f' {extra}' if extra else ''}"
    if known:
        yield finding.level, _INDENT + text("do", lang, text=known[1])


def _part(name: str, lang: str) -> str:
    key = f"part.{name.rstrip('0123456789')}"
    if key not in TEXTS:
        return name
    return f"{text(key, lang)} ({name})" if name[-1:].isdigit() else text(key, lang)


def _values(value: dict[str, Any], lang: str) -> Iterator[str]:
    """What was measured, in the units that people use."""
    scaled = {"mass_g": 1e-3, "mv": 1e-3, "temp_dc": 0.1}
    for name in ("mass_g", "mv", "temp_dc", "distance_mm", "source", "off_s", "waiting", "rssi_dbm"):
        found = value.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            yield text(f"value.{name}", lang, found * scaled[name] if name in scaled else found)
        elif name == "source" and isinstance(found, str):
            yield text("value.source", lang, found)
    for name, yes, no in (
        ("stable", "stable", "unstable"),
        ("bolted", "bolted", "unbolted"),
        ("closed", "closed", "open"),
        ("connected", "connected", "unconnected"),
    ):
        if isinstance(value.get(name), bool):
            yield text(f"value.{yes if value[name] else no}", lang)
