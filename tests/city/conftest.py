"""The whole city as a child process of the test: `huishou demo`, as a person types it."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import psutil
import pytest

from simulators.servers import influxdb
from simulators.servers.ports import free_port
from simulators.servers.process import wait_until

HUISHOU = str(Path(sys.executable).with_name("huishou"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The city comes last: what breaks it is better seen in the smaller tests before."""
    items.sort(key=lambda item: item.get_closest_marker("city") is not None)


@pytest.fixture(scope="session", autouse=True)
def influxd() -> Path:
    """A demo would build InfluxDB by itself; a test says so before it waits for minutes."""
    found = influxdb.find()
    assert found is not None, "no influxd here: run `make influxd` (about four minutes)"
    return found


def demo_command(directory: Path, *arguments: str) -> list[str]:
    return [HUISHOU, "demo", "--dir", str(directory), "--port", str(free_port()), *arguments]


@dataclass
class Demo:
    """A demo that runs. `lines` is what it has printed so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def wait_for(self, text: str, deadline_s: float = 60) -> None:
        """Return when it has said so."""
        ended = wait_until(lambda: self.said(text) or self.process.poll() is not None, deadline_s)
        assert ended, f"not said in {deadline_s} s: {text!r}; it said:\n{self.text}"
        assert self.said(text), f"ended without saying {text!r}; it said:\n{self.text}"

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def page(self) -> tuple[str, str, str]:
        """Address, user and password of the operators' page, as it prints them."""
        found = re.search(r"page: (\S+) +user (\S+) +password (\S+)", self.text)
        assert found, self.text
        return found[1], found[2], found[3]

    def family(self) -> list[psutil.Process]:
        """It and everything that it has started, at any depth."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start a demo in the test's directory; it ends with the test."""
    started: list[Demo] = []

    def start(*arguments: str) -> Demo:
        process = subprocess.Popen(
            demo_command(tmp_path / "run", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        demo = Demo(process)
        reader = Thread(target=_read, args=(demo,), daemon=True)
        reader.start()
        started.append(demo)
        return demo

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGTERM)
        demo.process.wait(20)


def _read(demo: Demo) -> None:
    assert demo.process.stdout is not None
    with demo.process.stdout as out:
        demo.lines.extend(iter(out.readline, ""))
