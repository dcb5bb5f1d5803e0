"""Settings that come down: checked, tried, kept, or rolled back.

    down/desired → mac, revision, table → durable trial → restart → the link comes up → in force
                                                            └ not within CHANCES → what was before, restart

The settings document holds what the unit was provisioned with and, beside it, `desired` (revision and keys in
force), `trial` (those being tried) and `failed` (a revision that was rolled back: it is not tried again). A
revision replaces all keys of the one before; a key that it does not name is as provisioned.

The deadline of a trial is counted in chances, in the durable state: each try to connect takes one before it
is made, each start START. So it holds over resets, crashes, sleep and power cuts, whatever the clock says;
and settings that crash the program are rolled back at its third start, before safe mode.
"""

import json

from edge.errors import EdgeError
from edge.mac import signed

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    from edge.store.state import State
    from edge.types import BlockDevice

MAX_BYTES = 16_384
CHANCES = 8  # one start and five tries to connect, or two and two
START = 3
RETRY_MS = 30_000  # between two tries of a trial; with JOIN and CONNECT, a trial is over in some five minutes
KEY = "trial"


def _always() -> bool:
    return True


def _untold(_part: str, _code: str, _raised: bool, _detail: str = "") -> None:
    pass


class Desired:
    """`device`: the settings partition; `may_write`: whether the supply bears a flash write now. `board`:
    what the unit is made of; nobody sets that from afar. After `begin`: `settings`, the document in force
    now, with its revision as `rev` (0: as provisioned). `trying`: they are on trial. `restart`: (code,
    detail) of the reset that is wanted; ("", ""): none.

    Set by the owner: `changed` is called when a restart is wanted; `listen` takes the faults.
    """

    def __init__(
        self, device: "BlockDevice", state: "Callable[[], State]", may_write: "Callable[[], bool]" = _always
    ) -> None:
        from edge.store.settings import load

        self._device = device
        self._state = state
        self._may_write = may_write
        self._doc: "dict[str, Any]" = load(device)
        self._fault: "Callable[..., None]" = _untold
        self._news: "list[tuple[str, bool, str]]" = []  # until somebody listens
        self.changed: "Callable[[], None]" = _nothing
        self.restart = ("", "")
        self.board: "dict[str, Any]" = self._doc.get("board", {})
        self.trying = False
        self.rev = 0
        self.settings = self._doc

    def begin(self, asleep: bool = False) -> None:
        """Decide what is in force. `asleep`: this start is the end of a planned sleep; it takes no chance."""
        from edge.app.overlay import laid_over

        self.trying = "trial" in self._doc and (asleep or self._may_try())
        part = self._doc.get("trial" if self.trying else "desired") or {}
        self.rev = part.get("rev", 0)
        self.settings = laid_over(self._doc, part.get("config", {}))
        self.settings["rev"] = self.rev

    def _may_try(self) -> bool:
        """Whether this start may try what is on trial. Not while nothing can be written, below the voltage
        floor: there is no link then, and a chance that is not counted would be one without end.
        """
        try:
            if self._chance(START):
                return True
            self._roll_back()
            self.restart = ("", "")  # nothing of the trial is in force yet
        except EdgeError:
            pass
        return False

    def listen(self, fault: "Callable[..., None]") -> None:
        """Tell faults (part, code, raised, detail) from now on, and those that were found before."""
        self._fault = fault
        news, self._news = self._news, []
        for code, raised, detail in news:
            fault("settings", code, raised, detail)

    def _say(self, code: str, raised: bool, detail: str = "") -> None:
        if self._fault is _untold:
            self._news.append((code, raised, detail))
        else:
            self._fault("settings", code, raised, detail)

    def take(self, payload: bytes) -> None:
        """A message on `down/desired`. A new revision is durable, on trial, when this returns. What is wrong
        with it is told as the fault `settings-refused`. ValueError: it cannot be read.
        """
        if not payload:
            return  # the retained message was taken back
        if len(payload) > MAX_BYTES:
            raise ValueError("%d bytes, at most %d" % (len(payload), MAX_BYTES))
        body = json.loads(payload)
        if not isinstance(body, dict):
            raise ValueError("expected an object")
        rev, config = body.get("rev"), body.get("config")
        if not isinstance(rev, int) or isinstance(rev, bool) or not isinstance(config, dict):
            raise ValueError("expected rev and config")
        try:
            self._take(rev, config, body)
        except EdgeError as error:
            self._say("settings-refused", True, "rev %d: %s %s" % (rev, error.code, error.detail))

    def _take(self, rev: int, config: "dict[str, Any]", body: "dict[str, Any]") -> None:
        key = _key(self._doc)
        if not signed(self._doc["device"], "desired", key, body):
            raise EdgeError("bad-mac", "not signed with this device's key")
        if body.get("v") != 1 or not 0 < rev < 1 << 31:
            raise EdgeError("settings-range", "v or rev")
        newest = max(self.rev, self._doc.get("failed", 0), self._doc.get("trial", {}).get("rev", 0))
        if rev <= newest:
            return  # in force, on trial, rolled back, or of yesterday
        from edge.app.settable import check

        check(config, self._doc)
        doc = dict(self._doc)
        doc["trial"] = {"rev": rev, "config": config}
        self._state().put(KEY, [rev, 0])
        self._save(doc)
        self._say("settings-refused", False)
        self.restart = ("settings-changed", "rev %d" % rev)
        self.changed()

    def attempt(self) -> None:
        """A try to connect begins. Takes a chance of a trial; with none left it is rolled back."""
        if self.trying and not self.restart[0] and not self._chance(1):
            self._roll_back()
            self.changed()

    def confirm(self) -> None:
        """The link is up with these settings: they are in force for good."""
        if not self.trying:
            return
        doc = dict(self._doc)
        trial = doc.pop("trial")
        if trial["rev"] != self.rev:
            return  # a newer one came meanwhile, and waits for its own trial
        doc["desired"] = trial
        try:
            self._save(doc)
        except EdgeError:
            return  # below the voltage floor: the next connection confirms it
        self.trying = False
        self._say("settings-rolled-back", False)

    def _roll_back(self) -> None:
        doc = dict(self._doc)
        rev = doc.pop("trial")["rev"]
        doc["failed"] = rev
        self._save(doc)
        self.trying = False
        self.restart = ("settings-rolled-back", "rev %d" % rev)
        self._say("settings-rolled-back", True, "rev %d: the link did not come up with them" % rev)

    def _chance(self, cost: int) -> bool:
        """Take so many chances, durably; False: there were not so many left."""
        rev = self._doc["trial"]["rev"]
        kept = self._state().get(KEY)
        used = kept[1] if isinstance(kept, list) and len(kept) == 2 and kept[0] == rev else 0
        if used + cost > CHANCES:
            return False
        self._state().put(KEY, [rev, used + cost])
        return True

    def _save(self, doc: "dict[str, Any]") -> None:
        if not self._may_write():
            raise EdgeError("supply-low", "settings not written: below the voltage floor")
        from edge.store.settings import save

        save(self._device, doc)
        self._doc = doc


def _nothing() -> None:
    pass


def _key(doc: "dict[str, Any]") -> bytes:
    return key_of(doc.get("key"))


def key_of(text: object) -> bytes:
    """The device's key from its hexadecimal digits; b"": there is none, and nothing can be signed with it."""
    try:
        key = bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])  # type: ignore[index,arg-type]
    except (ValueError, TypeError):
        return b""
    return key if len(key) >= 16 else b""
