"""A device's state, and what one record or announcement changes in it. Pure: no clock, no I/O.

Order is decided by the record's own number, never by its time: a device's clock may jump, its `seq` may not.
So a value is replaced by a record of a higher `seq` of the same log, or of any other log.
"""

import sys
from typing import Any

import msgspec

METRICS = ("fill_pct", "mass_g", "battery_mv", "temp_dc", "solar_mw", "rssi_dbm")
OF_A_BAY = ("fill_pct", "mass_g")  # what a reading's `bay` speaks of; all else is of the whole unit
MAX_FAULTS = 32  # per device; a device that raises more has one problem, not forty
MAX_PARTS = 16  # doors, fences, bays, scales: a device cannot grow the state without bound

Record = dict[str, Any]
_DECODER = msgspec.json.Decoder(Record)


class Metric(msgspec.Struct, gc=False):
    """The latest value of one metric, when (the record's own time, ms), by which record."""

    value: int
    t: int
    log: str
    seq: int


class Slot(msgspec.Struct, gc=False):
    """The latest record on one thing, as its JSON text: of ten thousand units few are looked at."""

    raw: msgspec.Raw
    t: int
    log: str
    seq: int

    @property
    def value(self) -> Record:
        """The record's fields."""
        fields: Record = _DECODER.decode(self.raw)
        return fields


class DeviceState(msgspec.Struct, omit_defaults=True):
    """All that the page shows of one device.

    `heard_ms` is when the gateway last received anything; the slots carry the records' own times. `link` is
    the last `up/state` body, `link_ms` when it came.
    """

    device: str
    heard_ms: int = 0
    link: Record | None = None
    link_ms: int = 0
    metrics: dict[str, Metric] = msgspec.field(
        default_factory=dict
    )  # "fill_pct" of the unit, "fill_pct/2" of bay 2
    position: Slot | None = None
    boot: Slot | None = None
    doors: dict[str, Slot] = msgspec.field(default_factory=dict)
    fences: dict[str, Slot] = msgspec.field(default_factory=dict)
    faults: dict[str, Slot] = msgspec.field(default_factory=dict)
    deposits: dict[str, Slot] = msgspec.field(default_factory=dict)  # the last one of each bay
    collects: dict[str, Slot] = msgspec.field(default_factory=dict)  # the last one of each bay
    weighs: dict[str, Slot] = msgspec.field(default_factory=dict)  # the last one of each scale


def apply_record(state: DeviceState, log: str, t: int, record: Record, raw: bytes) -> None:
    """Take in one accepted or flagged record, `raw` being its text.

    `t` is its time, or the gateway's when its own is not known.
    """
    log, seq, kind = sys.intern(log), record["seq"], record.get("kind")
    if kind == "reading":
        bay = f"/{record['bay']}" if "bay" in record else ""
        for name in METRICS:
            if name in record:
                key = sys.intern(name + bay) if name in OF_A_BAY else name
                _put_metric(state.metrics, key, Metric(record[name], t, log, seq))
        return
    new = Slot(msgspec.Raw(raw), t, log, seq)
    match kind:
        case "position":
            if _newer(new, state.position):
                state.position = new
        case "boot":
            if _newer(new, state.boot):
                state.boot = new
        case "door":
            _put(state.doors, str(record["door"]), new, MAX_PARTS)
        case "fence":
            _put(state.fences, str(record["fence"]), new, MAX_PARTS)
        case "fault":
            _put(state.faults, f"{record['part']}/{record['code']}", new, MAX_FAULTS)
        case "deposit":
            _put(state.deposits, str(record["bay"]), new, MAX_PARTS)
        case "collect":
            _put(state.collects, str(record["bay"]), new, MAX_PARTS)
        case "weigh":
            _put(state.weighs, str(record["scale"]), new, MAX_PARTS)


def apply_link(state: DeviceState, received_ms: int, body: Record) -> None:
    """Take in an `up/state` announcement, unless a later one is known.

    A last will says little more than `online: false`; what it leaves out is still true, but for `next`.
    """
    if received_ms >= state.link_ms:
        state.link, state.link_ms = {**(state.link or {}), "next": None, **body}, received_ms
        state.heard_ms = max(state.heard_ms, received_ms)


def metric(state: DeviceState, name: str) -> dict[int | None, Metric]:
    """The latest values of one metric by bay (None: of the whole unit)."""
    found: dict[int | None, Metric] = {}
    for key, slot in state.metrics.items():
        of, _, bay = key.partition("/")
        if of == name:
            found[int(bay) if bay else None] = slot
    return found


def raised_faults(state: DeviceState) -> list[Slot]:
    """Faults that were raised and not cleared, the newest first."""
    raised = [slot for slot in state.faults.values() if slot.value.get("state") == "raised"]
    return sorted(raised, key=lambda slot: slot.t, reverse=True)


def _newer(new: Slot | Metric, old: Slot | Metric | None) -> bool:
    return old is None or new.log != old.log or new.seq > old.seq


def _put_metric(slots: dict[str, Metric], key: str, new: Metric) -> None:
    if _newer(new, slots.get(key)):
        slots[key] = new
        if len(slots) > len(METRICS) * MAX_PARTS:
            del slots[min(slots, key=lambda k: slots[k].t)]


def _put(slots: dict[str, Slot], key: str, new: Slot, limit: int) -> None:
    if not _newer(new, slots.get(key)):
        return
    slots[key] = new
    if len(slots) > limit:  # forget what was settled first, then what is oldest
        del slots[min(slots, key=lambda k: (slots[k].value.get("state") == "raised", slots[k].t))]


def fork(state: DeviceState) -> DeviceState:
    """A copy to change while readers hold the former one (slots are never changed, only replaced)."""
    tables = ("metrics", "doors", "fences", "faults", "deposits", "collects", "weighs")
    copied = {name: dict(getattr(state, name)) for name in tables}
    return msgspec.structs.replace(state, **copied)
