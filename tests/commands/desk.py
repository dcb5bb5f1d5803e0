"""A gateway in virtual time: real journal, commands.db and dispatcher behind the far end of a broker."""

import json
from pathlib import Path
from typing import Any

from gateway.commands.ask import issue
from gateway.commands.dispatch import Dispatch
from gateway.commands.reader import Asked
from gateway.commands.store import CommandStore
from gateway.config import Config, load
from gateway.contract_signed import encode_desired
from gateway.journal import JournalReader, Reply, SqliteJournal, StateReport
from simulators.board.network import VirtualNetwork
from simulators.peers.cloud import Cloud, Connection


class Line(Connection):
    """A connection that tells the desk what time it is."""

    def received(self, now_ms: int, data: bytes) -> bytes:
        assert isinstance(self.cloud, Desk)
        self.cloud.now_ms = now_ms
        out = Connection.received(self, now_ms, data)
        for topic, payload in self.cloud.due():  # at each ping, too
            out += self.send(topic, payload)
        return out


class Desk(Cloud):
    """`away`: nothing of the gateway runs; messages that go up are lost after their PUBACK."""

    def __init__(self, folder: Path, device: str, key: str, unit: str = "bin") -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "devices.json").write_text(json.dumps({"devices": [{"id": device, "unit": unit}]}))
        keys = folder / "keys.json"
        keys.write_text(json.dumps({"keys": {device: key}}))
        keys.chmod(0o600)
        (folder / "huishou.toml").write_text('[devices]\nkeys_file = "keys.json"\n')
        self.config: Config = load(folder / "huishou.toml")
        self.device, self.key = device, bytes.fromhex(key)
        self.now_ms = 0
        self.lost = 0  # replies that the broker is to lose
        self.states: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.wanted: bytes | None = None  # what the broker keeps of down/desired
        self.replays: list[bytes] = []  # commands that somebody has kept, sent to whoever connects
        self.later: list[tuple[int, str, tuple[str, ...], int]] = []  # what is asked when: ms, …, life_s
        self.asked: list[str] = []  # ids of those
        self._posts: list[tuple[str, bytes]] = []
        store = self.config.store.path
        self.journal, self.reader, self.db = SqliteJournal(store), JournalReader(store), CommandStore(store)
        self.dispatch = Dispatch(store, self.reader, self._post, lambda: self.now_ms)

    def close(self) -> None:
        self.dispatch.close()
        self.db.close()
        self.reader.close()
        self.journal.close()

    def attach(self, network: VirtualNetwork) -> None:
        """Take the place of whoever was at the other end of a unit's network."""
        network.connect = lambda port: Line(self) if port == 1883 else None

    def ask(self, now_ms: int, name: str, *words: str, life_s: int | None = None) -> str:
        return issue(self.config, self.device, name, words, life_s, "li", now_ms)

    def desire(self, rev: int, **config: Any) -> None:
        values = {name.replace("__", "."): value for name, value in config.items()}
        self.wanted = encode_desired(self.device, self.key, rev, values)

    def stands(self, id_: str) -> Asked:
        found = self.db.command(id_)
        assert found is not None
        return found

    def heard(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        down = super().heard(topic, payload)
        if topic.endswith("/up/state"):
            self.states.append(json.loads(payload))
            self.journal.append([StateReport(self.now_ms, self.device, payload)])
            if self.states[-1]["online"]:
                if self.wanted:
                    down.append((f"huishou/1/{self.device}/down/desired", self.wanted))
                down += [(f"huishou/1/{self.device}/down/commands", body) for body in self.replays]
        elif topic.endswith("/up/replies"):
            if self.lost:
                self.lost -= 1
            else:
                self.replies.append(json.loads(payload))
                self.journal.append([Reply(self.now_ms, self.device, payload)])
        return down + self.due()

    def due(self) -> list[tuple[str, bytes]]:
        """What the gateway has to send."""
        while self.later and self.later[0][0] <= self.now_ms:
            _at, name, words, life_s = self.later.pop(0)
            self.asked.append(self.ask(self.now_ms, name, *words, life_s=life_s))
        self.dispatch.look(ready=True)
        posts, self._posts = self._posts, []
        return posts

    def _post(self, device: str, channel: str, payload: bytes, _retain: bool) -> None:
        self._posts.append((f"huishou/1/{device}/{channel}", payload))
