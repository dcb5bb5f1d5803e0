"""Telegraf, the peer that the gateway is measured against: its binary (`binary`) and a fair configuration
(`config`)."""

from simulators.servers.telegraf.binary import VERSION, build, find
from simulators.servers.telegraf.config import Buffer, telegraf_config

__all__ = ["VERSION", "Buffer", "build", "find", "telegraf_config"]
