"""Clients that others wrote feed a real intake: `mosquitto_pub`, and npm `mqtt` under Node, MQTT 3.1.1 and 5.

What a foreign client sees is part of the proof: a PUBACK for each message, and the gateway's `down/ack`.
"""

import json
import subprocess
from typing import Any

import pytest

from gateway.journal import JournalReader
from gateway.metrics import snapshot
from simulators.servers.broker import Broker
from simulators.servers.process import Children
from tests.conftest import password
from tests.intake.conftest import Gateway
from tests.judges.conftest import SCRIPTS, environment, node

LOG = "0000abcd"
DEVICE = "bin-002"
COUNT = 40
DEADLINE_S = 30.0
PROPERTIES_5 = {
    "userProperties": {"firmware": "1.2.0", "垃圾": "分类"},
    "messageExpiryInterval": 3600,
    "contentType": "application/json",
    "payloadFormatIndicator": True,
    "responseTopic": f"huishou/1/{DEVICE}/down/ack",
    "correlationData": "abc",
}


def record(seq: int) -> bytes:
    return b'{"seq":%d, "t":1763715600000,"clock":"ntp","kind":"reading","fill_pct":%d}' % (seq, seq % 101)


def message(seq: int) -> bytes:
    return b'{"v":1,"log":"%b","first":1,"sent":1763715600000,"recs":[%b]}' % (LOG.encode(), record(seq))


def assert_all_journaled(gateway: Gateway) -> None:
    """Every record is there once, byte for byte, plainly accepted; the counts add up."""
    held: list[tuple[int, bytes]] = []
    with JournalReader(gateway.store) as reader:
        for row in reader.read(0, 10_000, DEVICE):
            held += [(one.seq, one.raw) for one in row.records()]
    assert held == [(seq, record(seq)) for seq in range(1, COUNT + 1)]
    records = snapshot(gateway.store, 0)["records"]
    assert records["received"] == sum(records["outcomes"].values()) == COUNT
    assert records["outcomes"].get("quarantined", 0) == records["outcomes"].get("duplicate", 0) == 0


def mosquitto_client(program: str, version: str, mosquitto: Broker, channel: str, *more: str) -> list[str]:
    account = ["-u", DEVICE, "-P", password(DEVICE), "-i", f"{DEVICE}-{program}"]
    topic = ["-t", f"huishou/1/{DEVICE}/{channel}", "-q", "1"]
    return [program, "-h", "127.0.0.1", "-p", str(mosquitto.port), "-V", version, *account, *topic, *more]


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_pub_sees_a_puback_for_each_message_and_mosquitto_sub_the_last_ack(
    version: str, gateway: Gateway, mosquitto: Broker, children: Children
) -> None:
    gateway.start_intake()
    session = ["-c", *(["-x", "300"] if version == "mqttv5" else [])]  # its acks wait for it in the broker
    command = mosquitto_client("mosquitto_sub", version, mosquitto, "down/#", *session)
    subprocess.run([*command, "-E"], check=True, timeout=DEADLINE_S)  # ends once it is subscribed
    properties = []
    if version == "mqttv5":
        for words in (
            "user-property firmware 1.2.0",
            "user-property 垃圾 分类",
            "message-expiry-interval 3600",
            "content-type application/json",
            "topic-alias 1",
        ):
            properties += ["-D", "publish", *words.split()]
    pub = mosquitto_client("mosquitto_pub", version, mosquitto, "up/records", "-d", "-l", *properties)
    lines = b"\n".join(message(seq) for seq in range(1, COUNT + 1)) + b"\n"
    done = subprocess.run(pub, input=lines, capture_output=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"received PUBACK") == COUNT, done.stdout
    heard = gateway.directory / "heard.log"
    listener = children.start("mosquitto_sub", [*command, "-W", str(int(DEADLINE_S))], log=heard)
    last = b'{"v":1,"log":"%b","seq":%d}' % (LOG.encode(), COUNT)
    while last not in heard.read_bytes():
        assert not listener.wait(0.05), listener.last_words()
    assert_all_journaled(gateway)


@pytest.mark.parametrize(
    ("version", "alias"), [(4, False), (5, False), (5, True)], ids=["3.1.1", "5", "5 with topic aliases"]
)
def test_npm_mqtt_delivers_and_is_told_what_is_durable(
    version: int, alias: bool, gateway: Gateway, mosquitto: Broker
) -> None:
    gateway.start_intake()
    code, seen = run_npm_device(
        mosquitto.port,
        version=version,
        alias=alias,
        properties=PROPERTIES_5 if version == 5 else {},
        messages=[message(seq).decode() for seq in range(1, COUNT + 1)],
    )
    assert code == 0, seen
    pubacks = [one["reason"] for one in seen if one["saw"] == "puback"]
    assert pubacks == [0] * COUNT
    acks = [one for one in seen if one["saw"] == "message"]
    assert {one["topic"] for one in acks} == {f"huishou/1/{DEVICE}/down/ack"}
    assert acks[-1]["body"] == {"v": 1, "log": LOG, "seq": COUNT}
    marks = [one["body"]["seq"] for one in acks]
    assert marks == sorted(marks)
    by_alias = [one for one in seen if one["saw"] == "sent" and one["topic"] == "" and one["alias"]]
    assert len(by_alias) == (COUNT - 1 if alias else 0), "the first tells the topic, the rest only its alias"
    assert_all_journaled(gateway)


def run_npm_device(port: int, **orders: Any) -> tuple[int, list[dict[str, Any]]]:
    """Exit code of tests/judges/node/device.mjs, and what it saw."""
    orders = {
        "port": port,
        "name": DEVICE,
        "password": password(DEVICE),
        "log": LOG,
        "last": COUNT,
        "patience_ms": DEADLINE_S * 500,
        **orders,
    }
    done = subprocess.run(
        [node(), SCRIPTS / "device.mjs"],
        input=json.dumps(orders).encode(),
        capture_output=True,
        timeout=DEADLINE_S,
        env=environment(),
    )
    assert not done.stderr, done.stderr.decode()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
