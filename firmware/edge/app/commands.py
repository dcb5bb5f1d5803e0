"""Commands that come down: checked, accepted at most once, carried out, answered.

    down/commands → mac, known?, floor, clock, expiry, room → durable `accepted` → (PUBACK) → durable `begun`
                  → its handler → durable `done` or `failed` → reply

A copy of a command that is known, however it comes (repeated, retained, replayed), is answered from memory
and does nothing; so the gateway repeats one until it has the last word, and a lost reply costs only time. A
power cut in the middle is answered `failed`: `not-begun` when nothing was done, `interrupted` when nobody
knows how far it came. What is refused with one of MAYBE was not begun, is not remembered, and may be sent
again.
"""

import asyncio
import json
import sys

from edge.app.ledger import ACCEPTED, BEGUN, DONE, EXPIRED, FAILED, SIZE, Ledger
from edge.errors import EdgeError
from edge.mac import signed

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    from edge.clock import Clock
    from edge.store.state import State

MAX_BYTES = 16_384
AHEAD_MS = 7 * 86_400_000  # no command lives longer; a clock that is behind by more is found so
HANDLER_MS = 180_000  # the longest that anything takes: a self-test of every part
MAX_RESULT = 6000  # characters
RESULTS = 4  # in memory; after a restart a repeated command is answered without one
MAYBE = ("clock-unknown", "busy", "exp-too-far", "supply-low")
KEY = "commands"
_NAMES = {ACCEPTED: "accepted", BEGUN: "accepted", DONE: "done", FAILED: "failed", EXPIRED: "expired"}
_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def _nothing() -> None:
    pass


def _silent(_level: int, _text: str) -> None:
    pass


