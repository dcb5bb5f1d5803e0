"""The crew's command at a simulated bin: the real firmware, on its real interpreter, answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HUISHOU = [sys.executable, "-m", "gateway"]
START_S = 60
DOCTOR_S = 120


@contextmanager
def simulated_bin(console: Path, *faults: str) -> Iterator[None]:
    """A bin in real time, its console at `console`."""
    options = [part for fault in faults for part in ("--fault", fault)]
    command = [*HUISHOU, "sim", "bin", "--live", "--pty", str(console), "--seed", "3", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "is running" in process.stdout.readline()
            yield
        finally:
            process.terminate()
            process.wait(START_S)


def report(console: Path) -> tuple[int, dict[str, Any]]:
    command = [*HUISHOU, "crew", "doctor", "--port", str(console), "--timeout", "30", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DOCTOR_S, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.mark.parametrize("fault", ["disconnected", None])
def test_the_doctor_tells_a_disconnected_scale_from_a_good_one(tmp_path: Path, fault: str | None) -> None:
    console = tmp_path / "console"
    with simulated_bin(console, *([f"scale0={fault}"] if fault else [])):
        code, found = report(console)
    parts = {finding["part"] for finding in found["findings"]}
    assert {"scale0", "scale1", "lock0", "ranger0", "reader", "display", "battery"} <= parts
    wrong = [
        (finding["part"], finding["code"]) for finding in found["findings"] if finding["level"] == "wrong"
    ]
    assert wrong == ([("scale0", "scale-at-rail")] if fault else [])
    assert code == (1 if fault else 0)
    assert found["unit"] == "bin"
