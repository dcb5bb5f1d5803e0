"""What one batch of the journal's rows changes in the projection. Pure: rows in, changes out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import msgspec

from gateway.journal import Outcome, Row, Stored
from gateway.web.projection.model import DeviceState, Record, apply_record, fork
from gateway.web.projection.store import BUCKET_MS, KEEP_MS, Recent, Sample

TRACK_GAP_MS = 5_000  # a track on a screen needs no more points than this
SAMPLED = frozenset(KEEP_MS)


class Changes(msgspec.Struct):
    """New states by device, samples, list entries, tallies by (bucket, name), and the cursor behind them."""

    cursor: int
    states: dict[str, DeviceState] = msgspec.field(default_factory=dict)
    samples: list[Sample] = msgspec.field(default_factory=list)
    recent: list[Recent] = msgspec.field(default_factory=list)
    tallies: Counter[tuple[int, str]] = msgspec.field(default_factory=Counter)


def changes(
    rows: Iterable[Row], states: Mapping[str, DeviceState], cursor: int, pos: int, now_ms: int
) -> Changes:
    """Work out a batch. `pos`: the number of the newest list entry so far."""
    out = Changes(cursor)
    for row in rows:
        state = out.states.get(row.device)
        if state is None:
            state = fork(states.get(row.device) or DeviceState(row.device))
            out.states[row.device] = state
        state.heard_ms = max(state.heard_ms, row.received_ms)
        for stored in row.records():
            pos += 1
            record = decoded(stored)
            t: int = stored.t_ms if stored.t_ms is not None else record.get("t", row.received_ms)
            out.recent.append(_recent(pos, row, stored, record, t))
            if stored.outcome == Outcome.QUARANTINED:
                continue  # counted with the quarantine, which also holds what never became a row
            bucket = row.received_ms - row.received_ms % BUCKET_MS
            out.tallies[bucket, stored.outcome.value] += 1
            if record.get("kind") == "deposit":
                out.tallies[bucket, "deposited_g"] += record["net_g"]
            track_ms = state.position.t if state.position else 0
            apply_record(state, row.log, t, record, stored.raw)
            sample(out.samples, row.device, t, record, stored.raw, now_ms, track_ms)
        out.cursor = row.id
    return out


_DECODER = msgspec.json.Decoder(dict[str, Any])


def decoded(stored: Stored) -> Record:
    """A record's fields; none when its text is no JSON object."""
    try:
        found: Record = _DECODER.decode(stored.raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}  # only ever a quarantined one
    return found


def _recent(pos: int, row: Row, stored: Stored, record: Record, t: object) -> Recent:
    kind = record.get("kind")
    return Recent(
        pos=pos,
        received_ms=row.received_ms,
        device=row.device,
        log=row.log,
        seq=stored.seq,
        t=t if _is_time(t) else None,
        kind=kind if isinstance(kind, str) else None,
        outcome=stored.outcome.value,
        codes=stored.codes,
        record=stored.raw,
    )


def _is_time(t: object) -> TypeGuard[int]:
    """A refused record may carry anything in place of its time; SQLite takes 64 bits."""
    return isinstance(t, int) and not isinstance(t, bool) and 0 <= t < 2**53


def sample(
    samples: list[Sample], device: str, t: int, record: Record, raw: bytes, now_ms: int, track_ms: int
) -> None:
    """Keep it for charts and sums, where it is of a kind that is kept, and not too old."""
    kind = record.get("kind")
    if kind not in SAMPLED or t < now_ms - KEEP_MS[kind]:
        return
    if kind == "position" and t // TRACK_GAP_MS == track_ms // TRACK_GAP_MS:
        return
    samples.append(Sample(device, kind, t, record["seq"], raw))
