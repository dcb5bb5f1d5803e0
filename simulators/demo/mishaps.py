"""What is to go wrong during a run, as the command line says it. Pure.

    --kill NAME@SECOND          kill -9 at that second; it is restarted at once
    --pause NAME@SECOND+FOR     frozen for FOR seconds: connections stay open, nothing answers
    --down NAME@SECOND+FOR      kill -9, and not restarted for FOR seconds

Seconds count from the start of the run. NAME is a server (`SERVERS`) or one process of the gateway (`PARTS`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

SERVERS = ("broker", "influxdb", "gateway")
PARTS = ("intake", "writer", "web")


class What(StrEnum):
    KILL = "kill"
    PAUSE = "pause"
    DOWN = "down"


@dataclass(frozen=True, order=True)
class Mishap:
    """One thing that goes wrong."""

    at_s: float
    name: str
    what: What
    for_s: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.for_s:g} s" if self.for_s else ""
        return f"{self.what} {self.name} at {self.at_s:g} s{lasting}"


def parse(what: What, text: str) -> Mishap:
    """A mishap from its text. Raises ValueError that says what was expected."""
    lasting = what is not What.KILL
    shape = "NAME@SECOND+FOR, such as influxdb@20+60" if lasting else "NAME@SECOND, such as gateway@30"
    names = SERVERS if lasting else SERVERS + PARTS
    number = r"(\d+(?:\.\d+)?)"
    found = re.fullmatch(rf"([a-z]+)@{number}" + (rf"\+{number}" if lasting else ""), text)
    if found is None:
        raise ValueError(f"{text!r}: expected {shape}")
    if found[1] not in names:
        raise ValueError(f"{text!r}: no server is called {found[1]!r}; expected one of {', '.join(names)}")
    return Mishap(float(found[2]), found[1], what, float(found[3]) if lasting else 0.0)
