"""RTC memory holds 2 kB: what does not fit goes in order, and what is left is there at the next boot."""

import json
from typing import Any

from tests.device.interpreter import run_in_vm

CORE: dict[str, Any] = {"source": "ntp", "synced_ms": 1_790_000_000_000, "base": 1, "sent": 99}
FAULTS = [f"scale{n} scale-contact" for n in range(4)]
FULL = {  # four bays, everything wrong, every kind of token refused, sixteen QR tokens used
    **CORE,
    "due_ms": 1_790_000_000_000,
    "faults": [
        *FAULTS,
        *(f"lock{n} lock-jammed" for n in range(4)),
        "hours hours-held",
        "reader reader-noisy",
    ],
    "doors": {f"lock{n}": "unlocked" for n in range(4)},
    "diag": {f"scale{n}": [-123_456] * 16 for n in range(4)},
    "fill": {f"ranger{n}": [99] + [1234] * 6 for n in range(4)},
    "spent": [1_790_000_000, *(f"6AB13CAC{n:08d}" for n in range(16))],
    "tokens": {f"token-refused-{n}": 1234 for n in range(16)},
}


def kept(*cases: dict[str, Any]) -> list[dict[str, Any]]:
    found = run_in_vm("keep_run.py", stdin=json.dumps(cases))
    return [json.loads(line) for line in found.splitlines()]


def test_the_worst_that_four_bays_can_need_is_found_again_whole() -> None:
    (found,) = kept(FULL)
    assert found == {"same": True, "fresh": False, "found": FULL}


def test_beyond_that_counts_go_first_and_faults_and_used_tokens_last() -> None:
    counts, whys, both = kept(
        {**FULL, "tokens": {f"token-refused-{n}": 1234 for n in range(60)}},
        {**FULL, "why": "x" * 600},
        {**FULL, "why": "x" * 1000},
    )
    assert counts["found"] == {name: FULL[name] for name in FULL if name != "tokens"}
    assert counts["same"], "who holds `data` sees what is left"
    for case in (whys, both):
        left = case["found"]
        assert "tokens" not in left
        assert left.keys() >= {*CORE, "faults", "spent", "doors"}


def test_however_much_there_is_clock_and_log_go_on() -> None:
    (found,) = kept({**FULL, "other": "x" * 3000})
    assert found["found"] == CORE
