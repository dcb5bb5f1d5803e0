"""The front of a bin: from the press of the button to the end of the visit. Its code is on the heap while
somebody is there (`edge/unload.py`): first what lets them in, then what serves them.
"""

from edge.app import text
from edge.unload import unload

if False:  # for types
    from edge.app.admission import BayState
    from edge.app.bay import Bay
    from edge.app.bin import Bin

_ENTRY = "app.entry app.admission app.token app.spent measure.hours"
TOKEN_MS = 15_000


async def attend(owner: "Bin") -> None:
    """Somebody pressed the button: one token, one visit."""
    unit, reader = owner.unit, owner.unit.board.part("reader")
    unit.keep.doing("visit")  # bolts move: what a brown-out would be due to
    try:
        owner.show(*text.lines("show-token"))
        token = await reader.token(TOKEN_MS)
        let_in = _admit(owner, token, reader.noise)
        unload(_ENTRY)
        if let_in:
            from edge.app.session import Visit

            bays, user, crew, unweighed = let_in
            await Visit(unit, bays, owner.show, user, crew, unweighed).run()
            unit.keep.data["due_ms"] = unit.clock.local_ms()  # what the visit changed is looked at now
    finally:
        reader.drop()
        unit.keep.doing("")


def _admit(
    owner: "Bin", token: "str | None", noise: int
) -> "tuple[list[Bay], str, bool, tuple[int, ...]] | None":
    """Let them in: (bays, user, crew, numbers of bays that sell no weight). Or say why not: None."""
    from edge.app.entry import Entry

    unit, entry = owner.unit, Entry(owner.unit)
    admission = entry.judge(token, noise, [_state(bay) for bay in owner.bays], owner.can_serve())
    if admission is None:
        owner.show("")
        return None
    ticket = admission.ticket
    bays = [bay for bay in owner.bays if bay.number in admission.bays]
    if not bays:
        log = unit.log
        fields = [("session", "%s-%d" % (log.ring.log, log.ring.head + 1)), ("bay", owner.bays[0].number)]
        fields += [("outcome", "refused"), ("code", admission.code), ("user", ticket.user)]
        log.write("session", fields)
        owner.show(*entry.refusal(admission))
        return None
    entry.spend(ticket)
    return bays, ticket.user or "", ticket.crew, tuple(admission.unweighed)


def _state(bay: "Bay") -> "BayState":
    from edge.app.admission import FULL_PCT, BayState

    settings, keeper = bay.settings, bay.keeper
    parts = (settings["scale"], settings["lock"], settings.get("ranger", ""))
    full_pct, secure = settings.get("full_pct", FULL_PCT), keeper.state != "jammed"
    return BayState(bay.number, parts, keeper.closed, bay.fill.last_pct, full_pct, bay.scale.ready, secure)
