"""The reader's line: tokens come out whole, halves and noise are thrown away and counted."""

import json
import random

import pytest

from simulators.scene import UartBytes
from tests.board.bench import Bench, edge_modules

EDGE = edge_modules("drivers/reader.py", "drivers/serial.py")


def tokens(
    bench: Bench, script: list[tuple[int, bytes]], seconds: float = 20, gap_ms: int = 200
) -> tuple[list[str], int]:
    """(tokens as the driver gives them, what it counted as noise) while the line carries `script`."""
    bench.scene.script = [(at, UartBytes(1, data)) for at, data in script]
    lines = bench.run(
        f"""
        import asyncio, json, time
        from edge.drivers.reader import Reader
        from edge.drivers.serial import Serial
        async def main():
            reader = Reader(Serial(1, 17, 18, 9600), {gap_ms})
            start, found = time.ticks_ms(), []
            while True:
                left = {round(seconds * 1000) - 2000} - time.ticks_diff(time.ticks_ms(), start)
                token = await reader.token(left)
                if token is None:
                    break
                found.append(token)
            print(json.dumps([found, reader.noise]))
            reader.drop()
            print(reader.noise)
        asyncio.run(main())
        """,
        seconds,
        extra=EDGE,
    )
    found, noise = json.loads(lines[0])
    assert lines[1:] == ["0"]
    return found, noise


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_a_token_a_line_whatever_ends_it(bench: Bench, end: bytes) -> None:
    found, noise = tokens(bench, [(1000, b"123456789012" + end), (3000, b"C0DE1234" + end)])
    assert found == ["123456789012", "C0DE1234"]
    assert noise == 0


def test_frames_of_stx_and_etx(bench: Bench) -> None:
    """As EM4100 readers send them, with a line end (ID-12LA) or without (RDM6300)."""
    script = [
        (1000, b"\x023D00A1B2C3ED\r\n\x03"),
        (2000, b"\x023D00A1B2C3ED\x03"),
        (3000, b"3D00A1\x023D00A1B2C3ED\x03"),  # the first was half
        (4000, b"\x02\x03"),
    ]
    assert tokens(bench, script) == (["3D00A1B2C3ED"] * 3, 1)


def test_a_token_in_pieces_is_whole_and_a_half_one_is_nothing(bench: Bench) -> None:
    script = [
        (1000, b"12345"), (1050, b"6789012\r"), (1060, b"\n"),  # one token, delayed on its way
        (3000, b"12345"), (3500, b"6789012\r\n"),  # a loose plug: half, then the other half
        (5000, b"ABCDEF"),  # half at the end
        (7000, b"ABCDEF\r\n"),
    ]  # fmt: skip
    found, noise = tokens(bench, script)
    assert found == ["123456789012", "6789012", "ABCDEF"]
    assert noise == 2


def test_what_has_not_ended_when_time_is_up_is_a_half_token_too(bench: Bench) -> None:
    assert tokens(bench, [(16_000, b"1234")], gap_ms=5000) == ([], 1)
    assert tokens(bench, []) == ([], 0)


def test_a_keypad_that_sends_each_key_has_a_longer_gap(bench: Bench) -> None:
    script = [(1000 + 700 * n, bytes([char])) for n, char in enumerate(b"12345674\r")]
    found, noise = tokens(bench, script, gap_ms=5000)
    assert (found, noise) == (["12345674"], 0)


@pytest.mark.parametrize("seed", range(3))
def test_noise_makes_no_token_and_hides_none(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)
    script, shown = [], []
    for n in range(40):
        at = 1000 + 1000 * n
        if n % 2:
            kind = rng.choice(["bytes", "long", "high"])
            data = {
                "bytes": rng.randbytes(rng.randrange(1, 200)) + bytes([rng.randrange(128, 256)]),
                "long": b"A" * rng.randrange(65, 400) + b"\r\n",
                "high": bytes(rng.randrange(128, 256) for _ in range(20)) + b"\n",
            }[kind]
            script.append((at, data))
        else:
            shown.append(f"{rng.randrange(10**12):012d}")
            script.append((at, shown[-1].encode() + b"\r\n"))
    found, noise = tokens(bench, script, 50)
    cards = [token for token in found if token.isdigit() and len(token) == 12]
    assert cards == shown
    sent = b"".join(data for _, data in script)
    assert all(token.encode() in sent and 0 < len(token) <= 64 for token in found)
    assert noise >= 20 - (len(found) - len(shown)), "each burst is counted or was text by chance"
