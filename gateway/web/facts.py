"""The facts of a device's page: label, value, and the time the value speaks of. Pure."""

from typing import Any

import msgspec

from gateway.devices import Device
from gateway.web.i18n import known, translator
from gateway.web.projection.model import METRICS, DeviceState, Slot, metric
from gateway.web.view import describe, kilograms, metric_text

_MOST = 4  # consumers that are named
BRIEF = ("fill_pct", "mass_g", "battery_mv", "temp_dc")


class Fact(msgspec.Struct, frozen=True):
    """`t_ms`: when it was so; `at_ms`: the value is itself a time (shown in the viewer's zone).

    `brief`: also in the short form on the map.
    """

    label: str
    value: str = ""
    t_ms: int | None = None
    at_ms: int | None = None
    brief: bool = False


def device_facts(
    device: Device, state: DeviceState | None, deposits: tuple[int, int], lang: str
) -> list[Fact]:
    """What is known of a device, in the order in which an operator asks."""
    t = translator(lang)
    facts = [Fact(t("fact.place"), _place(device))] if _place(device) else []
    if state is None:
        return facts
    facts += [Fact(t("fact.heard"), at_ms=state.heard_ms)] if state.heard_ms else []
    facts += _link(state, lang)
    facts += [*_metrics(device, state, lang), *_motion(state, lang)]
    if device.unit == "bin":
        value = t("fact.deposits.value", number=deposits[0], mass=kilograms(deposits[1]))
        facts.append(Fact(t("fact.deposits"), value, brief=True))
    facts += _latest(t("fact.last-deposit"), state.deposits, lang)
    facts += _latest(t("fact.last-collect"), state.collects, lang)
    for scale, slot in sorted(state.weighs.items()):
        masses = {name: kilograms(slot.value.get(f"{name}_g") or 0) for name in ("gross", "tare", "net")}
        value = t("fact.weigh.value", ident=slot.value.get("ident", "–"), **masses)
        facts.append(Fact(f"{t('fact.weigh')} ({scale})", value, slot.t, brief=True))
    for door, slot in sorted(state.doors.items()):
        cause = known(lang, "cause", slot.value["cause"]) if "cause" in slot.value else ""
        value = f"{known(lang, 'door', slot.value['state'])} {cause}".strip()
        facts.append(Fact(f"{t('fact.doors')} ({door})", value, slot.t))
    if state.boot is not None:
        facts.append(Fact(t("fact.boot"), describe(state.boot.value, lang), state.boot.t))
    return facts


def _place(device: Device) -> str:
    where = f"{device.lat:.5f}, {device.lon:.5f}" if device.lat is not None and device.lon is not None else ""
    return " · ".join(part for part in (device.site, where) if part)


def _link(state: DeviceState, lang: str) -> list[Fact]:
    t, link = translator(lang), state.link
    if link is None:
        return []
    facts = []
    if link.get("next") is not None:
        facts.append(Fact(t("fact.next"), at_ms=link["next"]))
    facts += _power(link, lang)
    if "fw" in link:
        facts.append(Fact(t("fact.firmware"), link["fw"]))
    log = {name: link[name] for name in ("log", "first", "head") if name in link}
    if len(log) == 3:
        key = "fact.log.value" if log["first"] <= log["head"] else "fact.log.empty"
        facts.append(Fact(t("fact.log"), t(key, **log)))
    return facts


def _power(link: dict[str, Any], lang: str) -> list[Fact]:
    """How sparing it is with its battery, what is left, what takes the most."""
    t, facts = translator(lang), []
    if "level" in link:
        facts.append(Fact(t("fact.level"), t(f"fact.level.{link['level']}"), brief=link["level"] != "normal"))
    if "charge_pct" in link:
        facts.append(Fact(t("fact.charge"), f"{link['charge_pct']} %"))
    used = {str(k): v for k, v in (link.get("used_mwh") or {}).items() if type(v) is int and v >= 0}
    if used:
        most = sorted(used.items(), key=lambda item: -item[1])[:_MOST]
        parts = ", ".join(f"{name} {mwh}" for name, mwh in most)
        facts.append(Fact(t("fact.used"), t("fact.used.value", total=sum(used.values()), parts=parts)))
    return facts


def _metrics(device: Device, state: DeviceState, lang: str) -> list[Fact]:
    t, facts = translator(lang), []
    for name in METRICS:
        for bay, slot in sorted(metric(state, name).items(), key=lambda item: item[0] or 0):
            label = t(f"metric.{name}")
            if bay is not None:
                known_bay = device.bay(bay)
                category = f" {known(lang, 'category', known_bay.category)}" if known_bay else ""
                label = f"{label} ({t('bay', bay=bay)}{category})"
            facts.append(Fact(label, metric_text(name, slot.value), slot.t, brief=name in BRIEF))
    return facts


def _motion(state: DeviceState, lang: str) -> list[Fact]:
    t, facts = translator(lang), []
    if state.position is not None:
        at = state.position.value
        where = f"{at['lat_e7'] / 1e7:.5f}, {at['lon_e7'] / 1e7:.5f}"
        facts.append(Fact(t("fact.position"), where, state.position.t))
        if "speed_cmps" in at:
            facts.append(
                Fact(t("fact.speed"), f"{at['speed_cmps'] * 0.036:.0f} km/h", state.position.t, brief=True)
            )
    inside = [name for name, slot in sorted(state.fences.items()) if slot.value["event"] == "enter"]
    if inside:
        facts.append(
            Fact(
                t("fact.inside"), ", ".join(inside), max(state.fences[name].t for name in inside), brief=True
            )
        )
    return facts


def _latest(label: str, slots: dict[str, Slot], lang: str) -> list[Fact]:
    if not slots:
        return []
    slot = max(slots.values(), key=lambda s: s.t)
    return [Fact(label, describe(slot.value, lang), slot.t, brief=True)]
