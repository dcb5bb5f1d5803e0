"""The pages for people, and the live connection of each. HTML is made here; scripts only keep it fresh."""

import asyncio
import math
import sqlite3
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import jinja2
import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket

from gateway.codes import CODES
from gateway.contract_types import KINDS
from gateway.device_codes import meaning
from gateway.devices import Device
from gateway.journal import Counters
from gateway.web import i18n
from gateway.web.asked import SHOWN, asked_view
from gateway.web.assets import Assets
from gateway.web.city import City, now_ms
from gateway.web.facts import device_facts
from gateway.web.live import Page
from gateway.web.panel import panel
from gateway.web.projection.concerns import concerns
from gateway.web.projection.model import DeviceState
from gateway.web.projection.store import Recent
from gateway.web.sessions import COOKIE, LIFETIME_S
from gateway.web.text import printable
from gateway.web.view import concern_text, describe, device_name, total_mass

PAGE_ROWS = 50
MAX_SHOWN_BYTES = 2_048
TZ_COOKIE = "huishou_tz"  # set by the page's script; the server needs it to know when today began
YEAR_S = 365 * 86_400


def templates(assets: Assets) -> Jinja2Templates:
    """The template engine; everything is escaped, an unknown name is an error."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals["assets"] = assets
    env.filters["utc"] = _utc
    return Jinja2Templates(env=env)


def render(request: Request, name: str, status_code: int = 200, /, **values: Any) -> Response:
    """A page or a fragment in the language of the request."""
    lang = i18n.language(request)
    engine: Jinja2Templates = request.app.state.templates
    context = {
        "lang": lang,
        "t": i18n.translator(lang),
        "known": lambda prefix, word: i18n.known(lang, prefix, word),
        "reason": lambda code: i18n.reason(lang, code),
        "total": total_mass,
        "words": i18n.script_messages(lang),
        "user": request.scope.get("user"),
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "now_ms": now_ms(),
    }
    return engine.TemplateResponse(request, name, {**context, **values}, status_code)


def error_page(request: Request, status_code: int) -> Response:
    key = {404: "error.404", 405: "error.404", 503: "health.store"}.get(status_code, "error.500")
    return render(request, "error.html", status_code, key=key)


async def city(request: Request) -> Response:
    lang, found = i18n.language(request), _city(request)
    devices = await asyncio.to_thread(found.summaries, lang)
    counts = await asyncio.to_thread(found.counts, _tz(request))
    has_map = found.config.web.map is not None
    warnings = await asyncio.to_thread(found.warnings, lang)
    return render(request, "city.html", devices=devices, counts=counts, warnings=warnings, has_map=has_map)


async def device(request: Request) -> Response:
    found = _device(request)
    if found is None:
        return render(
            request, "error.html", 404, key="device.unknown", values={"id": request.path_params["id"]}
        )
    return render(request, "device.html", **await asyncio.to_thread(_device_view, request, found))


async def device_now(request: Request) -> Response:
    """The part of a device's page that changes; fetched again when the live connection says so."""
    found = _device(request)
    if found is None:
        return error_page(request, 404)
    return render(request, "_device_now.html", **await asyncio.to_thread(_device_view, request, found))


async def device_card(request: Request) -> Response:
    """A short form for the map."""
    found = _device(request)
    if found is None:
        return error_page(request, 404)
    view = await asyncio.to_thread(_device_view, request, found)
    brief = [fact for fact in view["facts"] if fact.brief]
    return render(request, "_device_card.html", **{**view, "facts": brief})


async def records(request: Request) -> Response:
    lang, query = i18n.language(request), request.query_params
    wanted = {name: query.get(name, "").strip() or None for name in ("device", "kind", "outcome")}
    before = query.get("before", "")
    found = await asyncio.to_thread(
        lambda: _city(request).reader.recent(
            **wanted,
            before=int(before) if before.isascii() and before.isdigit() else None,
            limit=PAGE_ROWS + 1,
        )
    )
    rows = [_row(_city(request), record, lang) for record in found[:PAGE_ROWS]]
    older = None
    if len(found) > PAGE_ROWS:
        older = _address("/records", {**wanted, "before": str(rows[-1]["pos"])})
    counters = await asyncio.to_thread(_city(request).journal.counters)
    return render(
        request,
        "records.html",
        sums=_sums(counters),
        rows=rows,
        wanted=wanted,
        kinds=list(KINDS),
        older=older,
        first=not before,
        newest=_address("/records", wanted),
    )


async def refused(request: Request) -> Response:
    lang, query, found = i18n.language(request), request.query_params, _city(request)
    code, before = query.get("code") or None, query.get("before", "")
    page = await asyncio.to_thread(
        found.journal.quarantine,
        int(before) if before.isascii() and before.isdigit() else None,
        PAGE_ROWS + 1,
        code,
    )
    counters = await asyncio.to_thread(found.journal.counters)
    by_code = {
        name: count
        for (outcome, name), count in counters.outcomes.items()
        if outcome == "quarantined" and count
    }
    entries = []
    for entry in page[:PAGE_ROWS]:
        sender = found.devices.get(entry.device)
        entries.append(
            {
                "entry": entry,
                "name": device_name(sender, lang) if sender else entry.device,
                "known": sender is not None,
                "shown": printable(entry.body[:MAX_SHOWN_BYTES]),
                "cut": entry.size > MAX_SHOWN_BYTES,
            }
        )
    older = None
    if len(page) > PAGE_ROWS:
        older = _address("/refused", {"code": code, "before": str(page[PAGE_ROWS - 1].id)})
    return render(
        request,
        "refused.html",
        entries=entries,
        by_code=dict(sorted(by_code.items())),
        code=code,
        older=older,
        codes=CODES,
        shown_bytes=MAX_SHOWN_BYTES,
    )


