"""TLS to the broker: the device's own certificate and key, the server held to its name.

Settings `tls`: `ca`, `cert`, `key`, each base64 of DER (not every port reads PEM). There is no way to say
"do not verify": chain, name and dates are always checked, by Mbed TLS.

Dates need a clock. A dead one stands at a floor that is never ahead of the true time (`Clock.floor`), so a
certificate that is valid now can only look *not yet* valid. Then the `not before` of what the server showed
is a time that has passed, if it is genuine; `Tls.floor_ms` says it, the next handshake is made by it
(`Clock.lend`) and verifies everything anew; if that fails too it is forgotten. What this leaves open stands
in docs/design.md.
"""

from binascii import a2b_base64

import tls

from edge.errors import EdgeError
from edge.link.x509 import not_before_ms

if False:  # for types
    from typing import Any

_VERIFY_FAILED, _FATAL_ALERT = -0x2700, -0x7780
_WORDS = (
    ("future", "tls-not-yet-valid"),
    ("expired", "tls-expired"),
    ("Common Name", "tls-wrong-name"),
    ("trusted CA", "tls-untrusted"),
)


class Tls:
    """A client context. Errors: `settings-tls`."""

    def __init__(self, settings: "dict[str, Any]") -> None:
        self._newest_ms = 0
        try:
            context: "Any" = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(a2b_base64(settings["ca"]))
            context.load_cert_chain(a2b_base64(settings["cert"]), a2b_base64(settings["key"]))
            context.verify_mode = tls.CERT_REQUIRED
            context.verify_callback = self._seen
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise EdgeError(
                "settings-tls", "tls needs ca, cert and key, each base64 of DER: %s" % error
            ) from None
        self._context = context

    def _seen(self, certificate: "Any", _depth: int) -> int:
        start = not_before_ms(bytes(certificate))
        if start is not None and start > self._newest_ms:
            self._newest_ms = start
        return 0

    def wrap(self, sock: "Any", name: str) -> "Any":
        """A socket over which nothing passes before the server has proved that it is `name`."""
        self._newest_ms = 0
        return self._context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)

    def floor_ms(self, now_ms: int) -> int:
        """What the time must at least be, going by the last handshake's certificates; 0: nothing beyond
        `now_ms`.
        """
        return self._newest_ms if self._newest_ms > now_ms else 0


def failure(error: "OSError | ValueError", peer: str) -> "EdgeError | None":
    """The name of what Mbed TLS raised: `tls-not-yet-valid`, `tls-expired`, `tls-wrong-name`,
    `tls-untrusted`, `tls-refused` (the server does not want us), `tls-failed`. None: an error of the socket.
    """
    text = str(error)
    if isinstance(error, OSError):
        number = error.errno
        if number is None or number >= 0 or number > -128:
            return None
        code = {_VERIFY_FAILED: "tls-untrusted", _FATAL_ALERT: "tls-refused"}.get(number, "tls-failed")
        return EdgeError(code, "%s: %s" % (peer, text))
    for words, code in _WORDS:
        if words in text:
            return EdgeError(code, "%s: %s" % (peer, text.strip()))
    return EdgeError("tls-failed", "%s: %s" % (peer, text.strip()))
