"""The bearer over Wi-Fi. What the chip's driver knows becomes one code each: no access point, wrong password,
no address, access point gone.

The ESP32 port tries again by itself and says "connecting" all the while; it tells a reason only once its
own tries are used up, so their number is set (`reconnects`).
"""

import asyncio
import time

import network

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

LOOK_MS = 250
TRIES = 2  # of the driver, before it says why
ROAM_MS = 6_000  # the driver finds the next access point of the same name by itself, usually in 2 s
# Reasons of a disconnection as ESP-IDF numbers them (esp_wifi_types.h): 2 auth expired, 15 four-way
# handshake timed out, 202 authentication failed, 204 handshake timed out. A wrong password looks like any.
_PASSWORD = (2, 15, 202, 204)
_BEACON = 200
_CONNECTING = 1001


class Wifi:
    """`code`: the last failure, "" when there was none. `roams`: how often the access point changed."""

    up_ms = 20_000

    def __init__(self, ssid: str, password: str) -> None:
        self._ssid = ssid
        self._password = password
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._joined = False  # since it was switched on
        self.code = ""
        self.roams = 0

    # The interface of a bearer

    def is_up(self) -> bool:
        return self._wlan.isconnected()

    def signal_dbm(self) -> "int | None":
        return self._wlan.status("rssi") if self.is_up() else None

    def well(self) -> None:
        """Somebody at the other end has answered; of no use here."""

    async def up(self, deadline_ms: int) -> None:
        """Join the network.

        Errors: `network-unreachable` (no such access point), `wifi-password`, `wifi-no-address`, `wifi-lost`
        (it was there and is gone).
        """
        if self.is_up():
            return
        start = time.ticks_ms()
        if self._joined and await self._until(start, min(ROAM_MS, deadline_ms)):
            self.roams += 1
            return
        if not self._joined or self._wlan.status() != _CONNECTING:
            self._wlan.active(True)
            self._wlan.config(reconnects=TRIES)
            self._wlan.connect(self._ssid, self._password)
        if not await self._until(start, deadline_ms):
            self.code = code = self._why()
            self.off()
            raise EdgeError(code, "%s, within %d ms" % (self._ssid, deadline_ms))
        self._joined = True
        self.code = ""

    async def down(self) -> None:
        self.off()

    def off(self) -> None:
        self._joined = False
        self._wlan.active(False)

    # Inside

    async def _until(self, start: "Any", limit_ms: int) -> bool:
        """Wait for the network until `limit_ms` after `start`, or until the driver has given up."""
        while not self.is_up():
            if time.ticks_diff(time.ticks_ms(), start) > limit_ms or self._wlan.status() != _CONNECTING:
                return False
            await asyncio.sleep_ms(LOOK_MS)
        return True

    def _why(self) -> str:
        reason = self._wlan.status()
        if reason in _PASSWORD:
            return "wifi-password"
        try:
            self._wlan.status("rssi")  # of the access point that took us in
        except (OSError, RuntimeError):
            return "wifi-lost" if self._joined or reason == _BEACON else "network-unreachable"
        return "wifi-no-address"
