"""Event loop, as described for `asyncio` of MicroPython 1.28; tasks and queue are those of the stand-ins."""

import select
import sys
from time import ticks_add, ticks_diff
from time import ticks_ms as ticks

from _tasks import Task, TaskQueue


class CancelledError(BaseException):
    pass


class TimeoutError(Exception):
    pass


_ENDS = (CancelledError, StopIteration)

cur_task = None
_task_queue = TaskQueue()


class SingletonGenerator:
    # One object for every sleep: waiting allocates nothing.
    def __init__(self):
        self.state = None
        self.exc = StopIteration()

    def __iter__(self):
        return self

    def __next__(self):
        if self.state is not None:
            _task_queue.push(cur_task, self.state)
            self.state = None
            return
        self.exc.__traceback__ = None
        raise self.exc


def sleep_ms(t, sgen=SingletonGenerator()):
    sgen.state = ticks_add(ticks(), max(0, t))
    return sgen


def sleep(t):
    return sleep_ms(int(t * 1000))


class IOQueue:
    def __init__(self):
        self.poller = select.poll()
        self.map = {}  # id -> [task that reads, task that writes, stream]

    def _enqueue(self, stream, way):
        entry = self.map.get(id(stream))
        if entry is None:
            entry = self.map[id(stream)] = [None, None, stream]
        entry[way] = cur_task
        self._listen(entry)
        cur_task.data = self  # so that `cancel` finds it

    def _listen(self, entry):
        mask = (select.POLLIN if entry[0] else 0) | (select.POLLOUT if entry[1] else 0)
        if mask:
            self.poller.register(entry[2], mask)
        else:
            del self.map[id(entry[2])]
            self.poller.unregister(entry[2])

    def queue_read(self, stream):
        self._enqueue(stream, 0)

    def queue_write(self, stream):
        self._enqueue(stream, 1)

    def remove(self, task):
        for entry in list(self.map.values()):
            if task in entry[:2]:
                entry[entry.index(task)] = None
                self._listen(entry)

    def wait_io_event(self, ms):
        for stream, event in self.poller.ipoll(ms):
            entry = self.map.get(id(stream))
            if entry is None:
                continue
            for way, other in ((0, select.POLLOUT), (1, select.POLLIN)):
                if entry[way] is not None and event & ~other:
                    _task_queue.push(entry[way])
                    entry[way] = None
            self._listen(entry)


_io_queue = IOQueue()


def create_task(coro):
    task = Task(coro, globals())
    _task_queue.push(task)
    return task


def _promote_to_task(awaitable):
    return awaitable if isinstance(awaitable, Task) else create_task(awaitable)


def current_task():
    if cur_task is None:
        raise RuntimeError("no running event loop")
    return cur_task


def run(coro):
    return run_until_complete(create_task(coro))


def run_until_complete(main):
    global cur_task
    while True:
        wait = 1
        while wait > 0:
            wait = -1
            task = _task_queue.peek()
            if task:
                wait = max(0, ticks_diff(task.ph_key, ticks()))
            _io_queue.wait_io_event(wait)
        task = _task_queue.pop()
        cur_task = task
        try:
            error = task.data
            if error:
                task.data = None
                task.coro.throw(error)
            else:
                task.coro.send(None)
        except (CancelledError, Exception) as end:
            if task is main:
                cur_task = None
                if isinstance(end, StopIteration):
                    return end.value
                raise
            _ended(task, end)


def _ended(task, end):
    if task.state is None:
        task.data = end
        return
    waiting = False
    if task.state is True:
        task.state = None
    elif callable(task.state):
        task.state(task, end)
        task.state = False
        waiting = True
    else:
        while task.state.peek():
            _task_queue.push(task.state.pop())
            waiting = True
        task.state = False
    if not waiting and not isinstance(end, _ENDS):
        sys.print_exception(end)
    task.data = end


def new_event_loop():
    global _task_queue, _io_queue
    _task_queue = TaskQueue()
    _io_queue = IOQueue()
