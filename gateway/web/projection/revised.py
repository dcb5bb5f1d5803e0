"""What a later judgement of a stored record changes in the projection. Pure.

A record that counts now is taken in as if it had just come; one that no longer counts goes from lists, charts
and sums. A device's state keeps what it showed: the next record replaces it.
"""

from collections.abc import Mapping

import msgspec

from gateway.journal import Outcome, Stored
from gateway.journal.stored import Revision
from gateway.web.projection.batch import Changes, decoded, sample
from gateway.web.projection.model import DeviceState, apply_record, fork
from gateway.web.projection.store import BUCKET_MS, Recent, Sample


class Revised(msgspec.Struct):
    """List entries with their new judgement, and samples to take away."""

    recent: list[Recent] = msgspec.field(default_factory=list)
    gone: list[Sample] = msgspec.field(default_factory=list)


def revise(
    out: Changes,
    done: Revised,
    one: Revision,
    known: Recent | None,
    states: Mapping[str, DeviceState],
    now_ms: int,
) -> None:
    """Take one revision into `out` and `done`. `known`: its record's list entry, None when it is too old."""
    record = decoded(Stored(one.seq, one.raw, one.outcome, one.codes, one.t_ms))
    before = Outcome(known.outcome) if known is not None else Outcome.QUARANTINED
    t: int | None = one.t_ms if one.t_ms is not None else record.get("t")
    if known is not None:
        bucket = known.received_ms - known.received_ms % BUCKET_MS
        # A new refusal is counted with its own new entry of the quarantine.
        out.tallies[bucket, before.value] -= 1
        if one.outcome is not Outcome.QUARANTINED:
            out.tallies[bucket, one.outcome.value] += 1
        if record.get("kind") == "deposit":
            counted = before is not Outcome.QUARANTINED
            counts = one.outcome is not Outcome.QUARANTINED
            out.tallies[bucket, "deposited_g"] += (counts - counted) * int(record["net_g"])
        done.recent.append(
            msgspec.structs.replace(known, outcome=one.outcome.value, codes=one.codes, t=t or known.t)
        )
        if counts_no_more(before, one) and known.kind is not None and known.t is not None:
            done.gone.append(Sample(one.device, known.kind, known.t, one.seq, one.raw))
    if one.outcome is Outcome.QUARANTINED or t is None:
        return
    state = out.states.get(one.device) or fork(states.get(one.device) or DeviceState(one.device))
    out.states[one.device] = state
    track_ms = state.position.t if state.position else 0
    apply_record(state, one.log, t, record, one.raw)
    sample(out.samples, one.device, t, record, one.raw, now_ms, track_ms)


def counts_no_more(before: Outcome, one: Revision) -> bool:
    """Whether a record that was used is refused now."""
    return before is not Outcome.QUARANTINED and one.outcome is Outcome.QUARANTINED
