"""The gate: who gets in. Everything needs a session or a bearer token, except OPEN and LOOPBACK_OPEN.

One middleware before the router, so that a new page is closed unless someone opens it here.
"""

import time
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.web.errors import api_error
from gateway.web.passwords import Users
from gateway.web.security import is_loopback, same_origin
from gateway.web.sessions import COOKIE, Sessions

OPEN = ("/login", "/language", "/static/")
LOOPBACK_OPEN = ("/healthz", "/readyz", "/metrics")  # a scraper on the same machine needs no token
NO_CHANGE = ("GET", "HEAD", "OPTIONS")


class Gate:
    """Lets a request through with `scope["user"]` set, or answers it."""

    def __init__(self, app: ASGIApp, *, users: Users, sessions: Sessions) -> None:
        self.app = app
        self._users = users
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        program = self._program(connection)
        scope["user"] = program or self._person(connection)
        refusal = self._refusal(connection, by_token=program is not None)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not authorised"})
        else:
            await refusal(scope, receive, send)

    def _person(self, connection: HTTPConnection) -> str | None:
        return self._sessions.check(connection.cookies.get(COOKIE, ""), time.time())

    def _program(self, connection: HTTPConnection) -> str | None:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        return self._users.check_token(token.strip()) if scheme.lower() == "bearer" else None

    def _refusal(self, connection: HTTPConnection, *, by_token: bool) -> Response | None:
        path = connection.url.path
        reads_only = connection.scope["type"] == "http" and connection.scope["method"] in NO_CHANGE
        if not reads_only and not by_token and not same_origin(connection):
            return api_error(403, "wrong-origin", "This request did not come from a page of this gateway.")
        if path.startswith(OPEN) or (path in LOOPBACK_OPEN and is_loopback(connection)):
            return None
        if connection.scope["user"] is not None:
            return None
        return _ask_to_log_in(connection, path)


def _ask_to_log_in(connection: HTTPConnection, path: str) -> Response:
    if path.startswith("/api/") or path in LOOPBACK_OPEN or connection.scope["type"] == "websocket":
        refused = api_error(
            401,
            "not-authorised",
            "Log in at /login, or send `Authorization: Bearer <token>` (huishou web token).",
        )
        refused.headers["www-authenticate"] = "Bearer"
        return refused
    query = f"?{connection.url.query}" if connection.url.query else ""
    login = f"/login?next={quote(path + query, safe='')}"
    if connection.headers.get("hx-request"):  # a fragment cannot be redirected: the whole page must go
        return Response(status_code=401, headers={"hx-redirect": "/login"})
    return RedirectResponse(login, 303)
