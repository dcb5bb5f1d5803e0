"""A stand-in for the ThingsBoard platform: `python -m simulators.servers.thingsboard.platform PORT FILE`.

On a broker of its own it answers the one question that the gateway asks before it sends (session limits),
and counts the readings in its telemetry: FILE holds `{"readings": …, "messages": …}`, replaced ten times a
second. It stores nothing, so the gateway has an easier time with it than with the real one.
"""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

TELEMETRY = "v1/gateway/telemetry"
ASKED = "v1/devices/me/rpc/request/"
ANSWER = "v1/devices/me/rpc/response/"
EVERY_S = 0.1
LIMITS = {
    "maxPayloadSize": 65536,
    "maxInflightMessages": 1000,
    **dict.fromkeys(
        ("rateLimits", "gatewayRateLimits"),
        dict.fromkeys(("messages", "telemetryMessages", "telemetryDataPoints"), "0:0,"),
    ),
}


class Platform:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.readings = 0
        self.messages = 0

    def on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith(ASKED):
            client.publish(ANSWER + message.topic[len(ASKED) :], json.dumps(LIMITS), 1)
            return
        self.messages += 1
        self.readings += message.payload.count(b"'seq':")  # each reading is Python's text of it in a string


def main() -> None:
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    platform = Platform()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="platform")
    client.on_message = platform.on_message
    client.connect("127.0.0.1", port)
    client.subscribe([(TELEMETRY, 1), (ASKED + "+", 1)])
    client.loop_start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.wait(EVERY_S):
        part = file.with_suffix(".part")
        part.write_text(json.dumps({"readings": platform.readings, "messages": platform.messages}))
        part.replace(file)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
