"""What is missing between the records that are here. Computed from the rows above each log's mark."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from gateway.journal.stored import Gap

Query = Callable[[str, Iterable[Any]], list[Any]]


def find(query: Query, limit: int) -> list[Gap]:
    """The first `limit` open gaps, by log. Looks only at logs whose mark waits in front of one."""
    logs = query("SELECT id, device, log, hwm FROM logs WHERE hwm < top ORDER BY id LIMIT ?", (limit,))
    return list(islice((gap for log in logs for gap in _of_log(query, *log)), limit))


def _of_log(query: Query, log_id: int, device: str, log: str, hwm: int) -> Iterator[Gap]:
    rows = query(
        "SELECT first, last, received_ms FROM bodies WHERE log_id = ? AND first > ? ORDER BY first",
        (log_id, hwm),
    )
    earliest: list[int] = []  # per row: when the first of it and those behind it came
    for _, _, received_ms in reversed(rows):
        earliest.append(min(received_ms, earliest[-1]) if earliest else received_ms)
    missing_from = hwm + 1
    for (first, last, _), since_ms in zip(rows, reversed(earliest), strict=True):
        if first > missing_from:
            yield Gap(device, log, missing_from, first - 1, since_ms)
        missing_from = last + 1
