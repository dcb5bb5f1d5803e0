"""Children cannot outlive the process that started them, whatever happens to it."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from simulators.servers.errors import ServerError
from simulators.servers.ports import free_port, kept_port
from simulators.servers.process import Children, wait_until

# A child with a grandchild; each ignores SIGTERM, so that only insistence ends them.
STUBBORN = "trap '' TERM; sh -c \"trap '' TERM; while :; do sleep 1; done\" & while :; do sleep 1; done"
OBEDIENT = "echo here; exec sleep 60"


def test_a_child_is_stopped_by_asking(tmp_path: Path) -> None:
    with Children() as children:
        child = children.start("polite", ["/bin/sh", "-c", OBEDIENT], log=tmp_path / "log")
        assert child.running
        assert wait_until(lambda: "here" in child.last_words(), 5)
        assert child.stop(5)
        assert child.returncode == -signal.SIGTERM


def test_a_child_that_does_not_obey_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    with Children() as children:
        child = children.start("stubborn", ["/bin/sh", "-c", STUBBORN], log=tmp_path / "log")
        family = psutil.Process(child.pid)
        assert wait_until(lambda: len(family.children(recursive=True)) >= 2, 5)
        everyone = [family, *family.children(recursive=True)]
        assert not child.stop(0.2)
        assert wait_until(lambda: not any(map(_alive, everyone)), 5)


def test_a_paused_child_is_frozen_goes_on_and_can_be_stopped(tmp_path: Path) -> None:
    with Children() as children:
        child = children.start("tick", ["/bin/sh", "-c", OBEDIENT], log=tmp_path / "log")
        process = psutil.Process(child.pid)
        child.pause()
        assert wait_until(lambda: process.status() == psutil.STATUS_STOPPED, 5)
        child.resume()
        assert wait_until(lambda: process.status() != psutil.STATUS_STOPPED, 5)
        child.pause()
        assert child.stop(5)


PARENT = """
import sys, time
from pathlib import Path
from simulators.servers.process import Children
children = Children()
for name in ("one", "two"):
    child = children.start(name, ["/bin/sh", "-c", sys.argv[1]], log=Path(sys.argv[2]))
    print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminated"])
def test_no_child_is_left_when_the_parent_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, OBEDIENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        everyone = [psutil.Process(pid) for pid in pids]
        parent.send_signal(how)
        parent.wait(5)
    assert wait_until(lambda: not any(map(_alive, everyone)), 10)


def test_a_missing_program_is_said_so(tmp_path: Path) -> None:
    with Children() as children, pytest.raises(ServerError, match="no program") as caught:
        children.start("ghost", ["/nonexistent/program"], log=tmp_path / "log")
    assert caught.value.code == "no-program"


def test_ports_are_kept_until_someone_else_has_them(tmp_path: Path) -> None:
    first = kept_port(tmp_path, "page")
    assert kept_port(tmp_path, "page") == first
    assert kept_port(tmp_path, "other") != first
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", first))
        taker.listen()
        assert kept_port(tmp_path, "page") != first
    wanted = free_port()
    assert kept_port(tmp_path, "page", wanted) == wanted


def test_no_program_that_asks_for_any_port_can_take_a_free_port() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(50)]
    assert max(ports) < lowest
    assert len(set(ports)) == 50


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
