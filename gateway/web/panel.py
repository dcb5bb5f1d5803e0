"""What the gateway's page shows: stages on a record's way, the sum, silence, processes. Pure."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway.metrics.freshness import Heard, freshness
from gateway.web.health import Facts, alarm_views, bytes_text, delay_text, span_text
from gateway.web.i18n import known, translator
from gateway.web.view import View

SHOWN_LIMITS_S = (3_600, 86_400)
OUTCOMES = ("accepted", "flagged", "quarantined", "duplicate")
STAGE_OF = {
    "broker-away": "broker",
    "broker-refused": "broker",
    "session-taken": "broker",
    "intake-silent": "broker",
    "intake-stalled": "intake",
    "device-floods": "intake",
    "station-away": "intake",
    "gap-open": "journal",
    "records-lost": "journal",
    "sum-wrong": "journal",
    "disk-low": "journal",
    "row-damaged": "journal",
    "quarantine-overflow": "journal",
    "store-unreadable": "journal",
    "page-behind": "page",
}  # of the others by the first word; of process-down by the process
MOODS = ("fine", "odd", "bad")


class Stage(NamedTuple):
    """One card: `mood` is one of MOODS or `unknown`; `facts` are (label, value).

    `next`: what the card before gives goes on to this one (the journal's readers stand side by side).
    """

    title: str
    mood: str
    state: str
    facts: list[tuple[str, str]]
    next: bool = True


def panel(
    facts: Facts, rates: tuple[float, float] | None, heard: Iterable[Heard], cursor: int, lang: str
) -> View:
    """All that changes. `rates`: records and messages a second; `cursor`: the page's own."""
    found: View = {
        "alarms": alarm_views(facts, lang),
        "processes": _processes(facts, lang),
        "fresh": _fresh(heard, facts["now_ms"], lang),
        "limits": [span_text(limit, lang) for limit in SHOWN_LIMITS_S],
        "problem": facts.get("problem", ""),
        "stages": [],
        "sum": None,
    }
    if "problem" in facts:
        return found
    records = facts["records"]
    found["sum"] = {
        "received": f"{records['received']:,}",
        "parts": [
            (known(lang, "outcome", name), f"{records['outcomes'][name]:,}", name) for name in OUTCOMES
        ],
        "ok": facts["sum_ok"],
    }
    moods = _moods(facts)
    readers = [_sink(name, sink, moods, lang) for name, sink in sorted(facts["sinks"].items())]
    readers.append(_page(facts, cursor, moods, lang))
    found["stages"] = [
        _broker(facts, rates, moods, lang)._replace(next=False),
        _intake(facts, rates, moods, lang),
        _journal(facts, moods, lang),
        readers[0],
        *(reader._replace(next=False) for reader in readers[1:]),
    ]
    return found


def _moods(facts: Facts) -> dict[str, int]:
    """How bad the worst alarm of each stage is."""
    moods: dict[str, int] = {}
    for alarm in facts["alarms"]:
        level = 2 if alarm["level"] == "alarm" else 1
        for stage in _stages(alarm):
            moods[stage] = max(moods.get(stage, 0), level)
    return moods


def _stages(alarm: dict[str, Any]) -> list[str]:
    code, about = alarm["code"], alarm["about"]
    if code in ("process-down", "process-restarts"):
        return {"intake": ["intake"], "web": ["page"], "writer": ["sink"]}.get(about, [])
    if code.startswith(("sink-", "line-")):
        return [f"sink {about}" if about else "sink"]
    if code.startswith(("journal-", "retention-")):
        return ["journal"]
    return [STAGE_OF[code]] if code in STAGE_OF else []


def _stage(key: str, title: str, moods: dict[str, int], lang: str, facts: list[tuple[str, str]]) -> Stage:
    worst = max(moods.get(key, 0), moods.get("sink", 0) if key.startswith("sink") else 0)
    mood = MOODS[worst]
    return Stage(title, mood, translator(lang)(f"gateway.{mood}"), [fact for fact in facts if fact[1]])


def _broker(facts: Facts, rates: tuple[float, float] | None, moods: dict[str, int], lang: str) -> Stage:
    t, intake = translator(lang), facts["processes"]["intake"]
    broker = intake.get("broker") or {}
    subscribed = t("yes") if intake["up"] and broker.get("subscribed") else t("no")
    found = [
        (t("gateway.messages"), _rate(rates[1] if rates else None, lang)),
        (t("gateway.subscribed"), subscribed),
    ]
    if intake.get("reconnects") is not None:
        found.append((t("gateway.reconnects"), f"{intake['reconnects']:,}"))
    if not intake["up"]:
        return Stage(t("gateway.stage.broker"), "unknown", t("gateway.unknown"), found[:1])
    return _stage("broker", t("gateway.stage.broker"), moods, lang, found)


def _intake(facts: Facts, rates: tuple[float, float] | None, moods: dict[str, int], lang: str) -> Stage:
    t, intake = translator(lang), facts["processes"]["intake"]
    delays = intake.get("delays", {})
    found = [
        (t("gateway.records"), _rate(rates[0] if rates else None, lang)),
        (t("gateway.waiting"), f"{intake['queue']:,}" if "queue" in intake else ""),
        (t("gateway.put-off"), f"{intake['deferred']:,}" if intake.get("deferred") else ""),
        (t("gateway.to-disk"), delay_text(delays.get("receive_journal"), lang)),
        (t("gateway.from-device"), delay_text(delays.get("device_journal"), lang)),
    ]
    return _stage("intake", t("gateway.stage.intake"), moods, lang, found)


def _journal(facts: Facts, moods: dict[str, int], lang: str) -> Stage:
    t, journal, disk = translator(lang), facts["journal"], facts["disk"]
    lost = t("gateway.lost.value", all=f"{journal['lost']:,}", day=f"{journal['lost_24h']:,}")
    found = [
        (t("gateway.size"), bytes_text(journal["bytes"])),
        (t("gateway.free"), bytes_text(disk["free_bytes"]) if disk else ""),
        (t("gateway.gaps"), f"{journal['gaps']:,}"),
        (t("gateway.lost"), lost if journal["lost"] else "0"),
    ]
    return _stage("journal", t("gateway.stage.journal"), moods, lang, found)


def _sink(name: str, sink: Facts, moods: dict[str, int], lang: str) -> Stage:
    t = translator(lang)
    found = [
        (t("gateway.lines"), f"{sink['lines']:,}"),
        (t("gateway.refused"), f"{sink['refused']:,}"),
        (t("gateway.behind"), _behind(sink["behind_rows"], sink["behind_s"], lang)),
        (t("gateway.to-sink"), delay_text(sink.get("delay"), lang)),
    ]
    return _stage(f"sink {name}", name, moods, lang, found)


def _page(facts: Facts, cursor: int, moods: dict[str, int], lang: str) -> Stage:
    t = translator(lang)
    rows = max(0, facts["journal"]["end"] - cursor)
    found = [(t("gateway.behind"), f"{rows:,}" if rows else t("gateway.behind.none"))]
    return _stage("page", t("gateway.stage.page"), moods, lang, found)


def _behind(rows: int, seconds: float, lang: str) -> str:
    t = translator(lang)
    if not rows:
        return t("gateway.behind.none")
    return t("gateway.behind.value", rows=f"{rows:,}", span=span_text(seconds, lang))


def _rate(per_s: float | None, lang: str) -> str:
    if per_s is None:
        return ""
    digits = 0 if per_s >= 100 else 1
    return translator(lang)("gateway.per-second", n=f"{per_s:,.{digits}f}")


def _fresh(heard: Iterable[Heard], now_ms: int, lang: str) -> list[View]:
    return [
        {
            "unit": known(lang, "unit", unit),
            "devices": f"{found.devices:,}",
            "heard": f"{found.heard:,}",
            "longest": span_text(found.max_s, lang) if found.heard else "–",
            "over": [f"{found.stale[limit]:,}" for limit in SHOWN_LIMITS_S],
        }
        for unit, found in freshness(heard, now_ms).items()
    ]


def _processes(facts: Facts, lang: str) -> list[View]:
    t, supervisor = translator(lang), facts["supervisor"]
    children = supervisor.get("children", {})
    rows = dict(facts["processes"])
    if supervisor["up"]:
        rows["gateway"] = supervisor
    found = []
    for name, process in rows.items():
        age_s = max(0.001, (facts["now_ms"] - process.get("started_ms", facts["now_ms"])) / 1000)
        told = process["up"] and "cpu_s" in process
        share = f"{100 * process['cpu_s'] / age_s:.1f}" if told else ""
        found.append(
            {
                "name": known(lang, "process", name),
                "up": process["up"],
                "state": t("gateway.up") if process["up"] else t("gateway.down"),
                "says": str(process.get("state", ""))[:200],
                "uptime": span_text(age_s, lang) if told else "–",
                "cpu": f"{share}\u00a0%" if told else "–",
                "memory": bytes_text(process["rss_bytes"]) if told else "–",
                "restarts": f"{children[name]['restarts']:,}" if name in children else "–",
            }
        )
    return found
