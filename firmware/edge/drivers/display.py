"""Serial text display: UTF-8 lines, 0x0C clears."""

from edge.drivers.serial import Serial


class Display:
    def __init__(self, port: Serial) -> None:
        self._port = port

    def show(self, *lines: str) -> None:
        self._port.write(b"\x0c" + "\r\n".join(lines).encode() + b"\r\n")
