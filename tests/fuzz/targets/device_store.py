"""A device's flash with damage anywhere: log, durable state, settings. It starts and tells the truth.

The first bytes choose how the flash came to be, the rest are damaged places: three bytes of address, one that
is XORed there. Nobody may have to lend a hand: the next write works, and so does the next start.
"""

from collections.abc import Iterator
from functools import cache

from edge.errors import EdgeError
from edge.store import settings
from edge.store.ring import Ring
from edge.store.state import State

from tests.device.flash import SECTOR, Flash
from tests.fuzz.target import Target, require

_LOG = 0x5EED0042
_OTHER_LOG = 0x0B5E55ED
_LOG_SECTORS = 6
_SETTINGS_SECTORS = 4
_DOC = {"device": "bin-001", "unit": "bin", "text": "旧" * 900}


def _text(seq: int) -> bytes:
    filler = b"x" * (seq * 37 % 300)
    return b'{"seq":%d,"t":%d,"clock":"ntp","kind":"reading","bay":1,"ident":"%b"}' % (seq, seq, filler)


@cache
def _log(records: int, unacknowledged: int) -> tuple[bytes, int, int]:
    """A log of so many records: its flash, the newest number, and up to which it is acknowledged."""
    flash = Flash(_LOG_SECTORS)
    ring = Ring(flash, lambda: _LOG)
    for _ in range(records):
        ring.append(_text(ring.head + 1), spare=False)
        if ring.head % 5 == 0:
            ring.ack(max(1, ring.head - unacknowledged))
    return bytes(flash.image), ring.head, ring.acked


def _damaged(image: bytes, data: bytes) -> tuple[Flash, int]:
    """The flash with its damage, and at how many places."""
    flash = Flash(0, image)
    places = 0
    for at in range(0, len(data) - 3, 4):
        place = int.from_bytes(data[at : at + 3], "big") % len(image)
        flash.image[place] ^= data[at + 3]
        places += data[at + 3] != 0
    return flash, places


def log(data: bytes) -> None:
    """The log: true records, the rest named as lost, and numbers that are never given twice."""
    if len(data) < 2:
        return
    image, head, acked = _log(data[0] % 160, 10 + data[1] % 20)
    flash, places = _damaged(image, data[2:82])
    before = bytes(flash.image)
    single = not image[SECTOR:].strip(b"\xff")
    least = 1 if single else 2  # with one sector there is no other header to go by
    try:
        ring = Ring(flash, lambda: _OTHER_LOG)
    except EdgeError as error:
        require(error.code == "log-unreadable", "code", error.code)
        require(bytes(flash.image) == before, "a log that cannot be read was written to")
        require(places >= least, "one damaged place makes all unreadable", head)
        return
    if ring.log != f"{_LOG:08x}":
        require(places >= least or not head, "one damaged place ends the log", head)
        _goes_on(ring, flash)
        return
    held = dict(_read(ring))
    for seq, text in held.items():
        require(text == _text(seq), "not what was written", seq, text)
    lost = {seq for first, last in ring.lost() for seq in range(first, last + 1)}
    require(not lost & held.keys(), "lost and here", lost & held.keys())
    if places <= 1 and head:
        # The newest alone may look as if the power had failed while it was written.
        missing = set(range(acked + 1, head)) - held.keys() - lost
        require(not missing, "neither here nor lost", missing)
        require(ring.head >= head - 1, "a number would be given twice", ring.head, head)
    _goes_on(ring, flash)


def _read(ring: Ring) -> Iterator[tuple[int, bytes]]:
    """All that is not acknowledged."""
    seq = ring.first
    for _ in range(2000):
        run = ring.read(seq, 4000)
        if not run:
            return
        require(run[0][0] >= seq, "went back", run[0][0], seq)
        yield from run
        seq = run[-1][0] + 1
    require(False, "reading does not end", seq)


