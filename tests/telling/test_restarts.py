"""A process that dies is started anew, later each time, and complained of when it goes on. Virtual time."""

import subprocess
import sys

from gateway.supervisor import BACKOFF_S, OFTEN_S, STEADY_S, Child


class Life:
    """A child under care, whose processes end with exit code 3. `at_s`: when each was started."""

    def __init__(self) -> None:
        self.child = Child("intake")
        self.now_s = 1000.0
        self.at_s: list[float] = []

    def until_started(self) -> float:
        """Look after it four times a second until it is started; how long that took."""
        began_s = self.now_s
        number = len(self.at_s)
        while len(self.at_s) == number:
            self.child.look_after(self.now_s, self._start)
            self.now_s += 0.25
        return self.at_s[-1] - began_s

    def dies(self) -> None:
        assert self.child.process is not None
        assert self.child.process.wait(60) == 3

    def complaints(self) -> list[str]:
        return [one.code for one in self.child.conditions(self.now_s)]

    def _start(self, _name: str) -> "subprocess.Popen[bytes]":
        self.at_s.append(self.now_s)
        return subprocess.Popen([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"])


def test_it_waits_longer_after_each_death_but_never_long() -> None:
    life = Life()
    assert life.until_started() == 0
    waits = []
    for _ in range(6):
        life.dies()
        waits.append(life.until_started())
    assert waits == [*BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1]]
    assert max(waits) + 1 < 10  # all devices wait meanwhile; ready again within ten seconds is the promise
    assert life.child.facts()["restarts"] == 6
    assert life.child.facts()["ended"] == "exit code 3"
    life.dies()


def test_one_that_ran_steadily_waits_no_longer_than_the_first_time() -> None:
    life = Life()
    life.until_started()
    for _ in range(4):
        life.dies()
        life.until_started()
    life.now_s += STEADY_S
    life.dies()
    assert life.until_started() == BACKOFF_S[0]
    life.dies()


def test_the_third_death_within_ten_minutes_is_told_until_they_are_over() -> None:
    life = Life()
    life.until_started()
    told = []
    for _ in range(3):
        life.dies()
        life.until_started()
        told.append(life.complaints())
    assert told == [[], [], ["process-restarts"]]
    life.now_s += OFTEN_S
    assert life.complaints() == []
    life.dies()
