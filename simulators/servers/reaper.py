"""Ends process groups when the process that started them is gone, however it went (`kill -9` included).

Run as `python -I -S reaper.py`: standard input is a pipe whose only write end is held by the guarded process.
Lines `+<pgid>` and `-<pgid>` add and remove a group. End of file means that the guarded process is dead:
every group left gets SIGTERM, in the reverse of the order in which it was added, and SIGKILL after a grace
period. Imports nothing but the standard library, and little of it: it lives as long as a run does and should
cost nothing.
"""

import os
import signal
import sys
import time

GRACE_S = 5.0


def _signal(group: int, number: int) -> bool:
    """Whether the group still has a member."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the end of the pipe may end this process
    groups: list[int] = []
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.append(group)
        elif group in groups:
            groups.remove(group)
    for group in reversed(groups):
        _signal(group, signal.SIGTERM)
        _signal(group, signal.SIGCONT)  # a paused process could not obey otherwise
    deadline = time.monotonic() + GRACE_S
    while any(_signal(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        _signal(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
