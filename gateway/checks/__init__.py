"""What makes a record doubtful or unusable: pure functions, one table (`CHECKS`), no I/O.

A record is judged by itself, by its device's description, by the time it arrived, and by what the same log
said in the numbers just before (`Past`). A rule is a function in the file of its subject (`clock`,
`identity`, `mass`, `sensor`, `position`), its limits stand in `limits`, its row in `table`, the words of its
code in `gateway.codes`. What decoding refuses and what the journal adds from the numbering are rows too.
"""

from gateway.checks.geo import distance_m
from gateway.checks.limits import DEFAULTS, Limits
from gateway.checks.model import Case, Check, Effect, Stage, Verdict
from gateway.checks.past import HORIZON, Past
from gateway.checks.table import CHECKS, check, judge, rules_version

__all__ = [
    "CHECKS",
    "DEFAULTS",
    "HORIZON",
    "Case",
    "Check",
    "Effect",
    "Limits",
    "Past",
    "Stage",
    "Verdict",
    "check",
    "distance_m",
    "judge",
    "rules_version",
]
