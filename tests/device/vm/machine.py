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
