"""A configuration of Telegraf that takes the contract's records to InfluxDB as fast as it can, losing none.

`mqtt_consumer` with QoS 1 and a persistent session (so it acknowledges after the output took the metrics),
the json_v2 parser, tags as the gateway's, a buffer larger than all that can be under way.
"""

import json
from enum import StrEnum
from pathlib import Path

from simulators.servers.influxdb import Access

# The gateway's tags, without `log`, which Telegraf does not reach; everything else is a field. It has no
# measurement by path within an array's elements, so `kind` is a tag here.
TAGS = (
    "kind",
    "bay",
    "category",
    "cause",
    "clock",
    "code",
    "door",
    "event",
    "fence",
    "part",
    "scale",
    "state",
)


class Buffer(StrEnum):
    """Telegraf's `buffer_strategy`. What is in memory goes with the process; what is on disk is fsynced."""

    MEMORY = "memory"
    DISK = "disk"


def telegraf_config(
    *,
    broker: tuple[str, int],
    username: str,
    password: str,
    client: str,
    influxdb: Access,
    buffer: Buffer,
    directory: Path,
    batch: int,
    undelivered: int,
    flush_ms: int = 200,
) -> str:
    """The text of a telegraf.conf. `undelivered`: messages under way (`max_undelivered_messages`)."""
    q = json.dumps
    return f"""\
[agent]
  interval = "10s"
  flush_interval = "{flush_ms}ms"
  metric_batch_size = {batch}
  metric_buffer_limit = 2000000
  buffer_strategy = "{buffer}"
  buffer_directory = {q(str(directory / "buffer"))}
  omit_hostname = true

[[inputs.mqtt_consumer]]
  servers = ["tcp://{broker[0]}:{broker[1]}"]
  topics = ["huishou/1/+/up/records"]
  topic_tag = ""
  qos = 1
  persistent_session = true
  client_id = {q(client)}
  username = {q(username)}
  password = {q(password)}
  max_undelivered_messages = {undelivered}
  data_format = "json_v2"
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "huishou/1/+/up/records"
    tags = "_/_/device/_/_"
  [[inputs.mqtt_consumer.json_v2]]
    measurement_name = "record"
    [[inputs.mqtt_consumer.json_v2.object]]
      path = "recs"
      timestamp_key = "t"
      timestamp_format = "unix_ms"
      tags = {q(list(TAGS))}

[[outputs.influxdb_v2]]
  urls = [{q(influxdb.url)}]
  token = {q(influxdb.token)}
  organization = {q(influxdb.org)}
  bucket = {q(influxdb.bucket)}
  content_encoding = "identity"
"""
