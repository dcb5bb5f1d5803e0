"""The person in front of a bin, resident or crew: what they do next depends on what bolt, door and display
do.

One person at a time. Everything they do happens through things that the unit can notice: button, reader,
door, weight.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from simulators.world.bay import Bay
from simulators.world.kernel import Kernel, Part
from simulators.world.parts import Button, Lock, Reader

_PATIENCE_MS = 14_000
_TRIES = 2
_CREW_TRIES = 4
_THANKS_PATIENCE_MS = 15_000
_THANKS = ("谢谢", "thank")

_STEPS = ("present", "impatient", "open", "lump", "shut", "leave", "again")

# How often things do not go as the manual says.
_WALKS_AWAY = 0.02
_PUTS_NOTHING = 0.02
_TAKES_SOMETHING = 0.006
_FORGETS_DOOR = 0.03


class Visitor(Part):
    """Comes, presses, shows a token, waits, opens, puts or takes, closes, reads the display, goes."""

    LASTING: ClassVar = ("here", "screen")

    def __init__(
        self, world: Kernel, bays: dict[int, Bay], wake: Button, reader: Reader, locks: dict[int, Lock]
    ) -> None:
        super().__init__(world, "visitor")
        self._bays, self._wake, self._reader, self._locks = bays, wake, reader, locks
        self.here: dict[str, Any] | None = None
        self.screen = ""
        self.whims: dict[str, float] = {}
        """How likely silly things are: `reopens` (at once, when the door has just been shut), `both-doors`,
        `second-token` (somebody else shows one meanwhile), `leans`, `forgets-long` (up to half an hour).
        """
        self.began: Callable[[], object] = _nothing
        """Called when somebody comes."""
        self.opened_ms = -1
        """When somebody last opened a door."""

    def come(self, token: str, bays: list[int], pieces: list[tuple[int, int]] | None) -> None:
        """Someone arrives who wants to use these bays: with `pieces` (g, ml) to put in, or (None) to empty
        them.
        """
        self.here = {
            "token": token,
            "crew": pieces is None,
            "bays": bays,
            "pieces": [list(piece) for piece in pieces or ()],
            "tries": 0,
            "waits": False,
            "bay": None,
            "open": None,
            "opened": 0,
            "closed": 0,
            "moved": [],
            "thanked": False,
        }
        self.screen = ""
        self._press()
        self.began()

    def _press(self) -> None:
        self._wake.press(800)
        self.after(self.rng("steps").uniform(1_000, 2_500), "present")

    def send_away(self) -> None:
        """The world went on without this person (the unit was long off)."""
        self._stop()
        me = self.here
        if me is None:
            return
        if me["open"] is not None:
            self._locks[me["open"]].swing(closed=True)
            self._bays[me["open"]].scale.handle(hands_in=False)
        self.on_leave("cut-short")

    # What the person does, step by step

    def on_present(self) -> None:
        """Hold the token to the reader and wait for a bolt."""
        me = self._me()
        me["tries"] += 1
        me["waits"] = True
        self._reader.show(me["token"])
        self.after(_PATIENCE_MS, "impatient")

    def on_impatient(self) -> None:
        """Nothing opened: try once more, or give up."""
        me = self._me()
        if me["tries"] < (_CREW_TRIES if me["crew"] else _TRIES) and self.rng("steps").random() < 0.7:
            self._press()
        else:
            self.on_leave("not-opened")

    def bolt_moved(self, bay: int) -> None:
        """A bolt moved: if it freed the door that this person waits for, they reach for it."""
        me = self.here
        if me is None or not me["waits"] or self._locks[bay].bolted or bay not in me["bays"]:
            return
        me["waits"] = False
        self._stop()
        if not me["crew"] and self.rng("whims").random() < _WALKS_AWAY:
            self.after(1_500, "leave", "walked-away")
        else:
            self.after(self.rng("steps").uniform(800, 2_500), "open", bay)

    def on_open(self, bay: int) -> None:
        """Pull the door; it opens only if the bolt is still withdrawn."""
        me = self._me()
        lock = self._locks[bay]
        if lock.bolted:
            me["waits"] = True
            self.after(_PATIENCE_MS, "impatient")
            return
        me["open"] = me["bay"] = bay
        me["opened"], me["moved"] = self.world.now, []
        self.opened_ms = self.world.now
        lock.swing(closed=False)
        self._bays[bay].scale.handle(hands_in=True)
        for other in self._bays:
            if other != bay and not self._locks[other].bolted and self._whim("both-doors"):
                self._locks[other].swing(closed=False)
                self.world.after(self.rng("silly").uniform(300, 4_000), "visitor.other_shut", other)
        whim = self.rng("whims").random()
        if me["crew"]:
            me["pieces"] = self._bays[bay].lumps_out(self.rng("lumps"))
        elif whim < _PUTS_NOTHING:
            me["pieces"] = []
        elif whim < _PUTS_NOTHING + _TAKES_SOMETHING:
            me["pieces"] = self._bays[bay].lumps_out(self.rng("lumps"))[:1]
        self.after(self.rng("steps").uniform(1_000, 3_000), "lump")

    def on_lump(self) -> None:
        """Put in, or take out, one lump; what does not fit is taken home."""
        me = self._me()
        bay = self._bays[me["open"]]
        steps = self.rng("steps")
        if me["pieces"]:
            mass_g, volume_ml = me["pieces"].pop(0)
            if bay.move(mass_g, volume_ml):
                me["moved"].append(mass_g)
            else:
                me["pieces"] = []
            self.after(steps.uniform(1_000, 4_000) * (2 if me["crew"] else 1), "lump")
            return
        if self._whim("second-token"):
            self._wake.press(300)
            self._reader.show(f"{self.rng('silly').getrandbits(39):012d}")
        if self._whim("forgets-long"):
            self.after(steps.uniform(60_000, 1_800_000), "shut")
            return
        forgets = not me["crew"] and self.rng("whims").random() < _FORGETS_DOOR
        self.after(steps.uniform(20_000, 240_000) if forgets else steps.uniform(800, 2_500), "shut")

    def on_shut(self) -> None:
        """Close the door, then wait for a word of thanks, or go on to the next bay."""
        me = self._me()
        number = me["open"]
        me["open"], me["closed"] = None, self.world.now
        self._bays[number].scale.handle(hands_in=False)
        self._locks[number].swing(closed=True)
        if self._whim("leans"):
            self._bays[number].scale.lean(self.rng("silly").uniform(300, 6_000))
            self.world.after(self.rng("silly").uniform(1_500, 25_000), "visitor.unlean", number)
        if self._whim("reopens"):
            self.world.after(self.rng("silly").uniform(40, 400), "visitor.again", number)
        if not me["crew"]:
            self.after(_THANKS_PATIENCE_MS, "leave", "done")
            return
        self.world.record(
            "collect",
            bay=number,
            category=self._bays[number].spec.category,
            mass_g=-sum(me["moved"]),
            by=me["token"],
            left_g=self._bays[number].mass_g,
        )
        self.world.collected(number, -sum(me["moved"]))  # type: ignore[attr-defined]
        me["bays"].remove(number)
        if not me["bays"]:
            self.after(_THANKS_PATIENCE_MS, "leave", "done")
            return
        # The unit weighs, then offers the next door by itself; if it does not, the crew asks again.
        me["tries"], me["waits"] = 0, True
        self.after(_PATIENCE_MS, "impatient")

    def on_again(self, bay: int) -> None:
        """Open the door once more that was just shut, if it lets itself be opened, and shut it soon."""
        me = self._me()
        if self._locks[bay].bolted or me["open"] is not None or me["crew"]:
            return
        self.world.cancel("visitor.leave")
        me["open"], me["closed"] = bay, 0
        self._locks[bay].swing(closed=False)
        self.after(self.rng("silly").uniform(400, 3_000), "shut")

    def on_other_shut(self, bay: int) -> None:
        """The second door, which was opened for a look, is let fall shut."""
        self._locks[bay].swing(closed=True)

    def on_unlean(self, bay: int) -> None:
        """Whoever leaned on the bin stands up."""
        self._bays[bay].scale.lean(0)

    def _whim(self, name: str) -> bool:
        likely = self.whims.get(name, 0.0)
        return likely > 0 and self.rng("silly").random() < likely

    def reads(self, text: str) -> None:
        """The display shows more text; a person who waits for it and is thanked goes."""
        self.screen = (self.screen + text)[-400:]
        if "\f" in self.screen:
            self.screen = self.screen.rpartition("\f")[2]
        me = self.here
        if me is None or me["crew"] or not me["closed"] or me["thanked"]:
            return
        if any(word in self.screen.lower() for word in _THANKS):
            me["thanked"] = True
            self.world.cancel("visitor.leave")
            self.after(self.rng("steps").uniform(1_000, 3_000), "leave", "done")

    def on_leave(self, outcome: str) -> None:
        """Go; what really happened is said now, dated to the moment when the door closed."""
        me, self.here = self._me(), None
        self._stop()
        total_g = sum(me["moved"])
        if not me["crew"] and outcome == "done" and total_g > 0:
            self.world.record(
                "deposit",
                t=me["closed"],
                bay=me["bay"],
                category=self._bays[me["bay"]].spec.category,
                mass_g=total_g,
                token=me["token"],
                pieces=len(me["moved"]),
                open_ms=me["closed"] - me["opened"],
                thanked=me["thanked"],
            )
        elif not me["crew"] or outcome != "done":
            if outcome == "done":
                outcome = "took" if total_g < 0 else "put-nothing"
            self.world.record(
                "visit",
                outcome=outcome,
                bay=me["bay"],
                mass_g=total_g,
                token=me["token"],
                crew=me["crew"],
                screen=self.screen.strip(),
            )

    def _stop(self) -> None:
        self.world.cancel(*(f"visitor.{step}" for step in _STEPS))

    def _me(self) -> dict[str, Any]:
        if self.here is None:
            raise RuntimeError("a step of a visit without a visitor")
        return self.here


def _nothing() -> None:
    pass
