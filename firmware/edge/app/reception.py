"""The front of a bin: from the press of the button to the end of the visit. On the heap while somebody is
there (`edge/unload.py`).
"""

from edge.app import text
from edge.app.admission import FULL_PCT, BayState
from edge.app.entry import Entry
from edge.app.session import Visit

if False:  # for types
    from edge.app.bay import Bay
    from edge.app.bin import Bin

TOKEN_MS = 15_000


async def attend(owner: "Bin") -> None:
    """Somebody pressed the button: one token, one visit."""
    unit, reader = owner.unit, owner.unit.board.part("reader")
    unit.keep.doing("visit")  # bolts move: what a brown-out would be due to
    try:
        owner.show(*text.lines("show-token"))
        token = await reader.token(TOKEN_MS)
        await _admit(owner, token, reader.noise)
    finally:
        reader.drop()
        unit.keep.doing("")


async def _admit(owner: "Bin", token: "str | None", noise: int) -> None:
    """Let them in, or say why not."""
    unit, entry = owner.unit, Entry(owner.unit)
    admission = entry.judge(token, noise, [_state(bay) for bay in owner.bays], owner.can_serve())
    if admission is None:
        owner.show("")
        return
    ticket = admission.ticket
    bays = [bay for bay in owner.bays if bay.number in admission.bays]
    if not bays:
        log = unit.log
        fields = [("session", "%s-%d" % (log.ring.log, log.ring.head + 1)), ("bay", owner.bays[0].number)]
        fields += [("outcome", "refused"), ("code", admission.code), ("user", ticket.user)]
        log.write("session", fields)
        owner.show(*entry.refusal(admission))
        return
    entry.spend(ticket)
    visit = Visit(unit, bays, owner.show, ticket.user or "", ticket.crew, tuple(admission.unweighed))
    await visit.run()
    unit.keep.data["due_ms"] = unit.clock.local_ms()  # what the visit changed is looked at now


def _state(bay: "Bay") -> BayState:
    settings, keeper = bay.settings, bay.keeper
    parts = (settings["scale"], settings["lock"], settings.get("ranger", ""))
    full_pct, secure = settings.get("full_pct", FULL_PCT), keeper.state != "jammed"
    return BayState(bay.number, parts, keeper.closed, bay.fill.last_pct, full_pct, bay.scale.ready, secure)
