"""Topics, and the AsyncAPI document that describes them, agree with the code and the schemas."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

import schemas
from gateway import contract
from gateway.contract import CHANNELS, Topic, parse_topic, topic

DOCUMENT: dict[str, Any] = yaml.safe_load(schemas.load_text("asyncapi.yaml"))


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{1,31}", fullmatch=True), st.sampled_from(CHANNELS))
def test_every_device_and_channel_has_its_topic(device: str, channel: str) -> None:
    assert parse_topic(topic(device, channel)) == Topic(device, channel)


@given(
    st.text(st.sampled_from("abz-0_/+#\n A"), max_size=40),
    st.sampled_from(CHANNELS),
    st.sampled_from(["", "\n", "/", "x"]),
)
def test_nothing_else_is_a_topic(device: str, channel: str, tail: str) -> None:
    parsed = parse_topic(topic(device, channel) + tail)
    well_formed = 2 <= len(device) <= 32 and set(device) <= set("abz-0") and not device.startswith("-")
    assert (parsed is not None) == (well_formed and not tail)


def test_a_topic_of_any_length_costs_nothing_to_refuse() -> None:
    """MQTT allows 64 KiB, and anybody may publish one: none of them is remembered."""
    before = contract._parse_topic.cache_info().currsize
    for i in range(100):
        assert parse_topic(topic("bin-1", f"up/records/{i:060000}")) is None
    assert contract._parse_topic.cache_info().currsize == before


def walk(value: Any) -> list[str]:
    """Every `$ref` in the document."""
    match value:
        case {"$ref": str(ref)}:
            return [ref]
        case dict():
            return [ref for v in value.values() for ref in walk(v)]
        case list():
            return [ref for v in value for ref in walk(v)]
        case _:
            return []


def resolve(ref: str) -> Any:
    if not ref.startswith("#/"):
        return schemas.load(ref.removeprefix("./").removesuffix(".json"))
    target: Any = DOCUMENT
    for part in ref.removeprefix("#/").split("/"):
        target = target[part]
    return target


def test_every_reference_leads_somewhere() -> None:
    refs = walk(DOCUMENT)
    assert refs
    for ref in refs:
        assert resolve(ref), ref


def test_the_document_is_asyncapi_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= set(server)
    for channel in DOCUMENT["channels"].values():
        assert {"address", "messages", "parameters"} <= set(channel)
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")


def test_channels_operations_and_messages_are_the_contracts() -> None:
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert [a.replace("{device}", "bin-1") for a in addresses.values()] == [
        topic("bin-1", c) for c in CHANNELS
    ]
    retained = {}
    for operation in DOCUMENT["operations"].values():
        name = operation["channel"]["$ref"].removeprefix("#/channels/")
        direction = addresses[name].split("/")[3]
        assert operation["action"] == {"up": "send", "down": "receive"}[direction]
        assert operation["messages"] == [{"$ref": f"#/channels/{name}/messages/{name}"}]
        assert operation["bindings"]["mqtt"]["qos"] == 1
        retained[name] = operation["bindings"]["mqtt"]["retain"]
        payload = DOCUMENT["components"]["messages"][name]["payload"]
        assert payload["schema"]["$ref"] == f"./{direction}-{name}.json"
    assert retained == {name: name in ("state", "desired") for name in addresses}


def test_the_last_will_is_a_state() -> None:
    will = DOCUMENT["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]
    assert (will["qos"], will["retain"]) == (1, True)
    assert will["topic"] == topic("{device}", "up/state")
    assert contract.decode_state(will["message"].encode()).online is False
