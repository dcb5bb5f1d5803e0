"""Which sector of the flash log is the newest, found by bisection: pure but for the header reads.

After any power cut 3 + log2(sectors) headers are read; where one is damaged, all are looked at, once each.
"""

if False:  # for types
    from collections.abc import Callable

    Header = tuple[int, ...]


def newest(header: "Callable[[int], Header | None]", count: int) -> "Header | None":
    """The newest sector's header; None when there is none. `header(index)`: (log id, serial, first, acked);
    () when it is blank; None when it is neither.
    """
    lo, low = 0, header(0)
    if not low:  # it may be the one that a cut left in doubt
        lo, low = 1, header(1)
    if not low:
        return _of_all(header, count)
    base = low[1] - lo
    hi, best = count - 1, low
    while lo < hi:
        mid = (lo + hi + 1) // 2
        found = header(mid)
        if found and found[0] == low[0] and found[1] == base + mid:
            lo, best = mid, found
        else:
            hi = mid - 1
    # A power cut leaves no more than the sector after the newest in doubt. The one behind that must be from
    # the lap before, or blank when there was none: else a header in between was damaged.
    behind = header((lo + 2) % count)
    serial = best[1] + 2 - count
    if behind == () if serial < 0 else behind and behind[0] == low[0] and behind[1] == serial:
        return best
    return _of_all(header, count)


def _of_all(header: "Callable[[int], Header | None]", count: int) -> "Header | None":
    best = None
    for index in range(count):
        found = header(index)
        if found and (best is None or found[1] > best[1]):
            best = found
    return best
