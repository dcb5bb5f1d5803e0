"""thingsboard-gateway, another peer: installed from PyPI into a cache of its own (`installed`), configured
(`config`), and given a stand-in for the platform that it delivers to (`platform`), since it knows no other
destination.
"""

from simulators.servers.thingsboard.config import PLATFORM_TOKEN, write_config
from simulators.servers.thingsboard.installed import VERSION, install

__all__ = ["PLATFORM_TOKEN", "VERSION", "install", "write_config"]
