"""A demo leaves nothing behind: not when it is asked to stop, not when it is killed with -9."""

import signal
from collections.abc import Callable

import psutil
import pytest

from simulators.servers.process import wait_until
from tests.city.conftest import Demo

pytestmark = pytest.mark.city

SMALL = ["--bins", "4", "--trucks", "1", "--days", "0.1", "--shift", "0.1"]
PROGRAMS = {"mosquitto", "influxd"}


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_nothing_is_left_running(start_demo: Callable[..., Demo], how: signal.Signals) -> None:
    demo = start_demo(*SMALL)
    demo.wait_for("the whole city is live")
    demo.wait_for("intake    connected")
    family = demo.family()
    assert {process.name() for process in family} >= PROGRAMS
    assert len(family) > 10  # interpreters, servers, the gateway's processes
    demo.process.send_signal(how)
    # Stopping by order has ten seconds; what is left when the demo itself is killed ends by itself in as
    # many.
    assert wait_until(lambda: not any(map(_alive, family)), 12), [p.cmdline() for p in family if _alive(p)]
    assert demo.process.wait(1) == (-how if how is signal.SIGKILL else 0), demo.text


def test_it_can_be_stopped_while_it_is_still_coming_up(start_demo: Callable[..., Demo]) -> None:
    demo = start_demo("--bins", "30", "--trucks", "2", "--days", "30")  # minutes of history
    demo.wait_for("intake    connected")
    family = demo.family()
    demo.process.send_signal(signal.SIGINT)
    assert wait_until(lambda: not any(map(_alive, family)), 12), [p.cmdline() for p in family if _alive(p)]
    assert demo.process.wait(1) == 0, demo.text
