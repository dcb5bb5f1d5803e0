"""Whether a token may open the bin, judged here and now without a network.

The settings list the kinds that are taken, `"tokens": [...]`; without a list every card is taken as it is.

| kind | what the reader sends | rule |
|---|---|---|
| `card` | a card's number | `{"kind":"card","lengths":[8,14,20],"chars":"hex"}`; all optional |
| `code` | digits typed at a keypad | `{"kind":"code","digits":8}` |
| `qr` | `HS1.<user>.<expiry>.<nonce>.<mac>` | `{"kind":"qr","key":"<hex>","max_s":600,"bound":true}` |

`chars`: `hex`, `digits`, or `any` that can be printed; `lengths` are counted in characters. `"xor": true`:
the last byte is the exclusive or of those before (as EM4100 readers send it), checked and left out of the
number. A code's last digit is a check digit (ISO/IEC 7064 MOD 11,10).

`expiry`: seconds since 1970 UTC, 8 hexadecimal digits. `mac`: the first 16 bytes (128 bits: RFC 2104, 5) of
HMAC-SHA-256 under the rule's key over `huishou-token\n<device>\n<all before the last dot>`, in base 32 (RFC
4648, no padding); `<device>` is empty unless the rule is `bound` to this unit. `max_s` is how long the
issuer lets a token live: what expires later is refused. All of it fits QR's alphanumeric mode and 64
characters. Several `qr` rules: several keys.
"""

from binascii import unhexlify

from edge.mac import hmac_sha256, same

if False:  # for types
    from typing import Any

    from edge.app.spent import Spent

QR = "HS1."
SKEW_S = 60  # how far the issuer's clock may be ahead of ours
MAX_S = 600
_MAC_BYTES = 16
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CHARS = {"any": None, "hex": "0123456789ABCDEFabcdef", "digits": "0123456789"}
_KEYS = {
    "card": ("kind", "lengths", "chars", "xor"),
    "code": ("kind", "digits"),
    "qr": ("kind", "key", "max_s", "bound"),
}


class Ticket:
    """What the check found. `user`: who it is, as records name them; `code`: why it is refused, None when
    it is good; `crew`: opens as crew; `mark`: (expiry in s, name) of a QR token, to be marked as used.
    """

    def __init__(
        self,
        user: "str | None",
        code: "str | None" = None,
        crew: bool = False,
        mark: "tuple[int, str] | None" = None,
    ) -> None:
        self.user = user
        self.code = code
        self.crew = crew
        self.mark = mark


def base32(data: bytes) -> str:
    """RFC 4648 base 32 without padding."""
    text, bits, have = "", 0, 0
    for byte in data:
        bits = (bits << 8 | byte) & 0xFFF
        have += 8
        while have >= 5:
            have -= 5
            text += _BASE32[bits >> have & 31]
    return text + _BASE32[bits << (5 - have) & 31] if have else text


