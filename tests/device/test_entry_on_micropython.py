"""Hours, tokens, admission, texts and HMAC give the same under the real interpreter as here."""

import json
import os
import subprocess
import sys

from simulators.board.firmware import FIRMWARE
from simulators.board.program import PRELUDE
from tests.device.interpreter import micropython
from tests.device.test_hours_opening import HOUSE, ms
from tests.device.test_token_check import CREW, KEY, NOW_S, RULES, qr, with_check_digit

PROGRAM = (
    PRELUDE
    + """
from binascii import hexlify
from edge.app import text
from edge.app.admission import BayState, decide
from edge.app.spent import Spent
from edge.app.token import Tokens
from edge.mac import hmac_sha256, same
from edge.measure.hours import Hours

house, damaged, times, rules, crew, shown, now_ms = [json.loads(a) for a in args]
out = []
hours = Hours(house)
for t in times:
    out.append([hours.open_at(t), hours.next_opening(t), text.when(t + 86_400_000, t, 480)])
for change in damaged:
    data = dict(house)
    data.update(change)
    try:
        Hours(data)
        out.append("taken")
    except ValueError as error:
        out.append(str(error))
tokens = Tokens(rules, crew, "bin-001")
state = None
for token in shown:
    ticket = tokens.check(token, now_ms, Spent(state, 0))
    if ticket.mark:
        state = Spent(state, 0).add(*ticket.mark)
    bays = [BayState(1, ("scale0",)), BayState(2, ("scale1",), fill_pct=99)]
    found = decide(now_ms, True, hours, bays, True, ["scale0 uncalibrated"], ticket)
    out.append([ticket.user, ticket.code, ticket.crew, found.bays, found.unweighed, found.code])
    out.append(found.next_ms)
    if found.code:
        out.append(text.refusal(found.code))
out.append(state)
for n in (0, 1, 63, 64, 65, 200):
    out.append(hexlify(hmac_sha256(b"k" * n, b"d" * n)).decode())
out.append([same(b"ab", b"ab"), same(b"ab", b"ac"), same(b"ab", b"a")])
for block in text.TEXTS.strip().split("\\n\\n"):
    if "%s" not in block:
        out.append(text.lines(block.split("\\n")[0]))
out += [text.kilograms(g) for g in range(-2000, 2000, 135)]
print(json.dumps(out))
"""
)
DAMAGED = [
    {"utc_min": "480"},
    {"week": {"mon": ["25:00-26:00"]}},
    {"week": [1]},
    {"dates": {"2026-02-30": []}},
    {"holidays": [7]},
    {"holliday": 1},
]
SHOWN = [
    qr(), qr(), qr(nonce="B"), qr(expires_s=NOW_S - 1), qr(key="ff" * 32), qr()[:30], "HS1.",
    "04a1b2c3", "04a1b2", with_check_digit("1234567"), "12345678", "C0DE77", "noise \\ \x7f",
]  # fmt: skip


def test_the_same_answers_as_here() -> None:
    times = [ms("2026-09-28T05:59") + step * 97 * 60_000 for step in range(250)]
    arguments = [json.dumps(a) for a in (HOUSE, DAMAGED, times, RULES, CREW, SHOWN, NOW_S * 1000)]
    there = json.loads(micropython(PROGRAM, *arguments))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True, text=True, timeout=60, check=True,
        env={"PYTHONPATH": str(FIRMWARE), "ARGS": json.dumps(arguments), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert there == json.loads(done.stdout)
    tickets = [found for found in there[256:] if isinstance(found, list) and len(found) == 6]
    verdicts = [ticket[1] for ticket in tickets]
    assert verdicts == [
        None, "token-used", None, "token-expired", "token-forged", "token-forged", "token-forged", None,
        "token-unknown", None, "token-check", None, "token-unknown",
    ]  # fmt: skip
    assert KEY not in done.stdout
