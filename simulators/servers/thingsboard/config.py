"""A configuration of thingsboard-gateway that takes our records as fast as it can: MQTT in, memory storage,
no rate limits of its own, packs of 1,000."""

import json
from pathlib import Path
from typing import Any

PLATFORM_TOKEN = "bench"  # noqa: S105 (a stand-in on the loopback address)
_UNLIMITED = "0:0,"
_LIMITS = (
    *("rateLimits", "dpRateLimits", "messagesRateLimits"),
    *("deviceMessagesRateLimits", "deviceRateLimits", "deviceDpRateLimits"),
)


def write_config(
    directory: Path, *, broker: tuple[str, int], username: str, password: str, client: str, platform_port: int
) -> dict[str, str]:
    """Write its files below a directory; the environment that makes it read them."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "logs").mkdir(exist_ok=True)
    core: dict[str, Any] = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": platform_port,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False, "statsSendPeriodInSeconds": 3600},
            "deviceFiltering": {"enable": False, "filterFile": "list.json"},
            "maxPayloadSizeBytes": 65536,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 3600,
            "handleDeviceRenaming": False,
            "security": {"type": "accessToken", "accessToken": PLATFORM_TOKEN},
            "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
            **dict.fromkeys(_LIMITS, _UNLIMITED),
        },
        "storage": {"type": "memory", "read_records_count": 1000, "max_records_count": 2_000_000},
        "grpc": {"enabled": False},
        "connectors": [{"type": "mqtt", "name": "records", "configuration": "mqtt.json"}],
    }
    connector = {
        "broker": {
            "host": broker[0],
            "port": broker[1],
            "clientId": client,
            "version": 4,
            "maxMessageNumberPerWorker": 10,
            "maxNumberOfWorkers": 100,
            "cleanSession": False,
            "security": {"type": "basic", "username": username, "password": password},
        },
        "mapping": [
            {
                "topicFilter": "huishou/1/+/up/records",
                "subscriptionQos": 1,
                "converter": {
                    "type": "json",
                    "deviceInfo": {
                        "deviceNameExpressionSource": "topic",
                        "deviceNameExpression": "(?<=huishou/1/)(.*?)(?=/up/records)",
                        "deviceProfileExpressionSource": "constant",
                        "deviceProfileExpression": "default",
                    },
                    "sendDataOnlyOnChange": False,
                    "timeout": 60000,
                    "attributes": [],
                    # It takes an array apart only at the top of a message: ours stays one value.
                    "timeseries": [{"type": "string", "key": "recs", "value": "${recs}"}],
                },
            }
        ],
        "requestsMapping": {},
    }
    quiet = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler", "level": "WARNING"}},
        "root": {"level": "WARNING", "handlers": ["out"]},
    }
    for name, content in (("tb_gateway.json", core), ("mqtt.json", connector), ("logs.json", quiet)):
        (directory / name).write_text(json.dumps(content, indent=1))
    return {"TB_GW_CONFIG_DIR": f"{directory}/", "TB_GW_LOGS_PATH": str(directory / "logs")}
