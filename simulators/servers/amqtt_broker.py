"""The embedded broker, for machines without Mosquitto: `python -m simulators.servers.amqtt_broker FILE`.

FILE is JSON: `{"port": …, "accounts": {user: password, …}}`. amqtt is a complete broker in Python, good for a
small demo: about 1,600 messages a second, sessions and queued messages in memory only.
"""

import asyncio
import hmac
import json
import logging
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.contexts import Action  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin  # type: ignore[import-untyped]
from amqtt.session import Session  # type: ignore[import-untyped]

from simulators.servers import accounts


class Accounts(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]
    """Lets in who has an account, and each to its own topics only (amqtt's own lists know no `%u`)."""

    @dataclass
    class Config:
        accounts: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool | None:
        expected = self.context.config.accounts.get(session.username)
        return expected is not None and hmac.compare_digest(str(session.password or ""), expected)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        if session is None or not session.username or not topic:
            return False
        write, read = accounts.topics(session.username)
        return accounts.matches(write if action == Action.PUBLISH else read, topic)


async def serve(port: int, users: dict[str, str]) -> None:
    """Run until SIGTERM or SIGINT."""
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"simulators.servers.amqtt_broker.Accounts": {"accounts": users}},
        }
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = json.loads(Path(sys.argv[1]).read_bytes())
    asyncio.run(serve(settings["port"], settings["accounts"]))
