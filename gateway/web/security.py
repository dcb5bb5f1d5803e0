"""What every answer carries, and who may ask: headers, same-origin rule, sessions and tokens."""

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


class SecurityHeaders:
    """Adds HEADERS to every HTTP answer, and forbids caches to keep what is not a static file."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/assets/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # vite's names carry a hash of the content, so such a file never changes
                headers["cache-control"] = "public, max-age=31536000, immutable" if static else "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)


def same_origin(connection: HTTPConnection) -> bool:
    """Whether the request comes from a page of ours: its Origin names the host that it was sent to.

    Browsers send Origin with every WebSocket and every POST. (A proxy in front must pass Host on.)
    """
    origin = connection.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == connection.headers.get("host")


def is_loopback(connection: HTTPConnection) -> bool:
    """Whether the peer is on this machine."""
    return connection.client is not None and connection.client.host in LOOPBACK