async def gateway(request: Request) -> Response:
    """How the gateway itself is."""
    return render(request, "gateway.html", panel=await asyncio.to_thread(_panel, request))


async def gateway_now(request: Request) -> Response:
    """The part of it that changes."""
    return render(request, "_gateway_now.html", panel=await asyncio.to_thread(_panel, request))


async def login(request: Request) -> Response:
    state = request.app.state
    target = _own_path(request.query_params.get("next", "/"))
    if request.method == "GET":
        problem = "" if state.users.names() else "nobody"
        return render(request, "login.html", name="", problem=problem, wait=0, target=target)
    form = await _form(request)
    name, password = form.get("name", "").strip()[:64], form.get("password", "")
    keys = [f"at {request.client.host if request.client else '?'}", f"as {name}"]
    wait = state.limit.wait_s(keys, time.time())
    if wait:
        page = render(request, "login.html", 429, name=name, problem="wait", wait=wait, target=target)
        page.headers["retry-after"] = str(wait)
        return page
    state.limit.failed(keys, time.time())  # counted before the slow check, so that parallel tries count too
    if not await asyncio.to_thread(state.users.check_password, name, password):
        return render(request, "login.html", 403, name=name, problem="wrong", wait=0, target=target)
    state.limit.succeeded(keys)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        state.sessions.issue(name, time.time()),
        max_age=LIFETIME_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def logout(request: Request) -> Response:
    request.app.state.sessions.end(request.cookies.get(COOKIE, ""), time.time())
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


async def language(request: Request) -> Response:
    form = await _form(request)
    chosen = form.get("lang", "")
    answer = RedirectResponse(_own_path(form.get("next", "/")), 303)
    if chosen in i18n.LANGUAGES:
        answer.set_cookie(i18n.COOKIE, chosen, max_age=YEAR_S, samesite="lax")
    return answer


async def live(socket: WebSocket) -> None:
    found: City = socket.app.state.city
    sessions, cookie, name = socket.app.state.sessions, socket.cookies.get(COOKIE, ""), socket.scope["user"]

    def welcome() -> bool:
        by_session = sessions.check(cookie, time.time()) is not None
        return by_session or (not cookie and name in socket.app.state.users.names())

    await found.hub.serve(socket, Page(i18n.language(socket), _tz(socket), welcome), found.compose)


def _city(request: Request) -> City:
    found: City = request.app.state.city
    return found


def _device(request: Request) -> Device | None:
    return _city(request).devices.get(request.path_params["id"])


def _device_view(request: Request, found: Device) -> dict[str, Any]:
    lang, whole = i18n.language(request), _city(request)
    state = whole.state(found.id)
    return {
        "device": found,
        "view": whole.summary(found, lang),
        "state": state,
        "concerns": [
            (c, concern_text(c, lang), (meaning(c.code, lang) or ("", ""))[1])
            for c in concerns(state, found, now_ms())
        ],
        "facts": device_facts(found, state, whole.deposits().get(found.id, (0, 0)), lang),
        "rows": [_row(whole, record, lang) for record in whole.reader.events(20, found.id)],
        "asked": None if found.unit == "station" else _asked(whole, found.id, state, lang),
    }


def _asked(whole: City, device: str, state: DeviceState | None, lang: str) -> dict[str, Any]:
    """Commands and settings; `problem` when they cannot be read: that takes nothing else from the page."""
    try:
        commands, wanted = whole.commands.commands(device, SHOWN + 1), whole.commands.desired(device)
    except sqlite3.Error as err:
        return {**asked_view([], None, state, lang), "problem": printable(str(err))}
    return {**asked_view(commands, wanted[0] if wanted else None, state, lang), "problem": ""}


def _panel(request: Request) -> dict[str, Any]:
    found = _city(request)
    heard, cursor = found.heard(), found.projector.cursor
    return panel(found.look(), found.rates.per_s(), heard, cursor, i18n.language(request))


def _sums(counters: Counters) -> dict[str, Any]:
    """What arrived and what became of it, since the journal began."""
    numbers: Counter[str] = Counter(dict.fromkeys(("accepted", "flagged", "quarantined", "duplicate"), 0))
    for (outcome, _code), count in counters.outcomes.items():
        numbers[outcome] += count
    shown = {name: f"{count:,}" for name, count in {**numbers, "received": counters.received}.items()}
    return {"numbers": shown, "agree": numbers.total() == counters.received}


def _row(whole: City, record: Recent, lang: str) -> dict[str, Any]:
    device = whole.devices.get(record.device)
    try:
        decoded = msgspec.json.decode(record.record)
    except msgspec.DecodeError:
        decoded = None
    usable = record.outcome != "quarantined" and isinstance(decoded, dict)
    return {
        "pos": record.pos,
        "received_ms": record.received_ms,
        "t": record.t,
        "device": record.device,
        "name": device_name(device, lang) if device else record.device,
        "kind": record.kind,
        "outcome": record.outcome,
        "codes": record.codes,
        "seq": record.seq,
        "log": record.log,
        "text": describe(decoded, lang) if usable else "",
        "exact": printable(record.record),
    }


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small URL-encoded form (the application bounds the body's size)."""
    return dict(
        parse_qsl(
            (await request.body()).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20
        )
    )


def _tz(connection: HTTPConnection) -> str:
    return unquote(connection.cookies.get(TZ_COOKIE, "UTC"))[:64]


def _utc(ms: float) -> str:
    """ISO 8601, for the `datetime` attribute."""
    if not math.isfinite(ms) or not 0 <= ms < 2.5e14:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _address(path: str, query: dict[str, str | None]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _own_path(target: str) -> str:
    """Only a path of this gateway: an open redirect would help a phisher."""
    own = (
        target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    )
    return target if own else "/"
