"""The contract's messages and records as typed structs: what `schemas/` says, for compiler and decoder.

`schemas/*.json` is the source; `tests/contract` proves that these types accept exactly the same. Units stand
in the names. An optional field is `UNSET` when absent (test with `is UNSET`), never None: the contract knows
no null there. The structs refuse fields they do not know, which is what lets a whole message be decoded in
one pass with nothing skipped unseen; `gateway.contract` takes its slow path for newer fields.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

TEXT = r"^[^\u0000-\u001f\u007f]+(?!\n)$"

Version = Annotated[int, Meta(ge=1, le=1)]
LogId = Annotated[str, Meta(min_length=8, max_length=8, pattern="^[0-9a-f]{8}$")]
Seq = Annotated[int, Meta(ge=0, le=2**32 - 1)]
TimeMs = Annotated[int, Meta(ge=0, le=9_223_372_036_853)]
Revision = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Clock = Literal["gnss", "ntp", "rtc", "back", "none"]

MassG = Annotated[int, Meta(ge=-200_000_000, le=200_000_000)]
LatE7 = Annotated[int, Meta(ge=-900_000_000, le=900_000_000)]
LonE7 = Annotated[int, Meta(ge=-1_800_000_000, le=1_800_000_000)]
Bay = Annotated[int, Meta(ge=0, le=99)]
OpenMs = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(?!\n)$")]
Word = Annotated[str, Meta(min_length=1, max_length=48, pattern=r"^[a-z0-9][a-z0-9_-]*(?!\n)$")]
Text64 = Annotated[str, Meta(min_length=1, max_length=64, pattern=TEXT)]
Text200 = Annotated[str, Meta(min_length=1, max_length=200, pattern=TEXT)]
CommandId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+(?!\n)$")]
Mac = Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]


class RecordBase(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="kind"):
    """What every record carries. (device, log, seq) names it for ever."""

    seq: Seq
    t: TimeMs
    clock: Clock

    @property
    def kind(self) -> str:
        """The record's kind, as in its JSON."""
        return str(self.__struct_config__.tag)


class Reading(RecordBase, frozen=True, gc=False, tag="reading"):
    """State of a unit, or of one bay."""

    bay: Bay | UnsetType = UNSET
    mass_g: MassG | UnsetType = UNSET
    fill_pct: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    temp_dc: Annotated[int, Meta(ge=-1000, le=2000)] | UnsetType = UNSET
    battery_mv: Annotated[int, Meta(ge=0, le=100_000)] | UnsetType = UNSET
    solar_mw: Annotated[int, Meta(ge=0, le=10_000_000)] | UnsetType = UNSET
    rssi_dbm: Annotated[int, Meta(ge=-200, le=50)] | UnsetType = UNSET


class Deposit(RecordBase, frozen=True, gc=False, tag="deposit"):
    """Something was put in and weighed; only ever a stable weighing."""

    session: Name
    bay: Bay
    category: Word
    net_g: MassG
    before_g: MassG
    after_g: MassG
    e_g: Annotated[int, Meta(ge=1, le=1_000_000)]
    cal: Name
    below_min: bool
    open_ms: OpenMs
    user: Text64 | UnsetType = UNSET


class Session(RecordBase, frozen=True, gc=False, tag="session"):
    """A session that is not a deposit."""

    session: Name
    bay: Bay
    outcome: Literal["nothing", "removed", "refused", "unstable", "fault"]
    code: Word | UnsetType = UNSET
    user: Text64 | UnsetType = UNSET
    open_ms: OpenMs | UnsetType = UNSET


class Collect(RecordBase, frozen=True, gc=False, tag="collect"):
    """A crew emptied a bay; `net_g` is what was taken out, positive."""

    bay: Bay
    category: Word
    net_g: MassG
    by: Text64 | UnsetType = UNSET


class Door(RecordBase, frozen=True, gc=False, tag="door"):
    """A door or its lock changed state."""

    door: Name
    state: Literal["locked", "unlocked", "open", "closed", "forced", "jammed"]
    cause: Literal["user", "crew", "command", "schedule", "fence", "power"] | UnsetType = UNSET


class Position(RecordBase, frozen=True, gc=False, tag="position"):
    """A fix, exactly as the receiver reported it."""

    lat_e7: LatE7
    lon_e7: LonE7
    speed_cmps: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    course_cdeg: Annotated[int, Meta(ge=0, le=36_000)] | UnsetType = UNSET
    hdop_c: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    sats: Annotated[int, Meta(ge=0, le=255)] | UnsetType = UNSET


class Fence(RecordBase, frozen=True, gc=False, tag="fence"):
    """The unit crossed a geofence."""

    fence: Text64
    event: Literal["enter", "exit"]
    lat_e7: LatE7
    lon_e7: LonE7


class Weigh(RecordBase, frozen=True, gc=False, tag="weigh"):
    """A weighing that is not a deposit: a truck's lifter, a weighbridge."""

    scale: Name
    gross_g: MassG
    tare_g: MassG
    net_g: MassG
    stable: bool
    ident: Text64 | UnsetType = UNSET
    lot: Text64 | UnsetType = UNSET


class Fault(RecordBase, frozen=True, gc=False, tag="fault"):
    """A fault was found, or has gone."""

    part: Name
    code: Word
    state: Literal["raised", "cleared"]
    detail: Text200 | UnsetType = UNSET


class Boot(RecordBase, frozen=True, gc=False, tag="boot"):
    """The unit started."""

    reason: Word
    fw: Text64
    hw: Text64
    breadcrumb: Text200 | UnsetType = UNSET


Record = Reading | Deposit | Session | Collect | Door | Position | Fence | Weigh | Fault | Boot
KINDS: dict[str, type[RecordBase]] = {
    str(cls.__struct_config__.tag): cls
    for cls in (Reading, Deposit, Session, Collect, Door, Position, Fence, Weigh, Fault, Boot)
}


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """`up/state`: presence of a device, retained; also its last will."""

    v: Version
    online: bool
    fw: Text64 | UnsetType = UNSET
    rev: Revision | UnsetType = UNSET
    log: LogId | UnsetType = UNSET
    first: Seq | UnsetType = UNSET
    head: Seq | UnsetType = UNSET
    lost: Annotated[list[tuple[Seq, Seq]], Meta(max_length=16)] | UnsetType = UNSET
    next: TimeMs | UnsetType | None = UNSET
    level: Literal["normal", "saver", "survival", "dark"] | UnsetType = UNSET
    charge_pct: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    clock_error_ms: Annotated[int, Meta(ge=0, le=9_223_372_036_853)] | UnsetType = UNSET
    used_mwh: dict[str, Any] | UnsetType = UNSET


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    """`up/replies`: what became of a command."""

    v: Version
    id: CommandId
    state: Literal["accepted", "done", "failed", "expired", "refused"]
    t: TimeMs
    code: Word | UnsetType = UNSET
    result: dict[str, Any] | UnsetType = UNSET


class Ack(Struct, frozen=True, forbid_unknown_fields=True):
    """`down/ack`: all records up to and including `seq` are durable."""

    v: Version
    log: LogId
    seq: Seq


class Command(Struct, frozen=True, forbid_unknown_fields=True):
    """`down/commands`: a command, not to be begun after `exp`."""

    v: Version
    id: CommandId
    name: Word
    args: dict[str, Any]
    exp: TimeMs
    mac: Mac


class Desired(Struct, frozen=True, forbid_unknown_fields=True):
    """`down/desired`: the configuration that the device is to take on, retained."""

    v: Version
    rev: Revision
    config: dict[str, Any]
    mac: Mac
