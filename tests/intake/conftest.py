"""A gateway's files, its processes, and devices that speak the contract, for tests against a real broker."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.contract import decode_ack
from gateway.processes import status
from simulators.servers import accounts
from simulators.servers.broker import Broker
from simulators.servers.ports import free_port
from simulators.servers.process import Child, Children, wait_until

DEADLINE_S = 20.0


class Gateway:
    """The files of one gateway, and its processes as they are asked for."""

    def __init__(self, directory: Path, broker: Broker, children: Children) -> None:
        self.directory = directory
        self.store = directory / "store"
        self.config = directory / "huishou.toml"
        self._children = children
        devices = [{"id": f"bin-{n:03}", "unit": "bin", "site": "nankai"} for n in (1, 2, 3)]
        devices.append({"id": "truck-001", "unit": "truck", "site": "depot"})
        (directory / "devices.json").write_text(json.dumps({"devices": devices}))
        (directory / "mqtt-password").write_text(f"{accounts.GATEWAY}-secret\n")
        self.config.write_text(
            f'[mqtt]\nport = {broker.port}\nusername = "{accounts.GATEWAY}"\n'
            'password_file = "mqtt-password"\n'
            f'[influxdb]\nurl = "http://127.0.0.1:{free_port()}"\ntoken = "none listens there"\n'
            f"[web]\nport = {free_port()}\n"
        )

    def start(self, *name: str) -> Child:
        """Start all processes, or the named one."""
        argv = [sys.executable, "-m", "gateway", "gateway", *name, "--config", str(self.config)]
        log = self.directory / f"{'-'.join(name) or 'gateway'}.log"
        return self._children.start("-".join(name) or "gateway", argv, log=log, env=dict(os.environ))

    def start_intake(self) -> Child:
        """Start intake and wait until it is subscribed.

        What is published before has no subscriber to go to.
        """
        child = self.start("intake")
        assert wait_until(lambda: self._intake_is_connected(child.pid), DEADLINE_S), child.last_words()
        return child

    def _intake_is_connected(self, pid: int) -> bool:
        intake = status(self.store, 0)["intake"]
        return bool(intake.get("pid") == pid and intake["state"].startswith("connected"))


class Device:
    """A device's side of the contract: keeps records until `down/ack`, goes back when none comes."""

    def __init__(self, name: str, broker: Broker) -> None:
        self.name = name
        self.acked: dict[str, int] = {}
        self._news = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self._client.username_pw_set(name, f"{name}-secret")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(f"huishou/1/{name}/down/#", qos=1)
        self._client.on_message = self._heard
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)

    def publish(self, channel: str, body: bytes) -> None:
        self._client.publish(f"huishou/1/{self.name}/{channel}", body, qos=1)

    def wait_acked(self, log: str, seq: int, deadline_s: float = DEADLINE_S) -> bool:
        """Whether `down/ack` reached `seq` in time."""
        with self._news:
            return self._news.wait_for(lambda: self.acked.get(log, -1) >= seq, deadline_s)

    def deliver(self, log: str, records: list[bytes], first: int, patience_s: float = 1.0) -> None:
        """Send all of `records`, numbered from `first`, until the gateway has said that it holds them."""
        end = time.monotonic() + 4 * DEADLINE_S
        last = first + len(records) - 1
        while (done := self.acked.get(log, first - 1)) < last:
            assert time.monotonic() < end, f"{self.name}: acknowledged up to {done} of {last}"
            for start in range(done + 1, min(done + 50, last) + 1, 10):
                part = records[start - first : min(start + 9, last) - first + 1]
                head = b'{"v":1,"log":"%b","first":%d,"sent":1,"recs":[' % (log.encode(), done + 1)
                self.publish("up/records", head + b",".join(part) + b"]}")
            self.wait_acked(log, min(done + 50, last), patience_s)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _heard(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("down/ack"):
            ack = decode_ack(bytes(message.payload))
            with self._news:
                assert ack.seq >= 0
                self.acked[ack.log] = max(ack.seq, self.acked.get(ack.log, -1))
                self._news.notify_all()


@pytest.fixture
def gateway(tmp_path: Path, mosquitto: Broker, children: Children) -> Gateway:
    return Gateway(tmp_path, mosquitto, children)


@pytest.fixture
def device(mosquitto: Broker) -> Iterator[Callable[[str], Device]]:
    """Makes connected devices; they are closed with the test."""
    made: list[Device] = []

    def make(name: str) -> Device:
        made.append(Device(name, mosquitto))
        return made[-1]

    yield make
    for one in made:
        one.close()
