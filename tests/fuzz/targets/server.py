"""What a database may answer: any status, words, Retry-After. The writer must end, and lose no line."""

from gateway.writer.delivery import MAX_RETRY_AFTER_S, MAX_WORDS, Answer, Delivery, Kind, judge
from tests.fuzz.target import Target, require

_LINES = [
    f"reading,device=bin-{n % 3} seq={n}i,mass_g={n * 10}i {1763715600000000000 + n}" for n in range(24)
]
_PROOF = "reading,device=bin-9 seq=1i 1"
_STATUSES = (204, 200, 400, 401, 404, 413, 422, 429, 500, 503, 302, 100, 0, 599)
_MOST = 4_000  # requests for 24 lines, with every line guilty and every guess wrong: far fewer


def answers(data: bytes) -> None:
    """The first line chooses a status and a Retry-After, the rest is the body: judged, as it comes."""
    head, _, body = data.partition(b"\n")
    status = int.from_bytes(head[:2], "big") % 700
    header = head[2:].decode("latin-1") or None
    answer = judge(status, body.decode("utf-8", "replace"), header, 1_763_715_600.0)
    require(len(answer.words) <= MAX_WORDS, "unbounded words", len(answer.words))
    require(answer.after_s is None or 0 <= answer.after_s <= MAX_RETRY_AFTER_S, "a wait", answer.after_s)
    require((answer.kind is Kind.TAKEN) == (200 <= status < 300), "taken", status)


def delivery(data: bytes) -> None:
    """A server that answers each request by the next byte (and the words that belong to it)."""
    script = iter(data)
    taken: set[str] = set()
    refused: set[str] = set()
    work = Delivery(_LINES, _PROOF)
    requests = 0

    def write(body: bytes) -> Answer:
        nonlocal requests
        requests += 1
        require(requests < _MOST, "does not end")
        choice = next(script, 0)  # at the end of the script everything is taken
        status = _STATUSES[choice % len(_STATUSES)]
        lines = body.decode().split("\n")
        answer = judge(status, _words(status, lines, choice // len(_STATUSES)), "1")
        if answer.kind is Kind.TAKEN:
            taken.update(lines)
        if answer.kind in (Kind.SPLIT, Kind.GUILTY):
            refused.update(lines)
        return answer

    while not work.done:
        work.run(write, most=7)
    convicted = {_LINES[convict.place] for convict in work.convicts}
    require(len(work.convicts) == len(convicted), "convicted twice", work.convicts)
    require(taken | convicted >= set(_LINES), "a line is neither taken nor convicted", set(_LINES) - taken)
    require(convicted <= refused, "convicted without a refusal", convicted - refused)


def _words(status: int, lines: list[str], form: int) -> str:
    """The server's words in one of the forms that InfluxDB has, with numbers that need not be true."""
    match form % 5:
        case 0:
            return f'{{"message": "partial write: dropped={form % 7}"}}'
        case 1:
            return '{"message": "input field \\"seq\\" on measurement \\"reading\\" is type float"}'
        case 2:
            return f"unable to parse '{lines[0]}': bad timestamp"
        case 3:
            return f"points beyond retention policy dropped={len(lines)}"
        case _:
            return "<html><body>Bad Gateway</body></html>" if status >= 400 else ""


def _answers() -> list[bytes]:
    bodies = (
        b'{"code":"invalid","message":"partial write: dropped=3"}',
        b"<html>no</html>",
        b'{"message":1}',
    )
    headers = (b"", b"30", b"Fri, 21 Nov 2026 12:00:00 GMT", b"-1", b"1e99", b"soon")
    statuses = (204, 400, 401, 413, 422, 429, 503)
    return [
        status.to_bytes(2, "big") + header + b"\n" + body
        for status in statuses
        for header in headers
        for body in bodies
    ] + [b"\x01\xa6\n{" + b'"message":"dropped=' + b"9" * 4400 + b'"}', b"\x01\x90\n" + b"[" * 2000]


def _scripts() -> list[bytes]:
    return [bytes([n]) * m for n in range(70) for m in (1, 30)] + [bytes(range(70))]


_WORDS = (b"dropped=", b"retention policy", b"unable to parse '", b"': ", b'"message":', b"GMT", b"1e99")

TARGETS = (
    Target("answers", answers, _answers, _WORDS, max_bytes=8000),
    Target("delivery", delivery, _scripts, max_bytes=200),
)
