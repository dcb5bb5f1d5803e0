"""The web application: only wiring. What a request passes is read from top to bottom in `create_app`."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from gateway.config import Config
from gateway.journal import JournalError
from gateway.logs import ERROR, Event
from gateway.web import api, pages
from gateway.web.assets import Assets
from gateway.web.city import City
from gateway.web.errors import ApiError, api_error
from gateway.web.gate import Gate
from gateway.web.passwords import Users
from gateway.web.security import SecurityHeaders
from gateway.web.sessions import LoginLimit, Sessions, session_key

_FAILED = Event(
    "request-failed",
    "{method} {path} failed",
    level=ERROR,
    doc="A fault of the page; the traceback follows. Report it.",
)


def create_app(config: Config, assets: Assets | None = None) -> Starlette:
    """The application over one store. Raises AssetsError when the front end was not built."""
    assets = assets or Assets()
    config.store.path.mkdir(parents=True, exist_ok=True)
    users = Users(config.web.users, config.web.password_file)
    sessions = Sessions(session_key(config.store.path), users)
    city = City(config)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001
        async with city.running():
            yield

    app = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=assets.directory), name="static"),
            Route("/", pages.city, name="city"),
            Route("/login", pages.login, methods=["GET", "POST"], name="login"),
            Route("/logout", pages.logout, methods=["POST"], name="logout"),
            Route("/language", pages.language, methods=["POST"], name="language"),
            Route("/devices/{id}", pages.device, name="device"),
            Route("/devices/{id}/now", pages.device_now, name="device_now"),
            Route("/devices/{id}/card", pages.device_card, name="device_card"),
            Route("/records", pages.records, name="records"),
            Route("/refused", pages.refused, name="refused"),
            Route("/gateway", pages.gateway, name="gateway"),
            Route("/gateway/now", pages.gateway_now, name="gateway_now"),
            Route("/map.geojson", api.base_map, name="map"),
            WebSocketRoute("/live", pages.live, name="live"),
            *api.ROUTES,
        ],
        # Outermost first: every answer, refusals too, carries the headers; pages are behind the gate.
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(GZipMiddleware, minimum_size=1_000),
            Middleware(Gate, users=users, sessions=sessions),
        ],
        exception_handlers={
            ApiError: _api_error,
            JournalError: _store_error,
            HTTPException: _http_error,
            Exception: _failure,
        },
        lifespan=lifespan,
        max_body_size=16_384,
    )
    app.state.city = city
    app.state.users = users
    app.state.sessions = sessions
    app.state.limit = LoginLimit()
    app.state.templates = pages.templates(assets)
    return app


async def _api_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, ApiError)  # noqa: S101 - the table above says so
    return api_error(error.status, error.code, error.message)


async def _store_error(request: Request, error: Exception) -> Response:
    """The journal cannot be read now: the projector, which also reads it, has logged why."""
    if request.url.path.startswith("/api/"):
        return api_error(503, JournalError.code, str(error))
    return pages.error_page(request, 503)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if request.url.path.startswith("/api/"):
        return api_error(error.status_code, "not-found" if error.status_code == 404 else "http", error.detail)
    return pages.error_page(request, error.status_code)


async def _failure(request: Request, error: Exception) -> Response:
    _FAILED(method=request.method, path=request.url.path, error=error)
    if request.url.path.startswith("/api/"):
        return api_error(500, "failed", "The gateway could not answer; its log says why.")
    return pages.error_page(request, 500)
