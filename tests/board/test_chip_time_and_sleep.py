"""The chip's clock, its sleeps and its resets, as the ESP32-S3 has them."""

from simulators.board.virtual import Fidelity
from simulators.scene import PinLevel, PowerCut
from tests.board.bench import START_MS, Bench


def test_the_clock_starts_at_2000_with_the_supply_and_keeps_what_was_set(bench: Bench) -> None:
    lines = bench.run(
        """
        import time
        from machine import RTC
        print(time.time(), time.gmtime(0)[:6], len(time.gmtime()))
        RTC().datetime((2026, 5, 28, 3, 20, 26, 40, 500_000))
        print(time.time(), RTC().datetime())
        print(time.mktime((2026, 5, 28, 20, 26, 40, 0, 0)))
        """
    )
    assert lines == [
        "0 (2000, 1, 1, 0, 0, 0) 8",
        "833315200 (2026, 5, 28, 3, 20, 26, 40, 500000)",
        "833315200",
    ]


def test_ticks_wrap_at_two_to_the_thirty_and_tasks_sleep_across_the_wrap(bench: Bench) -> None:
    lines = bench.run(
        """
        import asyncio, time
        async def main():
            for _ in range(2):
                await asyncio.sleep_ms(2**29 - 500)
            before = time.ticks_ms()
            await asyncio.sleep(2)
            after = time.ticks_ms()
            print(before > after, 1999 <= time.ticks_diff(after, before) <= 2001)
        asyncio.run(main())
        """,
        seconds=2**30 / 1000 + 60,
    )
    assert lines == ["True True"]


def test_deep_sleep_is_a_reset_that_keeps_rtc_memory_and_clock_but_no_outputs(bench: Bench) -> None:
    lines = bench.run(
        """
        import machine, time
        from machine import RTC, Pin
        print(machine.reset_cause(), machine.wake_reason(), RTC().memory(), time.time())
        Pin(11, Pin.OUT, value=1)
        RTC().memory(b"kept")
        machine.deepsleep(3_600_000)
        """,
        seconds=3700,
    )
    assert lines == ["1 0 b'' 0", "4 4 b'kept' 3600"]
    levels = [(pin, level) for _, pin, level in bench.scene.pins]
    assert levels == [(11, 1), (11, 0), (11, 1), (11, 0)]
    states = [state for _, state in bench.scene.draws]
    assert states == ["active", "sleep", "active", "sleep", "off"]


def test_a_pin_ends_deep_sleep_and_the_wake_reason_names_the_source(bench: Bench) -> None:
    bench.scene.script = [
        (0, PinLevel(38, 1)),
        (0, PinLevel(39, 1)),
        (2_500, PinLevel(38, 0)),
        (2_600, PinLevel(38, 1)),
        (5_000, PinLevel(39, 0)),
        (5_100, PinLevel(39, 1)),
    ]
    lines = bench.run(
        """
        import esp32, machine, time
        from machine import Pin
        print(machine.reset_cause(), machine.wake_reason(), time.ticks_ms() < 5)
        if machine.wake_reason() != machine.EXT1_WAKE:
            esp32.wake_on_ext0(Pin(38, Pin.IN), 0)
            esp32.wake_on_ext1((Pin(39, Pin.IN),), esp32.WAKEUP_ALL_LOW)
            machine.deepsleep(60_000)
        """
    )
    assert lines == ["1 0 True", "4 2 True", "4 3 True"]


def test_a_pin_that_already_has_the_level_wakes_at_once(bench: Bench) -> None:
    bench.scene.script = [(0, PinLevel(38, 0)), (4_000, PinLevel(38, 1))]
    lines = bench.run(
        """
        import esp32, machine
        from machine import Pin
        print(machine.wake_reason())
        if machine.reset_cause() == machine.PWRON_RESET:
            esp32.wake_on_ext0(Pin(38, Pin.IN), 0)
            machine.deepsleep()
        """
    )
    assert lines == ["0", "2"]


def test_a_power_cut_forgets_rtc_memory_and_clock(bench: Bench) -> None:
    bench.scene.script = [(1_000, PowerCut(off_ms=2_000))]
    lines = bench.run(
        """
        import machine, time
        print(machine.reset_cause(), machine.RTC().memory(), time.time())
        machine.RTC().memory(b"gone soon")
        time.sleep(100)
        print("never")
        """
    )
    assert lines == ["1 b'' 0", "1 b'' 0"]
    assert (1_000, "off") in bench.scene.draws
    assert (3_270, "active") in bench.scene.draws


def test_the_watchdog_bites_when_nobody_feeds_it(bench: Bench) -> None:
    lines = bench.run(
        """
        import machine, time
        print(machine.reset_cause() == machine.WDT_RESET, machine.RTC().memory())
        wdt = machine.WDT(timeout=2000)
        machine.RTC().memory(b"crumb")
        for _ in range(3):
            time.sleep(1)
            wdt.feed()
        while True:
            time.ticks_ms()
        """,
        seconds=6,
    )
    assert lines == ["False b''", "True b'crumb'"]


def test_a_software_reset_keeps_rtc_memory_and_runs_nothing_more(bench: Bench) -> None:
    lines = bench.run(
        """
        import machine, time
        print(machine.reset_cause(), machine.RTC().memory())
        if not machine.RTC().memory():
            machine.RTC().memory(b"planned")
            try:
                machine.reset()
            finally:
                machine.RTC().memory(b"spoilt")
                open("/dev/null")
        """
    )
    assert lines[0] == "1 b''"
    assert lines[1].startswith("2 ")


def test_firmware_that_ends_is_reported_and_the_watchdog_still_runs(bench: Bench) -> None:
    bench.run("import machine\nmachine.WDT(timeout=60_000)\nraise ValueError('broken')\n", seconds=59)
    assert bench.result is not None
    assert bench.result.halted == "ValueError: broken"
    assert bench.result.counters.boots == 1
    bench.run("import machine\nmachine.WDT(timeout=60_000)\nraise ValueError('broken')\n", seconds=61)
    assert bench.result.counters.boots == 2


def test_modules_are_kept_over_sleep_except_at_full_fidelity(bench: Bench) -> None:
    program = """
        import machine
        import keeps
        keeps.seen.append(1)
        print(len(keeps.seen))
        machine.deepsleep(1000)
        """
    for fidelity, expected in ((Fidelity.STANDARD, ["1", "2", "3"]), (Fidelity.FULL, ["1", "1", "1"])):
        lines = bench.run(program, 3.5, fidelity=fidelity, extra={"keeps.py": "seen = []\n"})
        assert lines == expected, fidelity


def test_random_bytes_repeat_with_the_boot_and_differ_between_boots(bench: Bench) -> None:
    program = "import os, random\nprint(os.urandom(8), random.getrandbits(30))\n"
    first, second = bench.run(program), bench.run(program)
    assert first != second
    again = Bench(bench.path / "again")
    assert again.run(program) == first
    assert again.image.now_ms == START_MS + 10_000


def test_the_sleep_clock_has_a_crystals_error(bench: Bench) -> None:
    day = 86_400
    lines = bench.run(
        f"""
        import machine, time
        print(time.time_ns())
        if machine.reset_cause() == machine.PWRON_RESET:
            machine.deepsleep({day} * 1000)
        """,
        seconds=day + 60,
    )
    shown_ms = int(lines[1]) // 1_000_000
    woken_ms = next(ms for ms, state in bench.scene.draws[2:] if state == "active")
    error_ms = shown_ms - woken_ms
    assert 0 < abs(error_ms + 270) <= day * 1000 * 40 // 1_000_000 + 1, "27 ppm of a day are 2.3 s"