class Commands:
    """`key`: the device's own (bytes; empty: no command is ever good). `state`: gives the durable state.
    `handlers`: by name, `fn(name, args) -> (state, code, result)` or a coroutine that returns that; `state`
    is `done` or `failed`. An EdgeError is a failure with its code.

    Set by the owner: `start` sees to it that `run` runs; `news` that `reply` is asked.
    """

    def __init__(
        self,
        device: str,
        key: bytes,
        state: "Callable[[], State]",
        clock: "Clock",
        handlers: "dict[str, Callable[[str, dict[str, Any]], Any]] | None" = None,
    ) -> None:
        self._device = device
        self._key = key
        self._state = state
        self._clock = clock
        self.handlers = handlers if handlers is not None else {}
        self.start: "Callable[[], None]" = _nothing
        self.news: "Callable[[], None]" = _nothing
        self.say: "Callable[[int, str], None]" = _silent  # a line for who watches
        self._ledger: "Ledger | None" = None
        self._queue: "list[tuple[str, str, dict[str, Any], int]]" = []
        self._results: "list[tuple[str, dict[str, Any]]]" = []
        self._untold: "list[tuple[str, bytes]]" = []  # (id, final reply) without PUBACK; bounded by SIZE
        self._flying: "list[str]" = []  # ids of those that were published on this connection

    @property
    def busy(self) -> bool:
        """Something is accepted and has not ended, or its reply was not yet taken."""
        return bool(self._queue or self._untold)

    # Final replies, one after the other. After a restart they are gone: a repeated command brings them back.

    def connected(self) -> None:
        """A new connection: what was not acknowledged is due again."""
        self._flying = []

    def reply(self) -> "tuple[str, bytes] | None":
        """The next (id, reply) to publish."""
        for name, body in self._untold:
            if name not in self._flying:
                self._flying.append(name)
                return name, body
        return None

    def told(self, name: str) -> None:
        """The broker has taken it."""
        self._untold = [one for one in self._untold if one[0] != name]

    def _tell(self, name: str, state: str, code: str, result: "dict[str, Any] | None") -> None:
        self.say(2, "command %s: %s %s" % (name, state, code))
        self._untold.append((name, self._reply(name, state, code, result)))
        del self._untold[:-SIZE]
        self.news()

    # What comes

    def take(self, topic: str, payload: bytes) -> "list[bytes]":
        """A message on `down/commands`: the replies to publish now. What it accepts is durable when it
        returns. ValueError: nobody can be answered.
        """
        if not payload or not topic.endswith("/commands"):
            return []  # a retained command was taken back
        if len(payload) > MAX_BYTES:
            raise ValueError("%d bytes, at most %d" % (len(payload), MAX_BYTES))
        body = json.loads(payload)
        name = body.get("id") if isinstance(body, dict) else None
        if not isinstance(name, str) or not 1 <= len(name) <= 64:
            raise ValueError("a command without an id")
        for char in name:
            if char not in _ID_CHARS:
                raise ValueError("a command without an id")
        state, code, result = self._judge(name, body)
        return [self._reply(name, state, code, result)]

    def _judge(self, name: str, body: "dict[str, Any]") -> "tuple[str, str, dict[str, Any] | None]":
        if not signed(self._device, "commands", self._key, body):
            return "refused", "bad-mac", None
        ledger = self._known()
        known = ledger.find(name)
        if known:
            return _NAMES[known[0]], known[1], self._result(name)
        what, args, exp_ms = body.get("name"), body.get("args"), body.get("exp")
        if body.get("v") != 1 or not isinstance(what, str) or not isinstance(args, dict):
            return "refused", "bad-command", None
        if not isinstance(exp_ms, int) or isinstance(exp_ms, bool):
            return "refused", "bad-command", None
        if exp_ms <= ledger.floor_ms:
            return "refused", "forgotten", None  # it may have been carried out before the memory rolled over
        now_ms = self._now_ms()
        if now_ms is None:
            return "refused", "clock-unknown", None
        if exp_ms <= now_ms:
            return "expired", "", None
        if exp_ms > now_ms + AHEAD_MS:
            return "refused", "exp-too-far", None
        if what not in self.handlers:
            return "refused", "unsupported", None
        if not ledger.accept(name, exp_ms, now_ms):
            return "refused", "busy", None
        try:
            self._store()
        except EdgeError as error:
            ledger.drop(name)
            return "refused", error.code, None
        self._queue.append((name, what, args, exp_ms))
        self.start()
        return "accepted", "", None

    # What is done

    def recover(self) -> None:
        """After a start: whatever had not ended is answered. Nothing of it is carried out now."""
        ledger = self._known()
        ended = []
        for name, mark in ledger.opened():
            if not [one for one in self._queue if one[0] == name]:
                ended.append((name, "interrupted" if mark == BEGUN else "not-begun"))
        if not ended:
            return
        for name, code in ended:
            ledger.mark(name, FAILED, code)
        try:
            self._store()
        except EdgeError:
            self._ledger = None  # below the voltage floor: again at the next start
            return
        for name, code in ended:
            self._tell(name, "failed", code, None)

    async def run(self) -> None:
        """Carry out what is accepted, one after the other; ends when nothing is left."""
        while self._queue:
            name, what, args, exp_ms = self._queue[0]
            try:
                state, code, result = await self._carry_out(name, what, args, exp_ms)
                self._end(name, state, code, result)
            finally:
                self._queue.pop(0)

    async def _carry_out(
        self, name: str, what: str, args: "dict[str, Any]", exp_ms: int
    ) -> "tuple[str, str, dict[str, Any] | None]":
        now_ms = self._now_ms()
        if now_ms is None or now_ms >= exp_ms:  # it waited for another, or the clock was set meanwhile
            return "expired", "", None
        self._known().mark(name, BEGUN)
        try:
            self._store()
        except EdgeError as error:  # below the voltage floor: not begun
            return "failed", error.code, None
        try:
            outcome = self.handlers[what](what, args)
            if not isinstance(outcome, tuple):
                outcome = await asyncio.wait_for_ms(outcome, HANDLER_MS)
        except EdgeError as error:
            return "failed", error.code, {"detail": error.detail} if error.detail else None
        except asyncio.TimeoutError:
            return "failed", "timeout", None
        except (ValueError, TypeError, KeyError) as error:
            return "failed", "bad-args", {"detail": str(error)}
        except Exception as error:
            sys.print_exception(error)
            return "failed", "handler-died", {"detail": "%s %s" % (type(error).__name__, error)}
        state, code, result = outcome
        return state, code or "", result

    def _end(self, name: str, state: str, code: str, result: "dict[str, Any] | None") -> None:
        mark = {"done": DONE, "expired": EXPIRED}.get(state, FAILED)
        self._known().mark(name, mark, code)
        if result is not None:
            self._results.append((name, result))
            del self._results[:-RESULTS]
        try:
            self._store()
        except EdgeError as error:  # the answer of now is true; after a power cut it will be `interrupted`
            sys.print_exception(error)
        self._tell(name, state, code, result)

    # Means

    def _now_ms(self) -> "int | None":
        ms, source = self._clock.now()
        return None if source == "none" else ms

    def _known(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self._state().get(KEY))
        return self._ledger

    def _store(self) -> None:
        self._state().put(KEY, self._known().state())

    def _result(self, name: str) -> "dict[str, Any] | None":
        for one, result in self._results:
            if one == name:
                return result
        return None

    def _reply(self, name: str, state: str, code: str, result: "dict[str, Any] | None") -> bytes:
        body: "dict[str, Any]" = {"v": 1, "id": name, "state": state, "t": max(0, self._clock.now()[0])}
        if code:
            body["code"] = code
        if result is not None:
            body["result"] = result
        text = json.dumps(body)
        if len(text) > MAX_RESULT:
            body["result"] = {"detail": "too long to be sent"}
            text = json.dumps(body)
        return text.encode()
