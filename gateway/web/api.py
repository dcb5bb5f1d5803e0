"""The HTTP API: devices, records as they were sent, health and metrics. JSON; errors carry a stable code.

Records are paged by a cursor in the journal's order: who keeps `next` misses none and reads none twice.
"""

import asyncio
import contextlib
import re
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gateway.devices import Device
from gateway.journal import JournalError, Outcome
from gateway.metrics import look
from gateway.metrics.prometheus import collectors
from gateway.readiness import readiness
from gateway.web.city import DAY_MS, City, now_ms
from gateway.web.errors import ApiError
from gateway.web.openapi import OPENAPI
from gateway.web.projection.concerns import concerns, status
from gateway.web.projection.model import Slot, metric

MAX_LIMIT = 1_000
SCAN_ROWS = 2_000  # rows of the journal that one request may look through
SERIES_KINDS = ("reading", "deposit", "collect", "position", "weigh")
_CURSOR = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")


class _Record(msgspec.Struct):
    """A record with what the gateway knows of it; `record` is the device's own text, byte for byte."""

    device: str
    log: str
    seq: int
    received_ms: int
    outcome: Outcome
    codes: tuple[str, ...]
    record: msgspec.Raw
    t_ms: int | None = None  # the gateway's time, where the record's own cannot be used


def answer(value: object, status_code: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code, media_type="application/json")


async def devices(request: Request) -> Response:
    """`GET /api/devices`"""
    found = await asyncio.to_thread(lambda: [_device(_city(request), d) for d in _city(request).devices])
    return answer({"now_ms": now_ms(), "devices": found})


async def device(request: Request) -> Response:
    """`GET /api/devices/{id}`"""
    found = _known(request)
    return answer(await asyncio.to_thread(_device, _city(request), found))


async def series(request: Request) -> Response:
    """`GET /api/devices/{id}/series?kind=reading&hours=168`: what the charts are drawn from."""
    found = _known(request)
    kind = request.query_params.get("kind", "reading")
    if kind not in SERIES_KINDS:
        raise ApiError(400, "bad-parameter", f"kind={kind!r}: expected one of {', '.join(SERIES_KINDS)}")
    hours = _number(request, "hours", 168, 1, 192)
    since_ms = now_ms() - hours * 3_600_000
    samples = await asyncio.to_thread(_city(request).reader.samples, found.id, kind, since_ms)
    points = [{"t_ms": sample.t, "record": msgspec.Raw(sample.record)} for sample in samples]
    return answer({"device": found.id, "kind": kind, "since_ms": since_ms, "points": points})


async def records(request: Request) -> Response:
    """`GET /api/records?device=&kind=&after=&limit=`"""
    limit = _number(request, "limit", 100, 1, MAX_LIMIT)
    after = request.query_params.get("after", "0")
    match = _CURSOR.fullmatch(after)
    if match is None:
        raise ApiError(400, "bad-parameter", f"after={after!r}: expected the `next` of an earlier answer")
    row, seq = int(match[1]), int(match[2]) if match[2] else None
    wanted = request.query_params.get("device"), request.query_params.get("kind")
    page = await asyncio.to_thread(_page, _city(request), row, seq, limit, *wanted)
    return answer(page)


async def healthz(request: Request) -> Response:
    """`GET /healthz`: this process works. `cursor` and `end` say how far its projection is."""
    city = _city(request)
    projector, end = city.projector, -1
    with contextlib.suppress(JournalError):
        end = await asyncio.to_thread(city.journal.end)
    body = {
        "status": "ok" if projector.alive else "failed",
        "projector": "running" if projector.alive else "ended",
        "cursor": projector.cursor,
        "end": end,
        "problem": projector.problem,
    }
    return answer(body, 200 if projector.alive else 503)


async def readyz(request: Request) -> Response:
    """`GET /readyz`: data is really taken: intake, broker and journal are well (gateway.readiness)."""
    found = readiness(await asyncio.to_thread(look, _city(request).config.store.path, now_ms()))
    body = {
        "status": "ready" if found.ready else "not-ready",
        "checks": found.checks,
        "reasons": found.reasons,
    }
    return answer(body, 200 if found.ready else 503)


async def gateway(request: Request) -> Response:
    """`GET /api/gateway`: how the gateway itself is: processes, counts, lags, alarms."""
    return answer(await asyncio.to_thread(look, _city(request).config.store.path, now_ms()))


