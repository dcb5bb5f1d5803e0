"""A flash partition whose errors have a name: `flash-error`, with what was tried and where."""

from edge.errors import EdgeError

if False:  # for types
    from edge.types import BlockDevice


class Flash:
    """The block device `inner` under the name `label`. An operation that fails is tried once more: a flash
    that was busy answers the second time.
    """

    def __init__(self, label: str, inner: "BlockDevice") -> None:
        self._label = label
        self._inner = inner

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        try:
            self._inner.readblocks(block, buf, offset)
        except OSError:
            try:
                self._inner.readblocks(block, buf, offset)
            except OSError as error:
                raise self._failed("read", block, error) from None

    def writeblocks(self, block: int, buf: bytes, offset: int) -> None:
        """Programming the same bytes a second time is harmless: bits only clear."""
        try:
            self._inner.writeblocks(block, buf, offset)
        except OSError:
            try:
                self._inner.writeblocks(block, buf, offset)
            except OSError as error:
                raise self._failed("write", block, error) from None

    def ioctl(self, op: int, arg: int) -> "int | None":
        try:
            return self._inner.ioctl(op, arg)
        except OSError:
            try:
                return self._inner.ioctl(op, arg)
            except OSError as error:
                raise self._failed("erase" if op == 6 else "ask", arg, error) from None

    def _failed(self, what: str, block: int, error: OSError) -> EdgeError:
        return EdgeError("flash-error", "%s, %s of sector %d: %s" % (self._label, what, block, error))
