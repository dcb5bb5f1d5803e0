"""`python -m simulators.servers.influxdb`: have an `influxd`, building it when there is none. Prints its
path."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from simulators.servers.errors import ServerError
from simulators.servers.influxdb import binary


def main() -> int:
    console = Console(stderr=True)
    found = binary.find()
    try:
        if found is None:
            with Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                console=console,
            ) as bar:
                task = bar.add_task("InfluxDB", total=None)
                last = ""

                def show(step: binary.Progress) -> None:
                    nonlocal last
                    if step.stage != last and not console.is_terminal:
                        console.print(step.stage)
                    last = step.stage
                    bar.update(task, description=step.stage, completed=step.done, total=step.total or None)

                found = binary.build(show)
    except ServerError as error:
        console.print(f"[{error.code}] {error}", style="red", markup=False)
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
