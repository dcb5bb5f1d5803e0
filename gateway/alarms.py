"""Which of the gateway's own alarms stand: a pure fold over what is known of the gateway.

`conditions(facts)` finds what is so at this instant; `alarms(facts, standing)` adds what stood a moment ago,
so that each is raised after its on-delay and cleared after its off-delay (`gateway.alarm_codes`). One process
folds (the parent, gateway.watch) and leaves what stands in `alarms.json`; everybody else reads that.

A process raises a condition of its own by saying `"alarms": [{"code", "detail", "since_ms", "about"}]`
(`Condition`). Acknowledging and shelving (ISA-18.2) would be two more fields of `Alarm`, kept by the fold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.alarm_codes import Level, row

Facts = Mapping[str, Any]

BEHIND_S = 120.0  # a sink catches up in seconds; longer means that its server is away or too slow
STALE_S = 30.0  # a body that says nothing for so long hangs, though its process lives
MAX_DETAIL = 500
LOW_BYTES = 1 << 30  # free space below which a disk is nearly full, if it is also
LOW_SHARE = 0.05  # below this share of the disk
AHEAD_MS = 60_000  # a row may be dated this far ahead of the clock that reads it


class Condition(Struct, frozen=True):
    """Something that is so now. `about`: which one of several (a process, a sink, a device); may be empty."""

    code: str
    detail: str = ""
    since_ms: int | None = None
    about: str = ""


class Alarm(Struct, frozen=True):
    """A condition that stands. Times in ms since 1970 UTC; `seen_ms`: when it was last found to be so.

    `raised`: it has lasted for its on-delay; before that nobody is told.
    """

    code: str
    level: Level
    since_ms: int
    detail: str
    about: str = ""
    seen_ms: int = 0
    raised: bool = True

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.about


def alarms(facts: Facts, standing: Sequence[Alarm] | None = None) -> list[Alarm]:
    """What is to be told now, the worst first, then the oldest.

    `facts`: gateway.metrics.look; `standing`: what `fold` left a moment ago. Without it (nobody watches)
    everything that is so is told at once, since nobody knows for how long.
    """
    raised = [alarm for alarm in fold(facts, standing or ()) if alarm.raised or standing is None]
    return sorted(raised, key=lambda alarm: (alarm.level != "alarm", alarm.since_ms, alarm.key))


def fold(facts: Facts, standing: Sequence[Alarm] = ()) -> list[Alarm]:
    """What stands after this look, conditions that still wait for their on-delay among them."""
    now_ms = int(facts["now_ms"])
    before = {alarm.key: alarm for alarm in standing}
    found: dict[tuple[str, str], Alarm] = {}
    for condition in conditions(facts):
        key = condition.code, condition.about
        if key in found:
            continue
        told, stood = row(condition.code), before.get(key)
        since_ms = condition.since_ms if condition.since_ms is not None else now_ms
        if stood is not None:
            since_ms = min(since_ms, stood.since_ms)
        raised = (stood is not None and stood.raised) or now_ms - since_ms >= told.on_s * 1000
        detail = condition.detail[:MAX_DETAIL]
        found[key] = Alarm(condition.code, told.level, since_ms, detail, condition.about, now_ms, raised)
    for key, alarm in before.items():
        if key not in found and alarm.raised and 0 <= now_ms - alarm.seen_ms < row(alarm.code).off_s * 1000:
            found[key] = alarm
    return list(found.values())


def conditions(facts: Facts) -> Iterator[Condition]:
    """What is so at this instant, as the facts tell it."""
    processes: Mapping[str, Facts] = facts["processes"]
    yield from _processes(processes, int(facts["now_ms"]))
    for process in (*processes.values(), facts["supervisor"]):
        if process["up"]:
            yield from _said(process.get("alarms", ()))
    if "problem" in facts:
        yield Condition("store-unreadable", facts["problem"])
        return
    yield from _records(facts)
    yield from _store(facts)
    yield from _sinks(facts)
    page = facts["readers"].get("page")
    if page is not None and page["behind_s"] > BEHIND_S and facts["processes"]["web"]["up"]:
        yield Condition("page-behind", f"{page['behind_rows']} rows, {page['behind_s']:.0f} s")


def _processes(processes: Mapping[str, Facts], now_ms: int) -> Iterator[Condition]:
    for name, process in processes.items():
        if not process["up"]:
            yield Condition("process-down", process["state"], process.get("beat_ms"), name)
        elif now_ms - process.get("said_ms", now_ms) > STALE_S * 1000:
            detail = f"{name} lives, but has said nothing for {(now_ms - process['said_ms']) // 1000} s"
            yield Condition("intake-stalled" if name == "intake" else "process-down", detail, about=name)
        for station, state in process.get("stations", {}).items():
            if state.get("code"):
                yield Condition("station-away", f"{state['code']}: {state.get('detail', '')}", about=station)


def _said(said: Iterable[Any]) -> Iterator[Condition]:
    """Conditions that a process raises itself; what is malformed is its mistake and is left out."""
    for one in said:
        try:
            yield msgspec.convert(one, Condition)
        except msgspec.ValidationError:
            continue


def _records(facts: Facts) -> Iterator[Condition]:
    if not facts["sum_ok"]:
        records = facts["records"]
        total = sum(records["outcomes"].values())
        yield Condition("sum-wrong", f"{records['received']} received, {total} decided")


def _store(facts: Facts) -> Iterator[Condition]:
    journal, now_ms = facts["journal"], int(facts["now_ms"])
    if journal["gaps"]:
        devices = ", ".join(journal["gap_devices"])
        yield Condition("gap-open", f"{journal['gaps']} in the logs of {devices}", journal["gap_since_ms"])
    if journal["lost_24h"]:
        yield Condition("records-lost", f"{journal['lost_24h']} in 24 hours, {journal['lost']} in all")
    disk = facts.get("disk")
    if disk and disk["free_bytes"] < min(LOW_BYTES, disk["total_bytes"] * LOW_SHARE):
        detail = f"{disk['free_bytes'] / 1e6:,.0f} MB free of {disk['total_bytes'] / 1e9:,.0f} GB"
        yield Condition("disk-low", detail)
    newest_ms = journal["newest_ms"]
    if newest_ms is not None and newest_ms - now_ms > AHEAD_MS:
        ahead_s = (newest_ms - now_ms) // 1000
        yield Condition("clock-wrong", f"the newest record was received {ahead_s} s in the future")


def _sinks(facts: Facts) -> Iterator[Condition]:
    for name, sink in facts.get("sinks", {}).items():
        if sink["behind_s"] > BEHIND_S:
            since_ms = int(facts["now_ms"] - sink["behind_s"] * 1000)
            detail = f"{sink['behind_rows']} rows, {sink['behind_s'] / 60:.0f} min"
            yield Condition("sink-behind", detail, since_ms, name)
