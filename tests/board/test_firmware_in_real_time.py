"""The same units tied to the wall: real broker, real UDP, a console on a pseudo-terminal, deaths noticed."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import serial
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.board.image import Image
from simulators.board.live import LiveUnit
from simulators.board.virtual import run
from simulators.peers import ntp
from simulators.servers import accounts
from simulators.servers.broker import Broker
from simulators.world.district import Links, district

DEADLINE_S = 30
DEVICE = "bin-001"


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait for a condition that real processes bring about."""
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end, f"{what}: not within {DEADLINE_S} s"
        await asyncio.sleep(0.05)


def fresh(
    folder: Path, links: Links | None = None, password: str | None = None, **more: Any
) -> tuple[Image, Any]:
    """A bin that uses one of its two bays: each look takes some three real seconds a bay."""
    plan = district(5)
    settings = plan.settings(DEVICE, links)
    settings["bays"] = settings["bays"][:1]
    if password is not None:
        settings["broker"]["password"] = password
    now = time.time_ns() // 1_000_000
    image = Image.create(folder, DEVICE, "bin-s3", settings, 5, now)
    return image, plan.scene(DEVICE, now, **more)


def kinds(image: Image) -> list[str]:
    return [json.loads(record)["kind"] for _, _, record in image.logged()]


def test_a_unit_gets_its_time_from_a_real_server_and_delivers_to_a_real_broker(
    tmp_path: Path, mosquitto: Broker
) -> None:
    delivered: dict[int, dict[str, Any]] = {}

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        for record in json.loads(message.payload)["recs"]:
            delivered[record["seq"]] = record

    reader = mqtt.Client(CallbackAPIVersion.VERSION2)
    reader.username_pw_set(accounts.GATEWAY, f"{accounts.GATEWAY}-secret")
    reader.on_message = on_message
    reader.connect(mosquitto.host, mosquitto.port)
    reader.loop_start()
    reader.subscribe(f"huishou/1/{DEVICE}/up/records", qos=1)

    async def live() -> Image:
        server, port = await ntp.serve()
        links = Links(broker_host=mosquitto.host, broker_port=mosquitto.port, ntp_port=port)
        image, scene = fresh(tmp_path / "a", links, f"{DEVICE}-secret")
        unit = LiveUnit.start(image, scene)
        try:
            await until(lambda: len(delivered) >= 2, "a boot record and a reading at the broker")
        finally:
            unit.stop()
            server.close()
        return image

    try:
        on_flash = {seq: json.loads(record) for _, seq, record in asyncio.run(live()).logged()}
    finally:
        reader.disconnect()
        reader.loop_stop()
    assert {seq: on_flash[seq] for seq in delivered} == delivered
    assert {r["clock"] for r in on_flash.values()} <= {"ntp", "back"}
    assert all(abs(r["t"] - time.time() * 1000) < 60_000 for r in on_flash.values())


def test_a_crews_program_talks_to_a_sleeping_bin_by_plugging_in(tmp_path: Path) -> None:
    def crew(path: Path) -> list[bytes]:
        with serial.Serial(str(path), 115200) as port:
            return [
                ask(port, b"who\n", b"= {", 0.3),  # until the bin is awake nobody hears it
                ask(port, b"self-test\n", b"= [", DEADLINE_S),
            ]

    def ask(port: serial.Serial, command: bytes, begins: bytes, again_s: float) -> bytes:
        """The answer that begins so; the command is given again while nothing is heard."""
        end, answer = time.monotonic() + DEADLINE_S, b""
        port.timeout = again_s
        while not answer.startswith(begins) and time.monotonic() < end:
            if not answer:
                port.write(command)
            answer = port.readline()
        return answer

    async def live() -> None:
        nobody = Links(broker_port=1, ntp_port=1)  # refused at once, so the bin soon sleeps
        image, scene = fresh(tmp_path / "a", nobody, faults={"scale0": "disconnected"})
        link = tmp_path / "console"
        unit = LiveUnit.start(image, scene, console_link=link)
        try:
            await talk(unit, link)
        finally:
            unit.stop()
        assert not link.is_symlink()

    async def talk(unit: LiveUnit, link: Path) -> None:
        await until(lambda: "sleep" in unit.chip.state, "asleep after its first look")
        who, test = await asyncio.to_thread(crew, link)
        assert json.loads(who[2:])["device"] == DEVICE
        parts = {part["part"]: part for part in json.loads(test[2:])}
        assert parts["scale0"]["ok"] is False
        assert parts["scale1"]["ok"] is True
        await until(lambda: "sleep" in unit.chip.state, "asleep again when the plug is pulled")

    asyncio.run(live())


def test_a_dead_interpreter_is_replaced_and_the_unit_sees_a_power_cycle(tmp_path: Path) -> None:
    async def live() -> None:
        image, scene = fresh(tmp_path / "a")
        unit = LiveUnit.start(image, scene, network_down=True)
        try:
            await until(lambda: "boot" in kinds(image), "first boot record")
            assert unit.interpreter is not None
            unit.interpreter.process.kill()
            await until(lambda: kinds(image).count("boot") == 2, "second boot record")
            assert unit.restarts == 1
        finally:
            unit.stop()

    asyncio.run(live())


def test_a_history_in_virtual_time_goes_on_live_from_the_same_image(tmp_path: Path) -> None:
    plan = district(5)
    now = time.time_ns() // 1_000_000
    begin = now - 6 * 3_600_000
    settings = plan.settings(DEVICE)
    settings["bays"] = settings["bays"][:1]  # as in `fresh`
    image = Image.create(tmp_path / "a", DEVICE, "bin-s3", settings, 5, begin)
    run(image, plan.scene(DEVICE, begin), now)
    before = kinds(image)

    async def live() -> None:
        again = Image.open(tmp_path / "a")
        scene = plan.scene(DEVICE, again.now_ms, state=again.scene)
        unit = LiveUnit.start(again, scene, network_down=True)
        try:
            await until(lambda: len(kinds(again)) >= len(before) + 2, "boot and reading after the history")
        finally:
            unit.stop()

    asyncio.run(live())
    numbers = [seq for _, seq, _ in Image.open(tmp_path / "a").logged()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert kinds(image)[len(before)] == "boot"
