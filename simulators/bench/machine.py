"""On what, and when: beside every figure."""

import datetime
import os
import platform
from pathlib import Path


def machine() -> dict[str, str | int | float]:
    """Date (UTC), processor, cores, Python, and how busy it was a minute ago (load average)."""
    model = ""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        model = platform.processor()
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
