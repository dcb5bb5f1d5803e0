"""What happens to a disk, as a list: the one thing that the device writes and the images are made of.

A file's *body* is what its directory entry points at: it gets a number when it is made, so that a name that
is deleted and made again is another body.
"""

from typing import Any

from msgspec import Struct


class Make(Struct, frozen=True):
    """A file was made: `name` now points at the new body `body`. Durable with its directory."""

    name: str
    body: int


class Write(Struct, frozen=True):
    """Bytes were written; durable with the body's next sync."""

    body: int
    offset: int
    data: bytes


class Truncate(Struct, frozen=True):
    """A body was cut, or made longer with zeros, to `size` bytes; durable with its next sync."""

    body: int
    size: int


class Sync(Struct, frozen=True):
    """What was done to a body is durable from here on; with `directory` all names are, too."""

    body: int
    directory: bool


class SyncFailed(Struct, frozen=True):
    """A sync that reported an error.

    As on Linux: what was unsynced is marked clean, so no later sync writes it, and reading still shows it.
    """

    body: int


class Delete(Struct, frozen=True):
    """A name was removed; durable at once when `directory`, else with the directory's next sync."""

    name: str
    directory: bool


class Mark(Struct, frozen=True):
    """Not the disk's: whoever uses it notes what it has been promised at this point."""

    what: Any


Operation = Make | Write | Truncate | Sync | SyncFailed | Delete | Mark
