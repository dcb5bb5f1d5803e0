"""Messages as intake would hand them over."""

from gateway.journal import Judged, Outcome, Plain, Records
from gateway.journal.bodies import compose

LOG = "0000abcd"


def text(seq: int, variant: int = 0) -> bytes:
    """A record's JSON text; another variant of the same number is a conflict."""
    return b'{"seq": %d, "variant":%d}' % (seq, variant)


def message(
    *numbers: int,
    device: str = "bin-001",
    log: str = LOG,
    first: int = 1,
    at_ms: int = 9,
    variant: int = 0,
    filler: int = 0,
    refused: str = "",
    plain: bool = False,
) -> Records:
    """An `up/records` message; `refused`: the code by which all of its records are quarantined."""
    texts = [text(seq, variant)[:-1] + b"%b}" % (b" " * filler) for seq in numbers]
    outcome = Outcome.QUARANTINED if refused else Outcome.ACCEPTED
    codes = (refused,) if refused else ()
    judged = [Judged(seq, outcome, codes) for seq in numbers]
    body = compose(log, first, at_ms, texts)
    return Records(
        at_ms, device, log, first, at_ms, body, Plain(numbers[0], len(numbers)) if plain else judged
    )
