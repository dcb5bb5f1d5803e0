"""InfluxDB 2 for a run on one machine: where its binary comes from (`binary`), and a server of it
(`server`)."""

from simulators.servers.influxdb.binary import VERSION, Progress, build, check_can_build, find, progress
from simulators.servers.influxdb.server import Access, InfluxServer, configured

__all__ = [
    "VERSION",
    "Access",
    "InfluxServer",
    "Progress",
    "build",
    "check_can_build",
    "configured",
    "find",
    "progress",
]
