"""Who may use which bay now, and if not, why: one pure function.

The first reason that holds is the one that is told:

| order | code | holds for |
|---|---|---|
| 1 | `overheated` | everybody: an opened door feeds a fire |
| 2 | `token-…`, `clock-unknown` | who showed the token |
| 3 | `battery-low` | everybody: a bolt that is pulled must also get home |
| 4 | `log-full` | everybody: nothing could be recorded |
| 5 | `closed` | residents, out of the opening hours |
| 6 | `door-open` `bay-full` `under-repair` | a bay; told when none is left, the first that any has |

Crews are let in at any hour, and to bays that are full or whose scale is broken. A bolt that does
not come out does not close its bay: it is tried again at each visit. One that does not go home does.
"""

from edge.measure.deposit import BROKEN, DOUBTFUL

if False:  # for types
    from edge.app.token import Ticket
    from edge.measure.hours import Hours

FULL_PCT = 95  # what is still put in must also fit

_FULL = "scale-overload"


class BayState:
    """A bay as it is now. `parts`: names of its scale, lock and fill sensor; `closed`: its door is;
    `fill_pct`: last known, None when not; `full_pct`: from where on nobody may put more in; `calibrated`:
    its scale is; `secure`: its bolt goes home.
    """

    def __init__(
        self,
        number: int,
        parts: "tuple[str, ...]",
        closed: bool = True,
        fill_pct: "int | None" = None,
        full_pct: int = FULL_PCT,
        calibrated: bool = True,
        secure: bool = True,
    ) -> None:
        self.number = number
        self.parts = parts
        self.closed = closed
        self.fill_pct = fill_pct
        self.full_pct = full_pct
        self.calibrated = calibrated
        self.secure = secure

    def refusal(self, faults: "list[str]", crew: bool) -> "str | None":
        """Why this bay may not be used now; None: it may."""
        if not self.closed:
            return "door-open"
        if crew:
            return None
        if (self.fill_pct is not None and self.fill_pct >= self.full_pct) or self._has(_FULL, faults):
            return "bay-full"
        return None if self.secure and not self._has(BROKEN, faults) else "under-repair"

    def weighs(self, faults: "list[str]") -> bool:
        """Whether what is put in can be weighed."""
        return self.calibrated and not self._has(BROKEN + " " + DOUBTFUL, faults)

    def _has(self, codes: str, faults: "list[str]") -> bool:
        for part in self.parts:
            for code in codes.split():
                if part + " " + code in faults:
                    return True
        return False


class Admission:
    """`bays`: numbers of those that may be unlocked; `unweighed`: those of them that sell no weight;
    `code`: why none may be (None when one may); `next_ms`: when it opens, for `closed`; `held`: the hours
    were judged by the last time that was trusted; `ticket`: whose it is.
    """

    def __init__(self, ticket: "Ticket", held: bool) -> None:
        self.ticket = ticket
        self.held = held
        self.bays: "list[int]" = []
        self.unweighed: "list[int]" = []
        self.code: "str | None" = None
        self.next_ms: "int | None" = None


def is_open(hours: "Hours | None", now_ms: "int | None") -> bool:
    """By the clock, or by the last time that was trusted; a unit that never knew the time is open."""
    return hours is None or now_ms is None or hours.open_at(now_ms)


def decide(
    now_ms: "int | None",
    trusted: bool,
    hours: "Hours | None",
    bays: "list[BayState]",
    battery: bool,
    faults: "list[str]",
    ticket: "Ticket",
) -> Admission:
    """See the module. `now_ms`: ms since 1970; when it is not `trusted`, the last time that was (None: none
    ever). `battery`: it can finish an unlock. `faults`: raised now, as "part code".
    """
    result = Admission(ticket, hours is not None and not trusted)
    if any(name.endswith(" overheated") for name in faults):
        result.code = "overheated"
    elif ticket.code:
        result.code = ticket.code
    elif not battery:
        result.code = "battery-low"
    elif "log log-full" in faults:
        result.code = "log-full"
    elif not ticket.crew and not is_open(hours, now_ms):
        result.code = "closed"
        if trusted and hours is not None and now_ms is not None:
            result.next_ms = hours.next_opening(now_ms)
    else:
        _bays(result, bays, faults)
    return result


def _bays(result: Admission, bays: "list[BayState]", faults: "list[str]") -> None:
    reasons: "list[str]" = []
    for bay in bays:
        reason = bay.refusal(faults, result.ticket.crew)
        if reason:
            reasons.append(reason)
            continue
        result.bays.append(bay.number)
        if not bay.weighs(faults):
            result.unweighed.append(bay.number)
    if not result.bays:
        for code in ("door-open", "bay-full", "under-repair"):
            if code in reasons:
                result.code = code
                return
        result.code = "under-repair"  # no bay is fitted
