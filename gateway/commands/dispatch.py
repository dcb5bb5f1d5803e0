"""Sends what is asked for, again until it has its last word, and joins what the journal has of replies.

Called by intake's loop a few times a second; does nothing while nothing was ever asked for. It never waits:
a message is handed to `post`, and whether it arrived is told by a reply, not by a PUBACK. A device that has
just connected is sent all that is open; one that is there gets copies ever more seldom; one that sleeps gets
one copy (the broker may keep it) and the next when it is back.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.commands.model import heard, overdue, pause_ms
from gateway.commands.reader import FILE, Asked
from gateway.commands.store import CommandStore
from gateway.contract import ContractError, decode_reply, decode_state
from gateway.journal import JournalError, JournalReader
from gateway.logs import ERROR, INFO, Event

LOOK_BACK_MS = 7 * 86_400_000  # for so long after its expiry a device is asked what became of a command
BATCH = 500  # replies at a time

Post = Callable[[str, str, bytes, bool], None]
"""(device, channel, body, retain): publish once, QoS 1, on the connection that stands."""

_ENDED = Event(
    "command-ended", "{name} for {device}: {state} {why}", level=INFO, doc="A command has its last word."
)
_FAILED = Event(
    "commands-unreadable",
    "commands.db cannot be used: {problem}",
    level=ERROR,
    doc="Commands and settings are not sent while this lasts; records are not touched by it.",
)


class _There(msgspec.Struct):
    """What is known of a device: when it last said something of itself, and what."""

    ms: int = 0
    online: bool = False
    rev: int = 0


class Dispatch:
    """`now_ms`: ms since 1970. One thread."""

    def __init__(self, store: Path, reader: JournalReader, post: Post, now_ms: Callable[[], int]) -> None:
        self._path = store
        self._reader = reader
        self._post = post
        self._now_ms = now_ms
        self._db: CommandStore | None = None
        self._there: dict[str, _There] = {}
        self._states_ms = 0
        self._told: dict[str, tuple[int, int]] = {}  # device: revision that was sent, and when
        self._failed = False
        self.open = 0  # commands that have not ended

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def look(self, *, ready: bool) -> None:
        """Do what is due. `ready`: the broker is there. Never raises for files or what stands in them."""
        if self._db is None and not (self._path / FILE).exists():
            return
        try:
            self._db = self._db or CommandStore(self._path)
            self._join(self._db)
            self._states()
            self._send(self._db, ready)
            self._failed = False
        except (sqlite3.Error, JournalError, OSError, ValueError) as err:
            if not self._failed:
                _FAILED(problem=str(err))
            self._failed = True
            self.close()

    def _join(self, db: CommandStore) -> None:
        """Replies of the journal, each once; from the start when the journal is another one."""
        epoch = self._reader.epoch()
        name = "" if epoch is None else epoch.id
        known, after = db.cursor()
        if known != name:
            after = 0
        while replies := self._reader.replies(after, BATCH):
            with db.transaction():
                for number, reply in replies:
                    after = number
                    try:
                        word = decode_reply(reply.body)
                    except ContractError:
                        continue
                    asked = db.command(word.id)
                    if asked is None or asked.device != reply.device:
                        continue
                    code = word.code if isinstance(word.code, str) else ""
                    result = word.result if isinstance(word.result, dict) else None
                    standing = heard(asked.standing, word.state, code)
                    if standing != asked.standing:
                        db.stands(asked.id, standing, reply.received_ms, result)
                        if standing.ended:
                            _ENDED(name=asked.name, device=asked.device, state=standing.state, why=code)
                db.joined(name, after)

    def _states(self) -> None:
        """Who has come, who has gone."""
        for row in self._reader.states(None, self._states_ms):
            self._states_ms = max(self._states_ms, row.received_ms)
            try:
                state = decode_state(row.body)
            except ContractError:
                continue
            there = self._there.setdefault(row.device, _There())
            there.ms, there.online = row.received_ms, state.online
            there.rev = state.rev if isinstance(state.rev, int) else there.rev

    def _send(self, db: CommandStore, ready: bool) -> None:
        now_ms = self._now_ms()
        commands = db.open(now_ms - LOOK_BACK_MS)
        self.open = sum(not one.ended for one in commands)
        for one in commands:
            if one.ended:
                if ready:
                    self._post(one.device, "down/commands", b"", True)
                    db.taken_back(one.id)
                continue
            standing = overdue(one.standing, one.exp_ms, now_ms)
            if standing != one.standing:
                db.stands(one.id, standing)
                if standing.ended:
                    _ENDED(name=one.name, device=one.device, state=standing.state, why=standing.code)
                    continue
            if ready and self._due(one, now_ms):
                db.sent(
                    one.id, now_ms
                )  # first: what is noted as sent may have been; the other way round, not
                self._post(one.device, "down/commands", one.body, one.retain == 1)
        if ready:
            self._send_desired(db, now_ms)

    def _due(self, one: Asked, now_ms: int) -> bool:
        if one.sent_ms is None or one.sent_ms > now_ms:
            return True
        there = self._there.get(one.device, _There())
        if there.online and there.ms > one.sent_ms:
            return True
        return there.online and now_ms <= one.exp_ms and now_ms - one.sent_ms >= pause_ms(one.copies)

    def _send_desired(self, db: CommandStore, now_ms: int) -> None:
        """The broker keeps the newest revision; it is told again to a device that comes back without it. One
        from a restored backup may be older than what the broker keeps: only such a device is told.
        """
        restored_ms, _floor = db.restored()
        for wanted in db.desired():
            there = self._there.get(wanted.device, _There())
            first = (wanted.rev, restored_ms) if wanted.issued_ms <= restored_ms else (0, 0)
            rev, sent_ms = self._told.get(wanted.device, first)
            back = there.online and there.ms > sent_ms and there.rev < wanted.rev
            if rev != wanted.rev or back:
                self._post(wanted.device, "down/desired", wanted.body, True)
                self._told[wanted.device] = wanted.rev, now_ms
