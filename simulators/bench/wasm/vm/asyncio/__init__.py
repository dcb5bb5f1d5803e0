"""`asyncio` as on the chip. The interpreter's own waits for JavaScript's event loop and cannot block: `core`
and `stream` are written here, the rest is what it carries (the chip's own files).
"""

from .core import *

__path__ = ".frozen/asyncio"
from .event import Event, ThreadSafeFlag
from .funcs import gather, wait_for, wait_for_ms
from .lock import Lock

__path__ = __file__[: __file__.rfind("/")]
from .stream import StreamReader, StreamWriter, open_connection
