"""The scheduler's stand-in orders tasks as the interpreter's own does: the same program on both, the same
words."""

import textwrap
from pathlib import Path

import pytest

from simulators.board.program import output
from tests.board.bench import Bench

PROGRAMS = {
    "sleeps interleave": """
        async def say(name, ms, n):
            for i in range(n):
                await asyncio.sleep_ms(ms)
                print(name, i)
        async def main():
            await asyncio.gather(say("a", 30, 4), say("b", 50, 3), say("c", 7, 2))
        """,
    "first come first served": """
        async def say(name):
            for i in range(3):
                print(name, i)
                await asyncio.sleep_ms(0)
        async def main():
            for name in "abcd":
                asyncio.create_task(say(name))
            await asyncio.sleep_ms(100)
        """,
    "cancelling": """
        async def worker(name):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                print(name, "cancelled")
                raise
            finally:
                print(name, "cleaned")
        async def nested():
            await asyncio.create_task(worker("inner"))
        async def main():
            tasks = [asyncio.create_task(worker("outer")), asyncio.create_task(nested())]
            await asyncio.sleep_ms(10)
            for t in tasks:
                print(t.done(), t.cancel())
            for t in tasks:
                try:
                    await t
                except asyncio.CancelledError:
                    print("seen")
            print([t.done() for t in tasks], [t.cancel() for t in tasks])
        """,
    "time-outs": """
        async def slow():
            try:
                await asyncio.sleep_ms(200)
            except asyncio.CancelledError:
                print("gave up")
                raise
        async def fast():
            await asyncio.sleep_ms(5)
            return 42
        async def main():
            print(await asyncio.wait_for_ms(fast(), 100))
            try:
                await asyncio.wait_for_ms(slow(), 20)
            except asyncio.TimeoutError:
                print("late")
        """,
    "results and errors": """
        async def fail():
            await asyncio.sleep_ms(1)
            raise ValueError("why")
        async def give():
            return 7
        async def main():
            t = asyncio.create_task(fail())
            print(await asyncio.create_task(give()))
            try:
                await t
            except ValueError as e:
                print(e)
            print(await asyncio.gather(give(), fail(), return_exceptions=True))
        """,
    "events and locks": """
        async def waiter(e, name):
            await e.wait()
            print(name, "released")
        async def holder(lock, name):
            async with lock:
                print(name, "in")
                await asyncio.sleep_ms(3)
                print(name, "out")
        async def main():
            e, lock = asyncio.Event(), asyncio.Lock()
            for name in "xyz":
                asyncio.create_task(waiter(e, name))
            await asyncio.sleep_ms(2)
            e.set()
            await asyncio.gather(*[holder(lock, n) for n in "pqr"])
            f = asyncio.ThreadSafeFlag()
            f.set()
            await f.wait()
            print("flag")
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_order_as_the_interpreters_own(name: str, bench: Bench, tmp_path: Path) -> None:
    program = "import asyncio\n" + textwrap.dedent(PROGRAMS[name]) + "asyncio.run(main())\n"
    file = tmp_path / "own.py"
    file.write_text(program, encoding="utf-8")
    own = output([file]).splitlines()
    assert own
    assert bench.run(program) == own


def test_an_uncaught_error_in_a_task_is_printed_and_the_others_go_on(bench: Bench) -> None:
    lines = bench.run(
        """
        import asyncio
        async def fail():
            raise ValueError("nobody waits for me")
        async def main():
            asyncio.create_task(fail())
            await asyncio.sleep_ms(10)
            print("still here")
        asyncio.run(main())
        """
    )
    assert "ValueError: nobody waits for me" in lines
    assert "still here" in lines
