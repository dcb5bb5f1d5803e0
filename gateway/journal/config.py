"""The settings of the journal: `[journal]` in the configuration file."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.journal.retention import DAY_MS, Limits


class JournalConfig(msgspec.Struct, frozen=True):
    """How much the journal keeps. What every reader has finished with goes, oldest first, over either limit.

    `keep_days`, `keep_gb`: 0: without end. `notice_h`: the alarm `retention-near` stands for so many hours
    before anything goes. `quarantine_per_device`: how many different pieces of garbage are kept of a device;
    what is beyond is counted.
    """

    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 400
    keep_gb: Annotated[float, Meta(ge=0, le=100_000)] = 20.0
    notice_h: Annotated[int, Meta(ge=0, le=24 * 30)] = 24
    quarantine_per_device: Annotated[int, Meta(ge=1, le=100_000)] = 1_000

    def limits(self, readers: Iterable[str]) -> Limits:
        """For the journal. `readers`: the configured sinks, which hold back what they have not written."""
        return Limits(
            self.keep_days * DAY_MS or None,
            int(self.keep_gb * 1e9) or None,
            self.notice_h * 3_600_000,
            self.quarantine_per_device,
            tuple(readers),
        )
