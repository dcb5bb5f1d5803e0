"""The operators' page, the HTTP API, and the device-state projection behind both: a process of its own.

It reads the journal, never writes it. Killing it stops nothing else; started again it goes on from state.db.
"""

import logging

from gateway.config import Config

log = logging.getLogger(__name__)

GRACE_S = 3  # for open pages and requests when the process is told to stop


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Raises AssetsError (page not built), SystemExit (port taken)."""
    import uvicorn  # noqa: PLC0415 - `huishou config check` must not pay for it

    from gateway.web.app import create_app  # noqa: PLC0415

    app = create_app(config)
    log.info("page and API at http://%s:%d/", config.web.host, config.web.port)
    uvicorn.run(
        app,
        host=config.web.host,
        port=config.web.port,
        ws="websockets-sansio",
        ws_max_size=4_096,  # pages have nothing to say
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
