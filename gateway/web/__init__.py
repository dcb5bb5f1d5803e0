"""The operators' page, the HTTP API, and the device-state projection behind both: a process of its own.

It reads the journal, never writes it. Killing it stops nothing else; started again it goes on from state.db.
"""

import logging
import threading

from gateway.config import Config
from gateway.processes import Say

log = logging.getLogger(__name__)

GRACE_S = 1  # for open pages and requests when the process is told to stop; pages come back by themselves
LOOK_S = 0.2


def serve(config: Config, stop: threading.Event | None = None) -> None:
    """Serve until `stop` is set, or SIGTERM or SIGINT comes.

    Raises AssetsError (page not built); SystemExit when the address cannot be listened on.
    """
    import uvicorn

    from gateway.web.app import create_app

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            host=config.web.host,
            port=config.web.port,
            ws="websockets-sansio",
            ws_max_size=4_096,  # pages have nothing to say
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    ended = threading.Event()

    def watch() -> None:
        while stop is not None and not ended.is_set():
            if stop.wait(LOOK_S):
                server.should_exit = True
                return

    threading.Thread(target=watch, name="stop", daemon=True).start()
    log.info("page and API at http://%s:%d/", config.web.host, config.web.port)
    try:
        server.run()
    finally:
        ended.set()
    if not server.started:
        raise SystemExit(3)  # uvicorn has said why, in the log


def run(config: Config, stop: threading.Event, say: Say) -> None:
    """The process body."""
    say({"state": f"at http://{config.web.host}:{config.web.port}/"})
    serve(config, stop)
