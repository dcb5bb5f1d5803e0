"""`network.WLAN` (station). Whether there is a network, the world knows; joining takes its usual 1.8 s."""

import _hw

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_BEACON_TIMEOUT, STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD = 200, 201, 202
_JOIN_US = 1_800_000  # scan, associate, DHCP
_LOOK_US = 1_000_000  # how old the last look at the world may be


def country(code=None):
    return code


def hostname(name=None):
    return name or "huishou"


class WLAN:
    IF_STA, IF_AP = 0, 1
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    _one = None

    def __new__(cls, interface=0):
        if WLAN._one is None or WLAN._one.boot != _hw.state["boot"]:
            w = object.__new__(cls)
            w.boot = _hw.state["boot"]
            w.on = False
            w.state = STAT_IDLE
            w.joining = None
            w.looked = -_LOOK_US
            WLAN._one = w
        return WLAN._one

    def __init__(self, interface=0):
        pass

    def active(self, *on):
        if not on:
            return self.on
        on = bool(on[0])
        if on != self.on:
            self.on = on
            if not on:
                self.disconnect()
            _hw.request(87, b"r" if on else b"a")
        return self.on

    def connect(self, ssid=None, key=None, **kwargs):
        if not self.on:
            raise OSError("Wifi Not Started")
        self.state = STAT_CONNECTING
        self._stop_joining()
        self.joining = _hw.at(_hw.now + _JOIN_US, self._joined)

    def _stop_joining(self):
        if self.joining:
            _hw.cancel(self.joining)
            self.joining = None

    def _joined(self):
        self.joining = None
        self.looked = _hw.now
        self.state = STAT_GOT_IP if _hw.request(78) else STAT_NO_AP_FOUND
        if self.state != STAT_GOT_IP:
            # As the chip's driver does, it goes on trying by itself.
            self.joining = _hw.at(_hw.now + 2 * _JOIN_US, self._joined)

    def disconnect(self):
        self._stop_joining()
        self.state = STAT_IDLE
        for s in list(_hw.sockets.values()):
            s.fail(113)

    def isconnected(self):
        if self.state == STAT_GOT_IP and _hw.now - self.looked > _LOOK_US:
            self.looked = _hw.now
            if not _hw.request(78):
                self.disconnect()
                self.state = STAT_BEACON_TIMEOUT
        return self.state == STAT_GOT_IP

    def status(self, *param):
        if param:
            if param[0] == "rssi":
                return _hw.config["rssi_dbm"]
            raise ValueError("unknown status param")
        self.isconnected()
        return self.state

    def config(self, *param, **kwargs):
        if not param:
            return None
        return {"mac": b"\x24\x0a\xc4" + bytes.fromhex(_hw.config["unique_id"])[3:], "channel": 6}.get(
            param[0], 0
        )

    def ifconfig(self, *cfg):
        ip = "192.168.4.2" if self.state == STAT_GOT_IP else "0.0.0.0"
        return (ip, "255.255.255.0", "192.168.4.1", "192.168.4.1")

    def ipconfig(self, *param, **kwargs):
        if param and param[0] in ("addr4", "gw4"):
            i = self.ifconfig()
            return (i[0], i[1]) if param[0] == "addr4" else i[2]
        return None


def connected():
    """Whether this chip has a network now (for the stand-in of `socket`)."""
    return WLAN._one is not None and WLAN._one.boot == _hw.state["boot"] and WLAN._one.isconnected()
