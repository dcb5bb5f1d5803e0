"""A modem's AT dialogue: which lines answer a command, and what the command does to the modem.

Commands of 3GPP TS 27.007 and V.250, as modems of the EC800 and Air780 kind answer them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.world.modem import Modem

DIAL_MS = 300
_PIN = "1234"


def card(modem: "Modem") -> str:
    """What the card is, as the modem says it."""
    if modem.fault == "sim-missing":
        return "+CME ERROR: 10"
    if modem.fault == "sim-dead":
        return "+CME ERROR: 13"
    if modem.fault == "sim-puk" or not modem.tries:
        return "+CPIN: SIM PUK"
    return "+CPIN: SIM PIN" if modem.fault == "sim-pin" and modem.locked else "+CPIN: READY"


def answers(modem: "Modem", line: str) -> list[str]:
    """The lines that answer a command; the last is its result."""
    command = line.upper()
    if command in ("ATE0", "ATE1"):
        modem.echo = command == "ATE1"
        return ["OK"]
    if command in ("AT", "ATH", "AT+CMEE=1"):
        return ["OK"]
    if command == "AT+CSQ":
        deaf = modem.fault == "no-signal" or modem.cell == "off"
        return [f"+CSQ: {99 if deaf else modem.signal},99", "OK"]
    if command == "AT+CEREG?":
        return [f"+CEREG: 0,{_registration(modem)}", "OK"]
    if command in ("AT+CFUN=0", "AT+CFUN=1"):
        modem.cell = "off"
        modem.count()
        if command.endswith("1"):
            modem.search()
        return ["OK"]
    if command.startswith("AT+CGDCONT=1,"):
        modem.apn = line.split('"')[3] if line.count('"') >= 4 else ""
        return ["OK"]
    if command == "ATD*99***1#":
        return _dialled(modem)
    if command in ("AT+QPOWD=1", "AT+CPOWD=1"):
        modem.leave()
        return ["OK"]
    return _of_the_card(modem, line)


def _of_the_card(modem: "Modem", line: str) -> list[str]:
    state = card(modem)
    if line == "AT+CPIN?":
        return [state] if "ERROR" in state else [state, "OK"]
    if line == 'AT+CPINR="SIM PIN"':
        return [f"+CPINR: SIM PIN,{modem.tries},3", "OK"]
    if line.startswith('AT+CPIN="') and state == "+CPIN: SIM PIN":
        if line != f'AT+CPIN="{_PIN}"':
            modem.tries -= 1
            return ["+CME ERROR: 16"]
        modem.locked, modem.tries = False, 3
        modem.search()
        return ["OK"]
    return ["+CME ERROR: 4"]


def _registration(modem: "Modem") -> int:
    if modem.fault == "denied":
        return 3
    return {"home": 1, "search": 2}.get(modem.cell, 0)


def _dialled(modem: "Modem") -> list[str]:
    if modem.cell != "home" or modem.fault == "apn":
        return ["NO CARRIER"]
    modem.after(DIAL_MS, "connected")
    return []
