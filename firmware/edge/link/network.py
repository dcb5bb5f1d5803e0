"""Bringing the radio up and down. Wi-Fi; a modem would be a second class with the same three methods."""

import asyncio
import time

import network

from edge.errors import EdgeError

_LOOK_MS = 250


class Wifi:
    def __init__(self, ssid: str, password: str) -> None:
        self._ssid = ssid
        self._password = password
        self._wlan = network.WLAN(network.WLAN.IF_STA)

    @property
    def up(self) -> bool:
        return self._wlan.isconnected()

    async def connect(self, timeout_ms: int) -> None:
        """Join the network. Errors: `network-unreachable`."""
        if self.up:
            return
        start = time.ticks_ms()
        self._wlan.active(True)
        self._wlan.connect(self._ssid, self._password)
        while not self.up:
            if time.ticks_diff(time.ticks_ms(), start) > timeout_ms:
                self.off()
                raise EdgeError("network-unreachable", "no %s within %d ms" % (self._ssid, timeout_ms))
            await asyncio.sleep_ms(_LOOK_MS)

    def rssi_dbm(self) -> "int | None":
        return self._wlan.status("rssi") if self.up else None

    def off(self) -> None:
        self._wlan.active(False)
