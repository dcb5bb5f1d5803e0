"""Run one unit in virtual time: "run until your next event at t", from an image, until an instant."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from hardware import load_board
from simulators.board import link
from simulators.board.chip import Chip, Counters
from simulators.board.core import one_core
from simulators.board.firmware import FIRMWARE
from simulators.board.image import Image
from simulators.board.interpreter import Interpreter, Launch, wide
from simulators.board.network import VirtualNetwork
from simulators.peers.cloud import Cloud
from simulators.peers.ntp import reply as ntp_reply
from simulators.scene import Scene

MQTT_PORT = 1883


class Fidelity(StrEnum):
    """How much of the chip is played out; named in every result.

    fast: HX711 conversions are handed to the driver's caller, modules are kept over sleep.
    standard: HX711 as clocked bits; the driver sleeps until the data-ready edge; modules are kept over sleep.
    full: bits, and each wake from deep sleep is a fresh interpreter with a fresh heap.
    """

    FAST = "fast"
    STANDARD = "standard"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run was and did."""

    device: str
    fidelity: Fidelity
    network: str
    from_ms: int
    to_ms: int
    counters: Counters
    halted: str | None

    def as_json(self) -> dict[str, Any]:
        """The same as JSON-ready data."""
        return asdict(self)


def chip_config(image: Image, fidelity: Fidelity, mode: str) -> dict[str, Any]:
    """The document that `vm/_boot.py` starts from: wiring, flash files, seed."""
    parts = load_board(image.board)["parts"].values()
    digest = hashlib.sha256(f"{image.seed}/{image.device}".encode()).digest()
    return {
        "mode": mode,
        "fidelity": str(fidelity),
        "seed": int.from_bytes(digest[:5]),
        "unique_id": digest[5:11].hex(),
        "rssi_dbm": -55 - digest[11] % 30,
        "hx711": [
            [p["data"], p["clock"], p.get("power"), p.get("rate_hz", 10)]
            for p in parts
            if p["driver"] == "hx711"
        ],
        "uarts": {str(p["uart"]): p["baud"] for p in parts if "uart" in p},
        "partitions": image.partitions(),
    }


def rtc_ppm(image: Image) -> int:
    """The error of the unit's sleep clock: a 32 kHz crystal's tolerance, load and ageing, within 30 ppm."""
    return hashlib.sha256(f"{image.seed}/{image.device}/rtc".encode()).digest()[0] % 61 - 30


def run(
    image: Image,
    scene: Scene,
    until_ms: int,
    *,
    fidelity: Fidelity = Fidelity.STANDARD,
    network: str = "up",
    cut_at_flash_op: int | None = None,
    firmware: Path = FIRMWARE,
    on_time: Callable[[int], None] = lambda _ms: None,
    on_network: Callable[[VirtualNetwork], None] = lambda _network: None,
    on_boot: Callable[[Chip], None] = lambda _chip: None,
    launch: Launch = wide,
) -> Result:
    """Power the unit on where its image stands, run its firmware until `until_ms`, cut the power, save the
    image.

    `scene` must stand at the image's time. `network`: `up` (a broker, a gateway that acknowledges and a time
    server are there) or `down`. `cut_at_flash_op`: tear the flash operation of that number (counted from
    each boot) once. `on_time` hears the virtual time in milliseconds now and then, `on_boot` sees the chip
    before each boot (and may plan another cut). `launch`: which interpreter. Raises
    InterpreterError.
    """
    cloud = Cloud.load(image.peer)
    wires = VirtualNetwork(
        lambda port: cloud.connection() if port == MQTT_PORT else None,
        lambda now_us, data: ntp_reply(data, now_us),
    )
    on_network(wires)
    until_us = until_ms * 1000
    chip = Chip(
        scene,
        chip_config(image, fidelity, "virtual"),
        image.now_ms * 1000,
        network=wires,
        network_down=network == "down",
        before_erase=image.before_erase,
        boot_count=image.boots,
        rtc_ppm=rtc_ppm(image),
        cut_at_flash_op=cut_at_flash_op,
    )
    with one_core():
        interpreter = Interpreter.start(image.path / "vm.log", firmware=firmware, launch=launch)
        try:
            _drive(chip, interpreter, until_us, on_time, on_boot)
        finally:
            interpreter.stop()
    chip.now_us = until_us
    chip.power_off()
    result = Result(
        image.device, fidelity, network, image.now_ms, until_ms, replace(chip.counters), chip.halted
    )
    image.now_ms, image.boots, image.scene, image.peer = until_ms, chip.boot_count, scene.save(), cloud.save()
    image.save()
    return result


def _drive(
    chip: Chip,
    interpreter: Interpreter,
    until_us: int,
    on_time: Callable[[int], None],
    on_boot: Callable[[Chip], None],
) -> None:
    chip.power_on()
    while True:
        frame = link.decode(interpreter.read())
        if frame.kind != "B":
            reply = chip.handle(frame)
            if not chip.counters.frames & 0xFF:
                on_time(chip.now_us // 1000)
            if frame.now_us >= until_us:
                return
            if reply is not None:
                result, stimuli = reply
                interpreter.write(link.answer(min(chip.next_us(), until_us), result, stimuli))
            if not chip.awake and chip.cut_at_flash_op is not None and frame.kind == "C":
                chip.cut_at_flash_op = None
            continue
        while not chip.due():
            t = chip.next_us()
            if t >= until_us:
                return
            chip.advance(t)
        on_time(chip.now_us // 1000)
        on_boot(chip)
        interpreter.write(chip.boot(min(chip.next_us(), until_us)))
