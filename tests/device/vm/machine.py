"""As much of `machine` as the link leans on: RTC memory and clock. For tests of single modules; see
simulators/board for the whole chip.
"""

_memory = b""


class RTC:
    def memory(self, *data):
        global _memory
        if not data:
            return _memory
        _memory = bytes(data[0])
        return None

    def datetime(self, *value):
        pass


class WDT:
    feeds = 0

    def __init__(self, timeout):
        pass

    def feed(self):
        WDT.feeds += 1


class Timer:
    PERIODIC = 1

    def __init__(self, _id):
        pass

    def init(self, period, mode, callback):
        self.callback = callback


PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


def reset():
    raise SystemExit("reset")


def reset_cause():
    return HARD_RESET
