"""Which broker to try, in which order: a list, the first is home. Pure.

A unit stays with the broker that works, and looks for its home again HOME_MS after it left it. A broker
that lets a unit in and then serves nothing has failed as much as one that is not there.
"""

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

MOST = 4  # each may cost a connect and an answer time in one attempt
HOME_MS = 3_600_000
_PORT, _TLS_PORT = 1883, 8883
KEEPALIVE_S = 60


class Brokers:
    """`note` is kept over sleep and resets by the caller: `broker` is the place in use, `away_ms` when home
    was left.
    """

    def __init__(self, given: "dict[str, Any] | list[dict[str, Any]]", note: "dict[str, Any]") -> None:
        """`given`: one broker or a list of at most MOST. Errors: `settings-broker`."""
        self.all = given if isinstance(given, list) else [given]
        if not 1 <= len(self.all) <= MOST:
            raise EdgeError("settings-broker", "%d brokers, expected 1 to %d" % (len(self.all), MOST))
        for broker in self.all:
            if not isinstance(broker, dict) or not broker.get("host"):
                raise EdgeError("settings-broker", "a broker without a host")
        self._note = note

    @property
    def at(self) -> int:
        place: int = self._note.get("broker", 0)
        return place if 0 <= place < len(self.all) else 0

    def order(self, now_ms: int) -> "list[int]":
        """Places in the order in which to try them now; `now_ms` of the chip's clock, which may step."""
        start = 0 if self.homesick(now_ms) else self.at
        return [(start + n) % len(self.all) for n in range(len(self.all))]

    def homesick(self, now_ms: int) -> bool:
        """Whether the unit has been away from home for so long that it is to be tried again."""
        return self.at != 0 and not 0 <= now_ms - self._note.get("away_ms", 0) < HOME_MS

    def chosen(self, place: int, now_ms: int) -> None:
        """`place` let us in."""
        if place == 0:
            self._note.pop("broker", None)
            self._note.pop("away_ms", None)
        elif place != self.at or self.homesick(now_ms):
            self._note["broker"] = place
            self._note["away_ms"] = now_ms

    def useless(self, place: int, now_ms: int) -> None:
        """`place` let us in, and nothing came of it: begin with the next one."""
        self.chosen((place + 1) % len(self.all), now_ms)


def port(broker: "dict[str, Any]") -> int:
    """Its port: given, or the usual one (IANA: 1883, 8883 with TLS)."""
    number: int = broker.get("port", _TLS_PORT if broker.get("tls") else _PORT)
    return number
