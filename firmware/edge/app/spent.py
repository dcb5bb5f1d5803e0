"""QR tokens that were used at this unit: none is taken twice, with a bounded memory that lies in RTC memory.

Up to 16 of the tokens that expire last are remembered by name. Of all others one number is known, the
floor: a token that expires at the floor or before may have been used, and is refused. Who loses the memory
(power cut) starts with a floor above all that can have been used before. So nothing is ever taken twice;
when very many come at once, some must be shown again with a later expiry.
"""

SIZE = 16


class Spent:
    """`state`: what `add` gave last, None when nothing is known; `floor_s`: the floor to begin with then.

    Times are seconds since 1970 UTC. A token is named by some characters of its signature.
    """

    def __init__(self, state: "list | None", floor_s: int) -> None:
        self._floor_s: int = state[0] if state else floor_s
        self._names: "list[str]" = list(state[1:]) if state else []

    def holds(self, expires_s: int, name: str) -> bool:
        """Whether the token was, or may have been, used here."""
        return expires_s <= self._floor_s or self._name(expires_s, name) in self._names

    def add(self, expires_s: int, name: str) -> "list":
        """Remember a token; what to keep of it all: the floor, then 16 names at most."""
        self._names.append(self._name(expires_s, name))
        self._names.sort()
        while len(self._names) > SIZE:
            self._floor_s = max(self._floor_s, int(self._names.pop(0)[:8], 16))
        return [self._floor_s] + self._names

    @staticmethod
    def _name(expires_s: int, name: str) -> str:
        return "%08X%s" % (expires_s, name)