def check_digit_fits(digits: str) -> bool:
    """ISO/IEC 7064 MOD 11,10 (GB/T 17710): finds each wrong digit and almost each swap of two neighbours."""
    product = 10
    for digit in digits[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (product + int(digits[-1])) % 10 == 1


def _card(number: str, xor: bool) -> Ticket:
    if not xor:
        return Ticket(number)
    total = 1  # an odd number of digits is no row of bytes
    if len(number) % 2 == 0:
        total = 0
        for byte in unhexlify(number):
            total ^= byte
    return Ticket(None, "token-unread") if total or len(number) < 4 else Ticket(number[:-2])


def _only(text: str, chars: "str | None") -> bool:
    return chars is None or all(char in chars for char in text)


def _problem(rule: "dict[str, Any]") -> "str | None":
    """What is wrong with a rule of the settings; None: nothing."""
    kind = rule.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        return "kind %s; expected card, code or qr" % kind
    for name in rule:
        if name not in _KEYS[kind]:
            return "%s has no %s" % (kind, name)
    if kind == "card":
        chars, lengths = rule.get("chars", "any"), rule.get("lengths", [])
        if not isinstance(chars, str) or chars not in _CHARS:
            return "chars %s; expected any, hex or digits" % chars
        if not isinstance(lengths, list) or not all(isinstance(length, int) for length in lengths):
            return "lengths %s; expected a list of numbers" % lengths
        if rule.get("xor") and chars != "hex":
            return "xor needs chars hex"
    if kind == "code" and not (isinstance(rule.get("digits"), int) and 4 <= rule["digits"] <= 20):
        return "digits of a code must be 4 to 20"
    if kind == "qr":
        key, max_s = rule.get("key"), rule.get("max_s", MAX_S)
        if not isinstance(key, str) or len(key) < 32 or len(key) % 2 or not _only(key, _CHARS["hex"]):
            return "the key of a qr rule must be 32 or more hexadecimal digits"
        if not isinstance(max_s, int) or not 30 <= max_s <= 86_400:
            return "max_s must be 30 to 86400"
    return None


class Tokens:
    """`rules`: of the settings (None: any card is good); `crew`: tokens of crews, a trailing `*` stands for
    any ending. `problems`: what is wrong with rules, which are then left out; with none left any card is
    good.
    """

    def __init__(self, rules: "list | None", crew: "list[str]", device: str) -> None:
        self._crew = [one for one in crew if isinstance(one, str)] if isinstance(crew, list) else []
        self._device = device
        self.problems: "list[str]" = []
        self._rules: "list[dict[str, Any]]" = []
        if rules is not None and not isinstance(rules, list):
            self.problems.append("tokens must be a list of rules")
            rules = None
        for number, rule in enumerate(rules or []):
            problem = _problem(rule) if isinstance(rule, dict) else "is no rule"
            if problem:
                self.problems.append("rule %d: %s" % (number + 1, problem))
            else:
                self._rules.append(rule)
        if not self._rules:
            self._rules = [{"kind": "card"}]
        self.max_s = max([rule.get("max_s", MAX_S) for rule in self._rules if rule["kind"] == "qr"] or [0])

    def check(self, text: str, now_ms: "int | None", spent: "Spent") -> Ticket:
        """Judge what the reader sent; `now_ms`: the trusted time, None when there is none."""
        if self._is_crew(text):
            return Ticket(text, crew=True)
        if text.startswith(QR):
            return self._qr(text, now_ms, spent)
        for rule in self._rules:
            if rule["kind"] == "code" and len(text) == rule["digits"] and _only(text, _CHARS["digits"]):
                # Never tried as a card as well: a mistyped number would pass for another person's card.
                return Ticket(text, None if check_digit_fits(text) else "token-check")
        for rule in self._rules:
            if rule["kind"] == "card" and len(text) in rule.get("lengths", (len(text),)):
                chars = rule.get("chars", "any")
                if _only(text, _CHARS[chars]):
                    return _card(text.upper() if chars == "hex" else text, bool(rule.get("xor")))
        return Ticket(text, "token-unknown")

    def _is_crew(self, text: str) -> bool:
        for crew in self._crew:
            if text == crew or (crew.endswith("*") and text.startswith(crew[:-1])):
                return True
        return False

    def _qr(self, text: str, now_ms: "int | None", spent: "Spent") -> Ticket:
        parts = text.split(".")
        rules = [rule for rule in self._rules if rule["kind"] == "qr"]
        if not rules:
            return Ticket(None, "token-unknown")
        if len(parts) != 5 or not parts[1] or len(parts[2]) != 8 or not _only(parts[2], _CHARS["hex"]):
            return Ticket(None, "token-forged")
        signed = text[: -len(parts[4]) - 1]
        for rule in rules:
            mac = self._mac(rule, signed)
            if same(mac.encode(), parts[4].encode()):
                return self._in_time(parts[1], int(parts[2], 16), mac[:8], rule, now_ms, spent)
        return Ticket(None, "token-forged")

    def _mac(self, rule: "dict[str, Any]", signed: str) -> str:
        bound = self._device if rule.get("bound") else ""
        text = "huishou-token\n" + bound + "\n" + signed
        return base32(hmac_sha256(unhexlify(rule["key"]), text.encode())[:_MAC_BYTES])

    def _in_time(
        self,
        user: str,
        expires_s: int,
        name: str,
        rule: "dict[str, Any]",
        now_ms: "int | None",
        spent: "Spent",
    ) -> Ticket:
        if now_ms is None:
            return Ticket(user, "clock-unknown")
        left_s = expires_s - now_ms // 1000
        if left_s <= 0:
            return Ticket(user, "token-expired")
        if left_s > rule.get("max_s", MAX_S) + SKEW_S:
            return Ticket(user, "token-early")
        if spent.holds(expires_s, name):
            return Ticket(user, "token-used")
        return Ticket(user, mark=(expires_s, name))
