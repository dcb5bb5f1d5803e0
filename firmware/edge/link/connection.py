"""One TCP or TLS connection: every wait has a deadline, and its end closes the socket.

What can still block the event loop, and for how long: the arithmetic of a TLS handshake runs inside one
call of the interpreter's Mbed TLS (on an ESP32-S3 some 0.1 s for each P-256 operation, RSA-2048 more; no
port builds its restartable form), so the handshake is taken in steps, one per packet, but a step cannot be
cut. Everything else waits in `poll`. Names are looked up by `dns`.
"""

import asyncio
import errno
import socket

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

    from edge.link.tls import Tls

READ = 2048
_EPIPE = 32


class Connection:
    """Opened by `dial`. `close` may be called again."""

    def __init__(self, sock: "Any", peer: str, secure: bool) -> None:
        self._sock = sock
        self._peer = peer
        self._secure = secure
        self._heard = False  # anything yet: until then the server may refuse us
        self._stream: "Any" = asyncio.StreamReader(sock)

    async def write(self, data: bytes, limit_ms: int) -> None:
        """Hand all of `data` to the network. The first write also waits for the connection to be there and
        for the TLS handshake.

        Errors: `link-stuck`, OSError, and what `tls.failure` names.
        """
        self._stream.out_buf = data  # `Stream.write` would try at once, before the connection is there
        try:
            await asyncio.wait_for_ms(self._stream.drain(), limit_ms)
        except (OSError, ValueError) as error:
            raise self._named(error) from None
        except asyncio.TimeoutError:
            raise EdgeError(
                "link-stuck", "%s took %d bytes not within %d ms" % (self._peer, len(data), limit_ms)
            ) from None

    async def read(self, limit_ms: int) -> bytes:
        """What has come. Errors: `link-silent`, `link-closed`, OSError, `tls-…`."""
        try:
            data: bytes = await asyncio.wait_for_ms(self._stream.read(READ), limit_ms)
        except (OSError, ValueError) as error:
            raise self._named(error) from None
        except asyncio.TimeoutError:
            raise EdgeError(
                "link-silent", "nothing heard from %s for %d ms" % (self._peer, limit_ms)
            ) from None
        if not data:
            raise EdgeError("link-closed", self._peer + " closed the connection")
        self._heard = True
        return data

    def _named(self, error: "OSError | ValueError") -> Exception:
        if not self._secure:
            return error
        from edge.link import tls  # whoever needs none has none on the heap

        named = tls.failure(error, self._peer)
        if named or self._heard or not isinstance(error, OSError):
            return named or error
        if error.errno in (_EPIPE, errno.ECONNRESET):  # closed before we could read why
            return EdgeError("tls-refused", self._peer + " ended the handshake without a word")
        return error

    def close(self) -> None:
        self._sock.close()


def dial(address: str, port: int, peer: str, secure: "Tls | None" = None, name: str = "") -> Connection:
    """Begin to connect to an IPv4 address; does not wait. `secure`: with TLS, the server being `name`.

    Errors: OSError.
    """
    sock: "Any" = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        try:
            sock.connect(socket.getaddrinfo(address, port)[0][-1])  # of a number: asks nobody
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        if secure:
            sock = secure.wrap(sock, name)
    except Exception:
        sock.close()
        raise
    return Connection(sock, peer, secure is not None)
