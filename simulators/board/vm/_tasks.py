"""Task and queue for `asyncio`, in place of the interpreter's compiled ones, which stamp entries with the
host's time.

Behaviour as described for `asyncio` of MicroPython 1.28. The queue is a sorted list: a device has a dozen
tasks.
"""

from time import ticks_diff, ticks_ms


class TaskQueue:
    def __init__(self):
        self.q = []

    def peek(self):
        return self.q[0] if self.q else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = key = ticks_ms() if key is None else key
        q = self.q
        i = len(q)
        while i and 0 < (q[i - 1].ph_key - key & 0x3FFFFFFF) < 0x20000000:  # ticks_diff(...) > 0
            i -= 1
        q.insert(i, task)

    def pop(self):
        return self.q.pop(0)

    def remove(self, task):
        self.q.remove(task)


class Task:
    def __init__(self, coro, globals=None):
        self.coro = coro
        self.data = None  # what it waits on, or the exception it ends with
        self.state = True  # True running; TaskQueue or callable: awaited; None done, not awaited; False done
        self.ph_key = 0
        self.core = globals

    def __iter__(self):
        state = self.state
        if not state:
            self.state = False
        elif state is True:
            self.state = TaskQueue()
        elif not isinstance(state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        waiter = self.core["cur_task"]
        self.state.push(waiter)
        waiter.data = self

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        if self is self.core["cur_task"]:
            raise RuntimeError("can't cancel self")
        t = self
        while isinstance(t.data, Task):
            t = t.data
        run = self.core["_task_queue"]
        if hasattr(t.data, "remove"):
            t.data.remove(t)
            run.push(t)
        elif ticks_diff(t.ph_key, ticks_ms()) > 0:
            run.remove(t)
            run.push(t)
        t.data = self.core["CancelledError"]
        return True
