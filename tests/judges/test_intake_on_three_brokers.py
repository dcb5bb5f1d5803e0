"""The same intake behind Mosquitto, amqtt and aedes: what each forgets, the devices' resending makes up for.

Known gaps, each stated where a test meets it:

- amqtt forgets sessions and queues when it is killed, and hands out queued messages with `retain` set;
- aedes keeps both in memory (so it forgets them at a kill too), and closes the connection of a client that
  publishes where it may not, instead of acknowledging;
- Mosquitto (2.0) grants every subscription and then delivers nothing that the reader may not see.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.journal import JournalReader
from gateway.metrics import snapshot
from gateway.processes import status
from simulators.servers import accounts
from simulators.servers.process import wait_until
from tests.conftest import password
from tests.intake.conftest import Device, Gateway
from tests.judges.conftest import AnyBroker, restart

DEADLINE_S = 20.0
LOG = "0000abcd"

MakeGateway = Callable[[AnyBroker], Gateway]
MakeDevice = Callable[[str, AnyBroker], Device]


def reading(seq: int) -> bytes:
    return b'{"seq":%d, "t":1763715600000,"clock":"ntp","kind":"reading","fill_pct":%d}' % (seq, seq % 101)


def held(gateway: Gateway, device: str) -> dict[int, bytes]:
    """What the journal holds of LOG; a record that is there twice fails."""
    found: dict[int, bytes] = {}
    with JournalReader(gateway.store) as reader:
        for row in reader.read(0, 100_000, device):
            for record in row.records():
                assert record.seq not in found
                found[record.seq] = record.raw
    return found


def readings(last: int) -> dict[int, bytes]:
    return {seq: reading(seq) for seq in range(1, last + 1)}


def assert_sum(gateway: Gateway) -> dict[str, Any]:
    facts: dict[str, Any] = snapshot(gateway.store, 0)["records"]
    assert facts["received"] == sum(facts["outcomes"].values())
    assert facts["outcomes"].get("quarantined", 0) == 0, facts["codes"]
    return facts


def test_what_is_published_is_journaled_and_acknowledged_in_order(
    broker: AnyBroker, gateway_at: MakeGateway, device_at: MakeDevice
) -> None:
    gateway = gateway_at(broker)
    gateway.start_intake()
    one = device_at("bin-001", broker)
    marks: list[int] = []
    told = one._client.on_message
    assert told is not None

    def note(client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        told(client, data, message)
        marks.append(one.acked[LOG])

    one._client.on_message = note
    one.deliver(LOG, list(readings(500).values()), 1)
    assert held(gateway, "bin-001") == readings(500)
    assert marks == sorted(marks)
    assert_sum(gateway)


def test_a_session_is_resumed_after_intake_was_stopped(
    broker: AnyBroker, gateway_at: MakeGateway, device_at: MakeDevice
) -> None:
    gateway = gateway_at(broker)
    intake = gateway.start_intake()
    one = device_at("bin-001", broker)
    one.deliver(LOG, [reading(1)], 1)
    assert intake.stop(DEADLINE_S)
    for seq in range(2, 102):  # queued by the broker: nobody sends these again
        body = b'{"v":1,"log":"%b","first":2,"sent":1,"recs":[%b]}' % (LOG.encode(), reading(seq))
        one.publish("up/records", body)
    gateway.start_intake()
    assert one.wait_acked(LOG, 101)
    assert held(gateway, "bin-001") == readings(101)
    assert assert_sum(gateway)["outcomes"].get("duplicate", 0) == 0


def test_what_intake_had_not_acknowledged_when_it_was_killed_comes_again(
    broker: AnyBroker, gateway_at: MakeGateway, device_at: MakeDevice
) -> None:
    through_mishaps(broker, gateway_at, device_at, count=1500, kill_broker=False)


def test_a_killed_broker_costs_time_and_no_record(
    broker: AnyBroker, gateway_at: MakeGateway, device_at: MakeDevice
) -> None:
    through_mishaps(broker, gateway_at, device_at, count=900, kill_broker=True)


def through_mishaps(
    broker: AnyBroker, gateway_at: MakeGateway, device_at: MakeDevice, *, count: int, kill_broker: bool
) -> None:
    """Two devices deliver while intake (or the broker under it) is killed twice."""
    gateway = gateway_at(broker)
    intake = gateway.start_intake()
    devices = [device_at(name, broker) for name in ("bin-001", "truck-001")]
    records = list(readings(count).values())
    senders = [threading.Thread(target=one.deliver, args=(LOG, records, 1)) for one in devices]
    for sender in senders:
        sender.start()
    for share in (0.2, 0.55):
        assert devices[0].wait_acked(LOG, int(count * share))
        if kill_broker:
            restart(broker)
        else:
            intake.kill()
            intake = gateway.start_intake()
    for sender in senders:
        sender.join(4 * DEADLINE_S)
    for one in devices:
        assert one.acked[LOG] == count
        assert held(gateway, one.name) == readings(count)
    assert assert_sum(gateway)["received"] >= 2 * count


def test_a_retained_state_from_before_intake_and_a_last_will_are_kept(
    broker: AnyBroker, gateway_at: MakeGateway, device_at: MakeDevice
) -> None:
    gateway = gateway_at(broker)
    name, online = "bin-003", b'{"v":1,"online":true,"log":"0000abcd","first":1,"head":0}'
    offline = b'{"v":1,"online":false}'
    sent = threading.Event()
    unit = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)
    unit.username_pw_set(name, password(name))
    unit.will_set(f"huishou/1/{name}/up/state", offline, qos=1, retain=True)

    def say_online(*_: Any) -> None:
        unit.publish(f"huishou/1/{name}/up/state", online, qos=1, retain=True)

    unit.on_connect = say_online
    unit.on_publish = lambda *_: sent.set()
    unit.connect("127.0.0.1", broker.port)
    unit.loop_start()
    assert sent.wait(DEADLINE_S)
    gateway.start_intake()
    assert wait_until(lambda: state(gateway, name) == online, DEADLINE_S)
    unit.on_connect = None  # paho connects again by itself: it then says nothing
    link = unit.socket()
    assert isinstance(link, socket.socket)
    link.shutdown(socket.SHUT_RDWR)  # as when the radio goes: no DISCONNECT
    assert wait_until(lambda: state(gateway, name) == offline, DEADLINE_S)
    unit.disconnect()
    unit.loop_stop()


def state(gateway: Gateway, device: str) -> bytes | None:
    with JournalReader(gateway.store) as reader:
        return next((one.body for one in reader.states(device)), None)


def test_a_wrong_password_is_said(broker: AnyBroker, gateway_at: MakeGateway) -> None:
    gateway = gateway_at(broker)
    (gateway.directory / "mqtt-password").write_text("wrong\n")
    child = gateway.start("intake")
    assert wait_until(lambda: says(gateway).startswith("broker refused"), DEADLINE_S), child.last_words()


@pytest.mark.parametrize("broker", ["amqtt", "aedes"], indirect=True)
def test_a_refused_subscription_is_said(broker: AnyBroker, gateway_at: MakeGateway) -> None:
    """Mosquitto cannot be asked this: it grants every subscription (see above)."""
    gateway = gateway_at(broker)
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace(f'"{accounts.GATEWAY}"', '"bin-001"'))
    (gateway.directory / "mqtt-password").write_text(password("bin-001"))
    child = gateway.start("intake")
    assert wait_until(lambda: "denied" in says(gateway), DEADLINE_S), (says(gateway), child.last_words())
    assert says(gateway).startswith("broker refused: ")


def says(gateway: Gateway) -> str:
    return str(status(gateway.store, 0)["intake"].get("state", ""))
