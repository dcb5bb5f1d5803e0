"""Letting people in: reads the settings' rules, judges a token by clock, log and faults, counts what is
refused.
"""

from edge.app import text
from edge.app.admission import decide, is_open
from edge.app.spent import Spent
from edge.app.token import SKEW_S, Ticket, Tokens
from edge.measure.hours import Hours

if False:  # for types
    from edge.app.admission import Admission, BayState
    from edge.app.unit import Unit

NOISY_VISITS = 3


class Entry:
    """One of a bin. Damaged rules never close it: without hours it is open, without token rules any card is
    good; both are told as faults.
    """

    def __init__(self, unit: "Unit") -> None:
        self._log = unit.log
        self._clock = unit.clock
        self._keep = unit.keep
        settings = unit.settings
        self.hours: "Hours | None" = None
        self._problem = ""
        if settings.get("hours") is not None:
            try:
                self.hours = Hours(settings["hours"])
            except ValueError as error:
                self._problem = str(error)
        self._tokens = Tokens(settings.get("tokens"), settings.get("crew", []), unit.device)

    def tell(self) -> None:
        """Raise or clear the faults of the rules; after the boot record."""
        problems = self._tokens.problems
        self._log.fault("hours", "hours-damaged", bool(self._problem), self._problem)
        self._log.fault("tokens", "tokens-damaged", bool(problems), "; ".join(problems))

    def judge(
        self, token: "str | None", noise: int, bays: "list[BayState]", battery: bool
    ) -> "Admission | None":
        """Who may use which bay now. `token`: what the reader sent, None when nothing came; `noise`: what
        else it sent. None: nobody showed anything.
        """
        self._noise(token, noise)
        if token is None and not noise:
            return None
        now_ms, trusted = self._now()
        self._held((now_ms, trusted))
        if token is None:
            ticket = Ticket(None, "token-unread")
        else:
            ticket = self._tokens.check(token, now_ms if trusted else None, self._spent())
        faults = self._log.faults()
        if not self._log.room():
            faults = faults + ["log log-full"]
        admission = decide(now_ms, trusted, self.hours, bays, battery, faults, ticket)
        if admission.code:
            self._count(admission.code, 1)
        return admission

    def spend(self, ticket: Ticket) -> None:
        """Mark a QR token as used; before the first bolt moves."""
        if ticket.mark:
            self._keep.data["spent"] = self._spent().add(*ticket.mark)
            self._keep.save()  # also a crash must not make it good again

    def refusal(self, admission: "Admission") -> "tuple[str, ...]":
        """What the display says to whom is not let in."""
        opens = None
        if admission.next_ms is not None and self.hours:
            opens = text.when(admission.next_ms, self._clock.local_ms(), self.hours.utc_min)
        return text.refusal(admission.code or "out-of-service", opens)

    def _now(self) -> "tuple[int | None, bool]":
        """(time, trusted): the clock's, else the last one in the log that could be trusted (None: none
        ever).
        """
        now_ms, source = self._clock.now()
        if source != "none":
            return now_ms, True
        return self._keep.data.get("known_ms") or None, False

    def _held(self, now: "tuple[int | None, bool]") -> None:
        """Say that the hours are not judged by the clock, and what holds meanwhile."""
        now_ms, trusted = now
        rule = "open" if is_open(self.hours, now_ms) else "closed"
        detail = "no time since power-on: %s, as at %s" % (rule, "the start" if now_ms is None else now_ms)
        self._log.fault("hours", "hours-held", self.hours is not None and not trusted, detail)

    def _spent(self) -> Spent:
        """The memory of used tokens. When it was lost: what can have been used lives until `max_s` after
        the last time that the log knows of (0: no time ever), and without that, after now.
        """
        state = self._keep.data.get("spent")
        now_ms, trusted = self._now()
        floor_s = self._keep.data.get("known_ms", now_ms or 0) // 1000 + self._tokens.max_s + SKEW_S
        if state is None and trusted:
            state = self._keep.data["spent"] = [floor_s]
        return Spent(state, floor_s)

    def _noise(self, token: "str | None", noise: int) -> None:
        """A reader that gives nothing but noise, visit after visit, is broken."""
        if noise:
            self._count("noise", noise)
        if token is None and not noise:
            return
        visits = self._keep.data["noisy"] = 0 if token else self._keep.data.get("noisy", 0) + 1
        detail = "no token among %d lines, at %d visits" % (noise, visits)
        self._log.fault("reader", "reader-noisy", visits >= NOISY_VISITS, detail)

    def _count(self, code: str, by: int) -> None:
        """Since power-on; the console's `status` shows it."""
        counts = self._keep.data.setdefault("tokens", {})
        counts[code] = counts.get(code, 0) + by
