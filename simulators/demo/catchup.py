"""A worker that brings units up to now in virtual time: `python -m simulators.demo.catchup`.

One JSON job a line on standard input, one JSON answer a line on standard output. It ends when its standard
input does, also in the middle of a job, so that it never outlives the run that started it.
"""

import contextlib
import json
import os
import shutil
import sys
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue

from simulators.board.image import Image
from simulators.board.network import VirtualNetwork
from simulators.board.virtual import Fidelity, run
from simulators.world.district import Links, district
from simulators.world.truck import Passage, TruckScene

# Says that an image's history is complete: without it, what is there was left by a run that was stopped.
READY = "ready"
_NICENESS = 5  # what is live already comes first


@dataclass(frozen=True)
class Job:
    """Make a unit's image in `directory` with a history from `from_ms` to `to_ms`, without a broker."""

    directory: str
    device: str
    seed: int
    bins: int
    trucks: int
    from_ms: int
    to_ms: int
    links: Links = field(default_factory=Links)

    @classmethod
    def read(cls, line: str) -> "Job":
        document = json.loads(line)
        return cls(**{**document, "links": Links(**document["links"])})


@dataclass(frozen=True)
class Done:
    """`error` is None when it went well; `passages`: what the truck weighed on the weighbridge meanwhile."""

    device: str
    passages: list[dict[str, int | str]] = field(default_factory=list)
    error: str | None = None

    @classmethod
    def read(cls, line: str) -> "Done":
        return cls(**json.loads(line))


def catch_up(job: Job) -> Done:
    """Do one job."""
    path = Path(job.directory)
    shutil.rmtree(path, ignore_errors=True)
    plan = district(job.seed, job.bins, job.trucks)
    unit = plan.unit(job.device)
    image = Image.create(
        path, job.device, unit.board, plan.settings(job.device, job.links), job.seed, job.from_ms
    )
    scene = plan.scene(job.device, job.from_ms)
    passages: list[Passage] = []
    if isinstance(scene, TruckScene):
        scene.on_passage = passages.append
    run(image, scene, job.to_ms, fidelity=Fidelity.FAST, on_network=_without_broker)
    write_links(path, job.links)
    (path / READY).touch()
    return Done(job.device, [asdict(passage) for passage in passages])


def read_links(image: Path) -> Links | None:
    """What a unit was provisioned with last."""
    try:
        return Links(**json.loads((image / "links.json").read_bytes()))
    except FileNotFoundError:
        return None


def write_links(image: Path, links: Links) -> None:
    (image / "links.json").write_text(json.dumps(asdict(links)))


def _without_broker(network: VirtualNetwork) -> None:
    """The network is there, and the time; the broker is not: so what is logged has its time, and stays."""
    network.connect = lambda _port: None


def main() -> None:
    os.nice(_NICENESS)
    jobs: SimpleQueue[str] = SimpleQueue()

    def read_jobs() -> None:
        for line in sys.stdin:
            jobs.put(line)
        os._exit(0)  # whoever wanted the answers is gone

    threading.Thread(target=read_jobs, daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        while True:
            job = Job.read(jobs.get())
            try:
                done = catch_up(job)
            except Exception as error:  # noqa: BLE001 (whatever it is, the run must hear of it and go on)
                done = Done(job.device, error=f"{type(error).__name__}: {error}")
            sys.stdout.write(json.dumps(asdict(done)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
