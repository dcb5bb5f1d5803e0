"""Connected for as long as it goes: what a truck does, and a bin that is asked to stay awake."""

import asyncio
import os

from edge.errors import EdgeError
from edge.link.backoff import LIMIT_MS, Backoff

if False:  # for types
    from collections.abc import Callable

    from edge.clock import Clock
    from edge.link.uplink import Uplink


def draw(n: int) -> int:
    """An even chance of 0 … n - 1 (n up to 2^30)."""
    return (int.from_bytes(os.urandom(4), "little") & 0x3FFFFFFF) % n


def _nobody() -> None:
    pass


async def stay(uplink: "Uplink", clock: "Clock", alive: "Callable[[], None]" = _nobody) -> None:
    """For ever: a session, and after each a pause by `backoff`. A session that moved records, or lasted, has
    proved the link. `alive` hears that this goes on.
    """

    def never() -> bool:
        alive()
        return False

    backoff = Backoff(draw)
    while True:
        start = clock.mono_ms()
        try:
            alive()
            await uplink.session(never, lambda: None)
        except (EdgeError, OSError) as error:
            uplink.error = str(error)
        if not uplink.proved:
            await uplink.leave()  # a bearer may be connected and carry nothing
        now = clock.mono_ms()
        if uplink.proved or now - start > LIMIT_MS:
            backoff.worked()
        await asyncio.sleep_ms(backoff.failed(now))