def _goes_on(ring: Ring, flash: Flash) -> None:
    """The next record is written, found after a restart, sent and freed."""
    for _ in range(3):
        seq = ring.head + 1
        try:
            require(ring.append(_text(seq), spare=False) == seq, "number", seq)
        except EdgeError as error:
            require(error.code == "log-full", "code", error.code)
            ring.ack(ring.head)
            continue
        flash = Flash(0, bytes(flash.image))
        ring = Ring(flash, lambda: _LOG)
        require(ring.head == seq, "forgotten at the next start", ring.head, seq)
        require(dict(ring.read(seq, 4000)).get(seq) == _text(seq), "not what was written", seq)
    ring.ack(ring.head)
    require(ring.first == ring.head + 1, "not freed", ring.first, ring.head)


@cache
def _state(writes: int) -> bytes:
    flash = Flash(4)
    state = State(flash)
    for n in range(writes):
        state.put("n", n)
        state.put("visit", {"user": "x" * (n * 41 % 300)})
    return bytes(flash.image)


def state(data: bytes) -> None:
    """Zero, visit, commands seen: what was put once, or nothing at all; and the next put holds."""
    if not data:
        return
    writes = data[0] % 24
    flash, places = _damaged(_state(writes), data[1:61])
    found = State(flash)
    n, visit = found.get("n"), found.get("visit")
    require(n is None or (isinstance(n, int) and 0 <= n < writes), "never put", n)
    require(visit is None or visit in [{"user": "x" * (k * 41 % 300)} for k in range(writes)], "visit", visit)
    if places <= 1 and writes > 1:
        require(n is not None and n >= writes - 2, "one damaged place takes more than the last", n, writes)
    for value in (77, 78):
        found.put("n", value)
        flash = Flash(0, bytes(flash.image))
        found = State(flash)
        require(found.get("n") == value and not found.damaged, "forgotten at the next start", value)


@cache
def _settings(saves: int) -> bytes:
    flash = Flash(0, settings.encode(_DOC, _SETTINGS_SECTORS * SECTOR))
    for n in range(saves):
        settings.save(flash, {**_DOC, "n": n})
    return bytes(flash.image)


def configuration(data: bytes) -> None:
    """The settings: one of the documents that were saved, or the named error; the next save holds."""
    if not data:
        return
    saves = 1 + data[0] % 4
    flash, places = _damaged(_settings(saves), data[1:41])
    try:
        doc = settings.load(flash)
    except EdgeError as error:
        require(error.code == "settings-missing", "code", error.code)
        require(places > 1, "one damaged place takes both copies")
    else:
        require({**doc, "n": 0} == {**_DOC, "n": 0} and doc.get("n", 0) in range(saves), "never saved", doc)
    settings.save(flash, {**_DOC, "n": 99})
    require(settings.load(flash).get("n") == 99, "the next save does not hold")


def _places(*pairs: tuple[int, int]) -> bytes:
    return b"".join(at.to_bytes(3, "big") + bytes((value,)) for at, value in pairs)


def _seeds(heads: list[bytes], size: int) -> list[bytes]:
    places = [0, 4, 8, 12, 16, 20, 24, 28, 30, 60, 900, 1024, 2048, SECTOR, SECTOR + 9, size - 1]
    damage = [
        b"",
        *(_places((at, value)) for at in places for value in (1, 255)),
        _places((0, 1), (SECTOR, 1)),
    ]
    return [head + one for head in heads for one in damage]


TARGETS = (
    Target(
        "device-log",
        log,
        lambda: _seeds([bytes((n, 3)) for n in (0, 1, 9, 30, 75, 159)], _LOG_SECTORS * SECTOR),
        max_bytes=90,
        weight=3,
    ),
    Target("device-state", state, lambda: _seeds([b"\0", b"\1", b"\x05", b"\x17"], 4 * SECTOR), max_bytes=64),
    Target(
        "device-settings",
        configuration,
        lambda: _seeds([b"\0", b"\3"], _SETTINGS_SECTORS * SECTOR),
        max_bytes=48,
    ),
)
