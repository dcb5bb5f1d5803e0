"""`network.WLAN` (station) and `network.PPP` as the ESP32 port has them. Whether there is a network, the
world knows; joining Wi-Fi takes its usual 1.8 s, PPP what its frames take over the UART.

As on the chip, the Wi-Fi driver tries again by itself, and its status is "connecting" until its tries
(`config(reconnects=…)`, by default without end) are used up; only then it is the reason.
"""

import errno

import _hw
import _ppp

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_BEACON_TIMEOUT, STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD = 200, 201, 202
_HANDSHAKE_TIMEOUT = 15  # what an access point that refuses the password looks like to the driver
_ABSENT, _THERE, _REFUSES, _NO_ADDRESS = 0, 1, 2, 3  # the world's answers
_JOIN_US = 1_800_000  # scan, associate, DHCP
_LOOK_US = 1_000_000  # how old the last look at the world may be
_AGAIN_US = 3_000_000  # PPP's restart timer
_MAX_REQUESTS = 10


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
            w.reconnects = 0  # 0: for ever
            w.tries = 0
            w.associated = False
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
        self.tries = 0
        self._seek()

    def _seek(self):
        self.state = STAT_CONNECTING
        self._stop_joining()
        self.joining = _hw.at(_hw.now + _JOIN_US, self._joined)

    def _stop_joining(self):
        if self.joining:
            _hw.cancel(self.joining)
            self.joining = None
        self.associated = False

    def _joined(self):
        self.joining = None
        self.looked = _hw.now
        found = _hw.request(78)
        self.associated = found in (_THERE, _NO_ADDRESS)
        if found == _THERE:
            self.state = STAT_GOT_IP
            self.tries = 0
            return
        if found != _NO_ADDRESS:
            self.tries += 1
            if self.reconnects and self.tries >= self.reconnects:
                self.state = _HANDSHAKE_TIMEOUT if found == _REFUSES else STAT_NO_AP_FOUND
                return
        self.joining = _hw.at(_hw.now + 2 * _JOIN_US, self._joined)

    def disconnect(self):
        self._stop_joining()
        self.state = STAT_IDLE
        for s in list(_hw.sockets.values()):
            s.fail(113)

    def isconnected(self):
        if self.state == STAT_GOT_IP and _hw.now - self.looked > _LOOK_US:
            self.looked = _hw.now
            if _hw.request(78) != _THERE:
                self.disconnect()
                self._seek()  # by itself, as the driver does
        return self.state == STAT_GOT_IP

    def status(self, *param):
        if param:
            if param[0] == "rssi":
                if not self.associated:
                    raise OSError("Wifi Not Connected")
                return _hw.config["rssi_dbm"]
            raise ValueError("unknown status param")
        self.isconnected()
        return self.state

    def config(self, *param, **kwargs):
        if "reconnects" in kwargs:
            self.reconnects = kwargs["reconnects"] + 1  # -1: for ever
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


class PPP:
    """States as `status` gives them; an error is told as a negative number of lwIP's (`PPPERR_…`)."""

    SEC_NONE, SEC_PAP, SEC_CHAP = 0, 1, 2
    _INACTIVE, _ACTIVE, _CONNECTING, _CONNECTED = 0, 1, 3, 4
    _PROTOCOL, _PEERDEAD = -6, -9
    _one = None

    def __init__(self, stream):
        self.stream = stream
        self.boot = _hw.state["boot"]
        self.state = PPP._INACTIVE
        self.end = self.timer = None
        PPP._one = self

    def connect(self, security=0, user=None, key=None):
        if self.state > PPP._ACTIVE:
            raise OSError(errno.EALREADY)
        self.end = _ppp.End((0, 0, 0, 0))
        self.tries = 0
        self.state = PPP._CONNECTING
        self.stream.irq(self.poll, self.stream.IRQ_RXIDLE)
        self._ask()
        self.poll()

    def _ask(self):
        self.timer = None
        if self.state != PPP._CONNECTING:
            return
        self.tries += 1
        if self.tries > _MAX_REQUESTS:
            self.state = PPP._PROTOCOL
            return
        self._send(self.end.open())
        self.timer = _hw.at(_hw.now + _AGAIN_US, self._ask)

    def _send(self, data):
        if data:
            self.stream.write(data)

    def poll(self, *ignored):
        if self.state <= PPP._ACTIVE:
            return -1
        data = self.stream.read()
        if not data:
            return 0
        self._send(self.end.take(data))
        if self.end.up and self.state == PPP._CONNECTING:
            self.state = PPP._CONNECTED
        if self.end.closed:
            if self.leaving():
                self._free()
            else:
                self._fail(PPP._PEERDEAD)
        return len(data)

    def leaving(self):
        return self.state == PPP._ACTIVE + 1

    def disconnect(self):
        if self.state >= PPP._CONNECTING:
            self._fail(
                PPP._ACTIVE + 1
            )  # closing: until the other end has agreed, or two requests were in vain
            self._send(self.end.close())
            self.timer = _hw.at(_hw.now + _AGAIN_US, self._close)

    def _close(self):
        self._send(self.end.close())
        self.timer = _hw.at(_hw.now + _AGAIN_US, self._free)

    def _fail(self, state):
        self.state = state
        if self.timer:
            _hw.cancel(self.timer)
            self.timer = None
        for s in list(_hw.sockets.values()):
            s.fail(113)

    def _free(self):
        self._fail(PPP._INACTIVE)
        self.stream.irq(None)  # as on the chip, whoever listens by then

    def isconnected(self):
        return self.state == PPP._CONNECTED

    def status(self):
        return self.state

    def active(self, *on):
        return self.state > PPP._INACTIVE

    def config(self, *param, **kwargs):
        return self.stream if param else None

    def ifconfig(self, *cfg):
        ip = ".".join(map(str, self.end.address)) if self.isconnected() else "0.0.0.0"
        return (ip, "255.255.255.255", "10.64.64.64", "10.64.64.64")

    def ipconfig(self, *param, **kwargs):
        i = self.ifconfig()
        return {"addr4": (i[0], i[1]), "gw4": i[2]}.get(param[0]) if param else None


def ipconfig(param=None, **kwargs):
    # What the network said of itself; in real time the host's own resolver is asked, as `socket` does.
    if param != "dns":
        raise ValueError("unknown config param")
    return "192.168.4.1" if not _hw.real and connected() else "0.0.0.0"


def connected():
    """Whether this chip has a network now (for the stand-in of `socket`)."""
    w, p = WLAN._one, PPP._one
    if p is not None and p.boot == _hw.state["boot"] and p.isconnected():
        return True
    return w is not None and w.boot == _hw.state["boot"] and w.isconnected()
