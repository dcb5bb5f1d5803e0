"""The fuzz targets, grouped so that each process imports, and instruments, only what it needs."""

import sys
from pathlib import Path

_FIRMWARE = str(Path(__file__).parents[3] / "firmware")
if _FIRMWARE not in sys.path:  # the device package `edge`: pytest has it on its path, other programs have not
    sys.path.append(_FIRMWARE)

GROUPS = (
    "messages",
    "server",
    "mqtt",
    "files",
    "intake",
    "journal_file",
    "device_wire",
    "device_store",
    "device_down",
)
