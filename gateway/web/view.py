"""How a device and a record are shown: plain values and sentences for templates and live updates. Pure."""

from typing import Any

from gateway.device_codes import meaning
from gateway.devices import Device
from gateway.web.i18n import known, translator
from gateway.web.projection.concerns import Concern, concerns, level, status
from gateway.web.projection.model import METRICS, DeviceState, Record, metric

View = dict[str, Any]


def summary(
    device: Device, state: DeviceState | None, deposits: tuple[int, int], now_ms: int, lang: str
) -> View:
    """What the map and the list show of one device. Times in ms since 1970, degrees WGS 84.

    `deposits`: number and grams of the last 24 hours. `level`: 0 normal, 1 plan for it, 2 act now.
    """
    found = concerns(state, device, now_ms)
    worst = found[0] if found and found[0].level else None
    view: View = {
        "id": device.id,
        "unit": device.unit,
        "name": device_name(device, lang),
        "site": device.site,
        "lat": device.lat,
        "lon": device.lon,
        "status": status(state, now_ms),
        "level": int(level(found)),
        "why": concern_text(worst, lang) if worst else "",
        "heard_ms": state.heard_ms if state else 0,
        "fill_pct": _most(state, "fill_pct"),
        "mass_g": _sum(state, "mass_g"),
        "deposits": deposits[0],
        "deposits_g": deposits[1],
    }
    if state is not None and state.position is not None:
        at = state.position.value
        view |= {"lat": at["lat_e7"] / 1e7, "lon": at["lon_e7"] / 1e7, "at_ms": state.position.t}
        if "course_cdeg" in at:
            view["course_deg"] = at["course_cdeg"] / 100
        if "speed_cmps" in at:
            view["speed_kmh"] = round(at["speed_cmps"] * 0.036, 1)
    return view


def device_name(device: Device, lang: str) -> str:
    """The name in this language, else in the other, else the id."""
    names = (device.name_zh, device.name_en) if lang == "zh-CN" else (device.name_en, device.name_zh)
    return next((name for name in names if name), device.id)


def concern_text(concern: Concern, lang: str) -> str:
    """One concern in words, with the part it is about."""
    text = fault_name(concern.code, lang)
    if not concern.about:
        return text
    about = known(lang, "part", concern.about.rstrip("0123456789"))
    if concern.about.isdigit():
        about = translator(lang)("bay", bay=concern.about)
    return translator(lang)("concern.about", about=about, text=text)


def fault_name(code: str, lang: str) -> str:
    """What a device's fault code means, in a few words; the code when it is not known."""
    row = meaning(code, lang)
    return row[0].rstrip(".。") if row else known(lang, "concern", code)


def kilograms(grams: int) -> str:
    """One mass as people read it: `1.25 kg` (with a space that does not break)."""
    digits = 2 if abs(grams) < 100_000 else 1
    return f"{grams / 1000:,.{digits}f}\u00a0kg"


def total_mass(grams: int) -> str:
    """A sum of masses, in tonnes from one tonne on."""
    return kilograms(grams) if abs(grams) < 1_000_000 else f"{grams / 1e6:,.2f}\u00a0t"


def describe(record: Record, lang: str) -> str:
    """What a record says, in one short line."""
    t = translator(lang)
    match record.get("kind"):
        case "deposit":
            text = t(
                "say.deposit",
                category=known(lang, "category", record["category"]),
                mass=kilograms(record["net_g"]),
            )
            return text + (t("say.below-min") if record.get("below_min") else "")
        case "collect":
            category = known(lang, "category", record["category"])
            return t("say.collect", category=category, mass=kilograms(record["net_g"]))
        case "weigh":
            return t("say.weigh", mass=kilograms(record["net_g"]), ident=record.get("ident", "–"))
        case "door":
            cause = known(lang, "cause", record["cause"]) if "cause" in record else ""
            return t(
                "say.door", door=record["door"], state=known(lang, "door", record["state"]), cause=cause
            ).strip()
        case "fence":
            return t("say.fence", fence=record["fence"], event=known(lang, "fence", record["event"]))
        case "fault":
            state = known(lang, "fault", record["state"])
            return t("say.fault", part=record["part"], code=fault_name(record["code"], lang), state=state)
        case "session":
            return t("say.session", bay=record["bay"], outcome=known(lang, "session", record["outcome"]))
        case "boot":
            why = known(lang, "boot", record.get("reason", "–"))
            if record.get("breadcrumb"):
                why += f" ({record['breadcrumb']})"
            return t("say.boot", reason=why, fw=record.get("fw", "–"))
        case "position":
            speed = f"{record['speed_cmps'] * 0.036:.0f} km/h · " if "speed_cmps" in record else ""
            return f"{speed}{record['lat_e7'] / 1e7:.5f}, {record['lon_e7'] / 1e7:.5f}"
        case "reading":
            found = [metric_text(name, record[name]) for name in METRICS if name in record]
            return " · ".join([t("bay", bay=record["bay"]), *found] if "bay" in record else found)
    return ""


def metric_text(name: str, value: int) -> str:
    """A measured value with its unit."""
    match name:
        case "fill_pct":
            return f"{value}\u00a0%"
        case "mass_g":
            return kilograms(value)
        case "battery_mv":
            return f"{value / 1000:.2f}\u00a0V"
        case "temp_dc":
            return f"{value / 10:.1f}\u00a0°C"
        case "solar_mw":
            return f"{value / 1000:.1f}\u00a0W"
        case "rssi_dbm":
            return f"{value}\u00a0dBm"
    return str(value)


def _most(state: DeviceState | None, name: str) -> int | None:
    found = metric(state, name) if state else {}
    return max((slot.value for slot in found.values()), default=None)


def _sum(state: DeviceState | None, name: str) -> int | None:
    found = metric(state, name) if state else {}
    of_bays = [slot.value for bay, slot in found.items() if bay is not None]
    whole = [found[None].value] if None in found else []
    return sum(of_bays or whole) if found else None