async def metrics(request: Request) -> Response:
    """`GET /metrics`: Prometheus text format."""
    registry = CollectorRegistry()
    for collector in collectors(_city(request).config.store.path, _city(request).heard):
        registry.register(collector)
    text = await asyncio.to_thread(generate_latest, registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def openapi(request: Request) -> Response:  # noqa: ARG001
    """`GET /api/openapi.json`"""
    return answer(OPENAPI)


async def base_map(request: Request) -> Response:
    """The base map: GeoJSON from the configuration."""
    file = _city(request).config.web.map
    if file is None:
        return answer({"type": "FeatureCollection", "features": []})
    return FileResponse(file, media_type="application/geo+json")


ROUTES = [
    Route("/api/devices", devices),
    Route("/api/devices/{id}", device),
    Route("/api/devices/{id}/series", series),
    Route("/api/records", records),
    Route("/api/openapi.json", openapi),
    Route("/api/gateway", gateway),
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Route("/metrics", metrics),
]


def _city(request: Request) -> City:
    city: City = request.app.state.city
    return city


def _known(request: Request) -> Device:
    name = request.path_params["id"]
    found = _city(request).devices.get(name)
    if found is None:
        raise ApiError(404, "unknown-device", f"There is no device {name!r} in the list of devices.")
    return found


def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and low <= int(text[:12]) <= high):
        raise ApiError(400, "bad-parameter", f"{name}={text!r}: expected a whole number from {low} to {high}")
    return int(text)


def _device(city: City, found: Device) -> dict[str, Any]:
    state, now = city.state(found.id), now_ms()
    number, grams = city.deposits().get(found.id, (0, 0))
    view: dict[str, Any] = {
        "id": found.id,
        "unit": found.unit,
        "site": found.site,
        "name": {"en": found.name_en, "zh": found.name_zh},
        "lat": found.lat,
        "lon": found.lon,
        "bays": found.bays,
        "status": status(state, now),
        "concerns": [
            {
                "code": c.code,
                "level": c.level.name.lower(),
                "since_ms": c.since_ms,
                "about": c.about,
                "detail": c.detail,
            }
            for c in concerns(state, found, now)
        ],
        "deposits_24h": {"number": number, "net_g": grams, "within_ms": DAY_MS},
    }
    if state is None:
        return view
    return view | {
        "heard_ms": state.heard_ms,
        "link": state.link,
        "metrics": [
            {"name": name, "bay": bay, "value": slot.value, "t_ms": slot.t, "seq": slot.seq}
            for name in ("fill_pct", "mass_g", "battery_mv", "temp_dc", "solar_mw", "rssi_dbm")
            for bay, slot in metric(state, name).items()
        ],
        "position": _slot(state.position),
        "boot": _slot(state.boot),
        "doors": {name: _slot(slot) for name, slot in state.doors.items()},
        "fences": {name: _slot(slot) for name, slot in state.fences.items()},
        "faults": {name: _slot(slot) for name, slot in state.faults.items()},
        "deposits": {name: _slot(slot) for name, slot in state.deposits.items()},
        "collects": {name: _slot(slot) for name, slot in state.collects.items()},
        "weighs": {name: _slot(slot) for name, slot in state.weighs.items()},
    }


def _slot(slot: Slot | None) -> dict[str, Any] | None:
    return None if slot is None else {"t_ms": slot.t, "log": slot.log, "record": slot.value}


def _page(
    city: City, after_row: int, after_seq: int | None, limit: int, device: str | None, kind: str | None
) -> dict[str, Any]:
    """Records behind a cursor. `row-seq` says: within that row, go on behind that number."""
    found: list[_Record] = []
    kinds = msgspec.json.Decoder(dict[str, Any])
    rows = city.journal.read(after_row - 1 if after_seq is not None else after_row, SCAN_ROWS, device)
    cursor = f"{after_row}-{after_seq}" if after_seq is not None else str(after_row)
    for row in rows:
        for stored in row.records():
            if row.id == after_row and after_seq is not None and stored.seq <= after_seq:
                continue
            if len(found) == limit:
                return {"records": found, "next": cursor, "more": True}
            cursor = f"{row.id}-{stored.seq}"
            if kind is None or _kind(kinds, stored.raw) == kind:
                found.append(
                    _Record(
                        row.device,
                        row.log,
                        stored.seq,
                        row.received_ms,
                        stored.outcome,
                        stored.codes,
                        msgspec.Raw(stored.raw),
                        stored.t_ms,
                    )
                )
        cursor = str(row.id)
    return {"records": found, "next": cursor, "more": len(rows) == SCAN_ROWS}


def _kind(decoder: "msgspec.json.Decoder[dict[str, Any]]", raw: bytes) -> object:
    try:
        return decoder.decode(raw).get("kind")
    except msgspec.DecodeError:
        return None
