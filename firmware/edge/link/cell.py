"""What a modem's answers mean (3GPP TS 27.007), and how far to go after failures. Pure."""

KEEP_TRYING, RADIO, KEY, SUPPLY = 0, 1, 2, 3  # rungs of the ladder
HOME, DENIED, ROAMING = 1, 3, 5  # of +CEREG: the rest is "not yet"

_SIM_BY_NUMBER = {
    "10": "sim-missing",  # SIM not inserted
    "11": "sim-pin",
    "12": "sim-puk",
    "13": "sim-failure",
    "14": "",  # busy
    "15": "sim-failure",  # wrong: locked to something else
    "16": "sim-pin",  # incorrect password
    "18": "sim-puk",
}


def rung(fails: int) -> int:
    """How hard to try after so many failures in a row.

    1: the radio off and on; 2: the module by its key; 4, 8, 16, …: its supply. Between those only the
    attempt itself is made: each cycle costs a boot and a search, so they become ever more seldom, and a
    month without a network costs no more than a dozen of them.
    """
    if fails <= 0:
        return KEEP_TRYING
    if fails == 1:
        return RADIO
    if fails == 2:
        return KEY
    return KEEP_TRYING if fails & (fails - 1) else SUPPLY


def error_number(result: str) -> str:
    """The number in `+CME ERROR: 10`; "" when there is none."""
    number = result[result.find(":") + 1 :].strip() if ":" in result else ""
    return number if number.isdigit() else ""


def sim_state(lines: "list[str]", error: str) -> str:
    """Of AT+CPIN?, its lines or its error result: "ready", "" (not yet), or what is wrong, as a code."""
    if error:
        return _SIM_BY_NUMBER.get(error_number(error), "")
    said = lines[0] if lines else ""
    if said == "READY":
        return "ready"
    if "PUK" in said:
        return "sim-puk"
    if "PIN" in said:
        return "sim-pin"
    return "sim-missing" if "NOT" in said else ""


def pin_tries(lines: "list[str]") -> int:
    """Of AT+CPINR="SIM PIN" (`SIM PIN,3,3`): how many tries the card allows; 0: it does not say."""
    parts = lines[0].split(",") if lines else []
    return int(parts[1]) if len(parts) > 1 and parts[1].strip().isdigit() else 0


def registration(lines: "list[str]") -> int:
    """Of AT+CEREG? (`0,1` or `0,5,"…"`): the state; 0 when it does not say."""
    parts = lines[0].split(",") if lines else []
    return int(parts[1]) if len(parts) > 1 and parts[1].strip().isdigit() else 0


def signal_dbm(lines: "list[str]") -> "int | None":
    """Of AT+CSQ (`21,99`): the received signal, -113 to -51 dBm; None: not known or not detectable."""
    number = lines[0].split(",")[0].strip() if lines else ""
    if not number.isdigit() or int(number) > 31:
        return None
    return 2 * int(number) - 113
