"""Whether the other end still lives: when to ping, when to give up [MQTT 3.1.1, 3.1.2.10]. Pure.

Nothing heard, or nothing sent, for half a keep-alive: ping. No word within another half (at most
ANSWER_MS): the connection is dead. So one that is half open is seen after one keep-alive at most, and the
broker, which gives up after one and a half, never gives up first. What is sent proves nothing: a sender
that goes on sending into a dead connection still pings.
"""

ANSWER_MS = 20_000

WELL = 0
PING = 1
DEAD = 2


class Liveness:
    """Times are of a local clock that never steps."""

    def __init__(self, keepalive_s: int, now_ms: int) -> None:
        self._half_ms = keepalive_s * 500
        self.answer_ms = min(self._half_ms, ANSWER_MS)
        self._heard_ms = self._sent_ms = now_ms
        self._pinged_ms = -1  # when a ping went out that was not answered by anything; -1: none

    def heard(self, now_ms: int) -> None:
        self._heard_ms = now_ms
        self._pinged_ms = -1

    def sent(self, now_ms: int) -> None:
        self._sent_ms = now_ms

    def pinged(self, now_ms: int) -> None:
        self._sent_ms = self._pinged_ms = now_ms

    def state(self, now_ms: int) -> int:
        """WELL; PING: send one now; DEAD: close."""
        if self._pinged_ms >= 0:
            return DEAD if now_ms - self._pinged_ms >= self.answer_ms else WELL
        return PING if now_ms - min(self._heard_ms, self._sent_ms) >= self._half_ms else WELL

    def wait_ms(self, now_ms: int) -> int:
        """How long until `state` may say something else."""
        if self._pinged_ms >= 0:
            return max(0, self._pinged_ms + self.answer_ms - now_ms)
        return max(0, min(self._heard_ms, self._sent_ms) + self._half_ms - now_ms)
