"""One end of a PPP link (RFC 1661, framing of RFC 1662, addresses of RFC 1332) without I/O.

As much as brings a link up, keeps it and ends it: LCP, IPCP, echo, terminate; no options but the address. It
stands for lwIP's PPP on the chip and, at the other end of the line, for the modem's: so the bytes between
them are real, and what disturbs the line disturbs the link. IP packets do not travel here: sockets of
virtual time have their own way, which is open while the link is. Runs under MicroPython and CPython.
"""

LCP, IPCP = 0xC021, 0x8021
REQUEST, ACK, NAK, REJECT, TERMINATE, TERMINATED, ECHO, ECHOED = 1, 2, 3, 4, 5, 6, 9, 10
_MAX_FRAME = 1500
_FLAG, _ESCAPE = 0x7E, 0x7D


def fcs(data):
    """The frame check sequence (FCS-16, RFC 1662 appendix C)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc ^ 0xFFFF


def framed(protocol, body):
    """A frame as it goes over an asynchronous line."""
    data = bytes((0xFF, 3, protocol >> 8, protocol & 255)) + body
    check = fcs(data)
    out = bytearray((_FLAG,))
    for byte in data + bytes((check & 255, check >> 8)):
        if byte < 32 or byte in (_FLAG, _ESCAPE):
            out.append(_ESCAPE)
            byte ^= 32
        out.append(byte)
    out.append(_FLAG)
    return bytes(out)


class End:
    """`address`: our own; (0, 0, 0, 0): ask the other end. `give`: what the other end gets when it asks.

    `up`: both have agreed on both layers. `closed`: either has ended the link. `take` returns what to send.
    """

    def __init__(self, address, give=None):
        self.address = bytes(address)
        self.give = None if give is None else bytes(give)
        self.up = self.closed = False
        self._frame = bytearray()
        self._escaped = False
        self._id = 0
        self._ours = {LCP: False, IPCP: False}  # our request was acknowledged
        self._theirs = {LCP: False, IPCP: False}

    def open(self):
        """Ask (again) for what is not agreed yet."""
        if not self._ours[LCP]:
            return self._ask(LCP, b"")
        if self._theirs[LCP] and not self._ours[IPCP]:
            return self._ask(IPCP, b"\x03\x06" + self.address)
        return b""

    def close(self):
        """Ask to end the link."""
        self.up = False
        self._id += 1
        return framed(LCP, bytes((TERMINATE, self._id & 255, 0, 4)))

    def take(self, data):
        """Bytes from the line."""
        out = b""
        for byte in data:
            if byte == _FLAG:
                frame, self._frame, self._escaped = bytes(self._frame), bytearray(), False
                if len(frame) >= 10 and frame[:2] == b"\xff\x03" and self._sound(frame):
                    out += self._packet(frame[2] << 8 | frame[3], frame[4:-2])
            elif byte == _ESCAPE:
                self._escaped = True
            elif len(self._frame) < _MAX_FRAME:
                self._frame.append(byte ^ 32 if self._escaped else byte)
                self._escaped = False
        return out

    @staticmethod
    def _sound(frame):
        return fcs(frame[:-2]) == frame[-2] | frame[-1] << 8

    def _ask(self, protocol, options):
        self._id += 1
        return framed(protocol, bytes((REQUEST, self._id & 255, 0, 4 + len(options))) + options)

    def _packet(self, protocol, body):
        code, number, options = body[0], body[1:2], body[4:]
        if protocol not in self._ours:
            return b""
        if code == REQUEST:
            return self._asked(protocol, number, options)
        if code == ACK:
            self._ours[protocol] = True
            out = b"" if self._ours[IPCP] else self.open()
            self.up = all(self._ours.values()) and all(self._theirs.values())
            return out
        if code == NAK and protocol == IPCP and options[:2] == b"\x03\x06":
            self.address = options[2:6]
            return self.open()
        if code == TERMINATE:
            self.up, self.closed = False, True
            return framed(LCP, bytes((TERMINATED,)) + number + b"\0\x04")
        if code == TERMINATED:
            self.up, self.closed = False, True
        if code == ECHO and protocol == LCP:
            return framed(LCP, bytes((ECHOED,)) + number + b"\0\x08" + options[:4])
        return b""

    def _asked(self, protocol, number, options):
        answer = ACK
        if protocol == IPCP and self.give is not None and options == b"\x03\x06\0\0\0\0":
            answer, options = NAK, b"\x03\x06" + self.give
        size = 4 + len(options)
        out = framed(protocol, bytes((answer,)) + number + bytes((size >> 8, size & 255)) + options)
        if answer == ACK:
            self._theirs[protocol] = True
            self.up = all(self._ours.values()) and all(self._theirs.values())
            if protocol == LCP and self._ours[LCP]:
                out += self.open()
        return out
