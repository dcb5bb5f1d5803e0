"""A disk that forgets, fails and rots: hardware below SQLite. Knows files and sectors, nothing of a gateway.

`disk` is the device (an SQLite VFS by apsw, over ordinary files) and its log of operations; `images` makes of
such a log what a power cut at any instant may leave, without I/O; `faults` says which operation fails;
`connection` lets code that is written for the standard library's sqlite3 run on it.
"""

from simulators.disk.connection import Connection
from simulators.disk.disk import Disk
from simulators.disk.faults import Fault, rot
from simulators.disk.images import SECTOR, Cut, Keep, Replay, cuts

__all__ = ["SECTOR", "Connection", "Cut", "Disk", "Fault", "Keep", "Replay", "cuts", "rot"]
