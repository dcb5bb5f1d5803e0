"""What a device says it died of, read from its flash alone: its records and its black box. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from simulators.board.firmware import edge

Record = dict[str, Any]

ALLOWED = {
    "watchdog": {"watchdog"},
    "exception": {"task-died"},
    "memory": {"out-of-memory"},
    "brown-out": {"brown-out"},
    "modem": {"modem-hang", "modem-silent", "modem-restarted"},
    "flash": {"flash-error", "log-damaged"},
    "recursion": {"recursion"},
    "clock": {"clock-jumped"},
    "button": {"power-on"},
    "reboot": {"reboot"},
    "settings": {"settings-failed"},
    "driver": {"hang"},
}
"""Each death, and what names it rightly."""

_WORSE = ("task-died", "out-of-memory", "recursion", "flash-error", "log-damaged", "log-full", "clock-jumped",
          "modem-silent", "modem-restarted")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the black box."""

    t_s: int
    boot: int
    code: str
    clock: str
    detail: str


def black_box(image: bytes) -> list[Event]:
    """The last 64 events on an image of the partition `events`, the newest last."""
    box = edge("edge.blackbox")
    return [Event(*box.decode(event)) for event in box.BlackBox(Flash(image)).last()]


def since(records: Iterable[Record], first: int) -> Iterator[Record]:
    """What was recorded after the death: from number `first` on."""
    return (record for record in records if record["seq"] >= first)


def named(records: Iterable[Record]) -> str:
    """The cause that the records after a death give first: why the unit started, or which fault it raised."""
    for record in records:
        if record["kind"] == "boot":
            return str(record["reason"])
        if record["kind"] == "fault" and record["state"] == "raised" and record["code"] in _WORSE:
            return str(record["code"])
    return "nothing"


def told(events: Iterable[Event], boot: int) -> str:
    """The same from the black box alone: its events after those of boot `boot`. A plug that is pulled and put
    back is told too, but only when nothing worse is.
    """
    found = list(events)
    for event in [e for e in found if e.code != "power-on"] + found:
        if event.code in ("error", "boot-good", "safe-mode"):
            continue
        if event.code == "link-failed":
            return event.detail
        if event.boot > boot or event.code in _WORSE:
            return event.code
    return "nothing"


def decode(lines: Iterable[tuple[str, int, bytes]]) -> list[Record]:
    """Records of an image's log, in the order of their numbers."""
    return [json.loads(data) for _log, _seq, data in lines]


class Flash:
    """A flash image to read."""

    def __init__(self, image: bytes) -> None:
        self._image = image

    def readblocks(self, block: int, buf: bytearray, offset: int) -> None:
        at = block * 4096 + offset
        buf[:] = self._image[at : at + len(buf)]

    def writeblocks(self, _block: int, _buf: bytes, _offset: int) -> None:
        raise OSError("read only")

    def ioctl(self, op: int, _arg: int) -> int:
        return len(self._image) // 4096 if op == 4 else 4096
