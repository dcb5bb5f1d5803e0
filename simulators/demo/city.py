"""The units of a run: histories caught up in virtual time by worker processes, then real firmware in real
time."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from hardware import load_board
from simulators.board.firmware import edge
from simulators.board.image import Image
from simulators.board.live import LiveUnit
from simulators.demo.catchup import READY, Done, Job, read_links, write_links
from simulators.demo.ledgers import Logged
from simulators.demo.points import Name
from simulators.world import city as world
from simulators.world.bin import BinScene
from simulators.world.district import District, Links
from simulators.world.truck import Passage, TruckScene

WORKERS = 2
_PACE_S = 300.0  # how often the pace follows the hour
# So that every level can be looked at: bins that lose their panel when they go live, and what is left then.
_SPARING_PCT = {1: 38.0, 2: 20.0, 3: 12.0}
_ENOUGH_BINS = 8  # a smaller city has none
_LEVELS = ("normal", "saver", "survival", "dark")
# A job is a line of JSON; an answer carries a shift's passages at most.
_ANSWER_BYTES = 1 << 20


class City:
    """Every bin and truck of a district. `run` brings them to life one after the other; `stop` cuts their
    power."""

    def __init__(
        self,
        plan: District,
        directory: Path,
        links: Links,
        *,
        bin_days: float,
        truck_hours: float,
        visits_per_minute: float,
        say: Callable[[str], None],
        on_passage: Callable[[int, str, int, int], None],
    ) -> None:
        self.plan = plan
        self._directory = directory
        self._links = links
        self._history_ms = {"bin": round(bin_days * 86_400_000), "truck": round(truck_hours * 3_600_000)}
        self._visits_per_minute = visits_per_minute
        self._say = say
        self._on_passage = on_passage
        # Trucks first: they move, and what they weighed is needed in order.
        self.devices = [unit.device for unit in sorted(plan.units, key=lambda unit: unit.unit != "truck")]
        self.live: dict[str, LiveUnit] = {}
        self.history_left = Counter(
            plan.unit(device).unit
            for device in self.devices
            if not self._path(device).joinpath(READY).exists()
        )
        self._passages: list[Passage] = []
        self._world = world.City(plan)  # joins the live ones: crews come with trucks, full bins call them

    async def run(self) -> None:
        """Bring every unit to life; return when all are live. Cancelling it ends the workers."""
        waiting: asyncio.Queue[str] = asyncio.Queue()
        for device in self.devices:
            if (self._path(device) / READY).exists():
                self.power_on(device)
                await asyncio.sleep(0)  # let the ones that are live already breathe
            else:
                waiting.put_nowait(device)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(WORKERS, waiting.qsize())):
                workers.create_task(self._worker(waiting))

    async def _worker(self, waiting: asyncio.Queue[str]) -> None:
        """One worker process, and what it finishes."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulators.demo.catchup"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_ANSWER_BYTES,
            start_new_session=True,  # a terminal's Ctrl-C is for us
        )
        assert process.stdin is not None  # noqa: S101 (PIPE above)
        assert process.stdout is not None  # noqa: S101
        try:
            while not waiting.empty():
                job = self._job(waiting.get_nowait())
                process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
                await process.stdin.drain()
                answer = await process.stdout.readline()
                if not answer:
                    raise RuntimeError(f"the worker that made {job.device}'s history has died; see above")
                self._finished(Done.read(answer.decode()))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _job(self, device: str) -> Job:
        now_ms = time.time_ns() // 1_000_000
        history_ms = self._history_ms[self.plan.unit(device).unit]
        return Job(
            str(self._path(device)),
            device,
            self.plan.seed,
            len(self.plan.bins),
            len(self.plan.trucks),
            now_ms - history_ms,
            now_ms,
            self._links,
        )

    def _finished(self, done: Done) -> None:
        if done.error is not None:
            raise RuntimeError(f"the history of {done.device} failed: {done.error}")
        kind = self.plan.unit(done.device).unit
        self.history_left[kind] -= 1
        self._passages += [Passage(**passage) for passage in done.passages]  # type: ignore[arg-type]
        if self.history_left["truck"] == 0:
            for passage in sorted(self._passages, key=lambda passage: passage.t):
                self._weighed(passage)
            self._passages.clear()
        self.power_on(done.device)

    def _weighed(self, passage: Passage) -> None:
        self._on_passage(passage.t, passage.plate, passage.gross_g, passage.tare_g)

    # Live

    async def keep_lively(self) -> None:
        """As many visitors at any hour of the day, weekends and nights too: a demo is looked at when it
        is."""
        while True:
            await asyncio.sleep(_PACE_S)
            self._set_pace()

    def _set_pace(self) -> None:
        pace = self._pace()
        for unit in self.live.values():
            if isinstance(unit.scene, BinScene):
                unit.scene.set_pace(pace)

    def _pace(self) -> float:
        """How many times as many visitors as are usual at this hour make the wished number."""
        return self.plan.pace_for(self._visits_per_minute, time.time_ns() // 1_000_000)

    def power_on(self, device: str) -> None:
        """Real time from here: the unit boots with the flash that its image has."""
        image = Image.open(self._path(device))
        self._provision(image)
        scene = self.plan.scene(device, image.now_ms, state=image.scene, pace=self._pace())
        if isinstance(scene, TruckScene):
            scene.on_passage = self._weighed
        else:
            self._spare(scene)
        self._world.join(scene)
        console = self._path(device) / "console"
        self.live[device] = LiveUnit.start(image, scene, console_link=console)
        loop = asyncio.get_running_loop()
        scene.changed = lambda: loop.call_soon(self._poke, device)

    def _spare(self, scene: BinScene) -> None:
        """Some bins have a broken panel and little left: one on each level of the battery."""
        pct = _SPARING_PCT.get(self.plan.site_index(scene.spec.device))
        if pct is not None and len(self.plan.bins) >= _ENOUGH_BINS:
            scene.supply.leave(pct)
            scene.set_fault("supply", "no-panel")

    def levels(self) -> dict[str, list[str]]:
        """The live bins by the level of their battery, as their RTC memory says it; those that have not slept
        yet are left out.
        """
        found: dict[str, list[str]] = {level: [] for level in _LEVELS}
        for device, unit in sorted(self.live.items()):
            memory = unit.chip.memory
            if isinstance(unit.scene, BinScene) and memory:
                found[json.loads(memory[4:]).get("power", _LEVELS)[0]].append(device)
        return found

    def _poke(self, device: str) -> None:
        """Something outside changed a unit's near future: a truck was sent, its crew has arrived."""
        if device in self.live:
            self.live[device].poke()

    def power_off(self, device: str) -> None:
        """Cut the unit's power; its image is saved."""
        unit = self.live.pop(device)
        if isinstance(unit.scene, BinScene | TruckScene):
            self._world.leave(unit.scene)
        unit.stop()

    async def stop(self) -> None:
        """Cut the power of all."""
        for device in list(self.live):
            self.power_off(device)
            await asyncio.sleep(0)

    def freeze(self) -> None:
        """Nobody comes any more: no visitor, hence fewer new records while the backlog drains."""
        self._visits_per_minute = 0.0
        self._set_pace()

    def asleep(self, device: str) -> bool:
        """Whether a live unit sleeps now."""
        return not self.live[device].chip.awake

    def _provision(self, image: Image) -> None:
        """Where broker and time server are may have changed since the last run: set it, as a crew would."""
        if read_links(image.path) != self._links:
            settings = self.plan.settings(image.device, self._links)
            size = load_board(image.board)["partitions"]["settings"]
            (image.path / "settings.bin").write_bytes(edge("edge.store.settings").encode(settings, size))
            write_links(image.path, self._links)

    # The first ledger

    def logged(self) -> Iterator[Logged]:
        """Everything that the firmware of all units ever logged."""
        for device in self.devices:
            if not (self._path(device) / READY).exists():
                continue  # never live, so nobody was told anything
            for log, seq, raw in self._image(device).logged():
                yield Logged(Name(device, log, seq), raw)

    def head(self, device: str) -> tuple[str, int] | None:
        """The newest record of a unit as (log, seq); None: it has none."""
        newest = None
        for log, seq, _ in edge("edge.store.sector").entries((self._path(device) / "log.bin").read_bytes()):
            newest = (log, seq)
        return newest

    def _image(self, device: str) -> Image:
        unit = self.live.get(device)
        return unit.image if unit is not None else Image.open(self._path(device))

    def _path(self, device: str) -> Path:
        return self._directory / device
